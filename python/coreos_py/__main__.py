"""`python -m coreos_py` is the `coreos` command."""

from coreos_py.cli.coreos import main

if __name__ == "__main__":
    raise SystemExit(main())

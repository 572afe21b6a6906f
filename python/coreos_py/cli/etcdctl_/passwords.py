"""Asking for a password: on a terminal without showing it, else as one line of standard input."""

from __future__ import annotations

import os

from coreos_py.cli.etcdctl_.output import write_error


def ask_password(prompt: str) -> str:
    """The password, without the end of its line."""
    if os.isatty(0):
        import getpass

        try:
            return getpass.getpass(prompt)
        except EOFError:
            # Ctrl-D: the same as an empty standard input. The prompt's line is still open.
            write_error("\n")
            return ""
    write_error(f"{prompt}\n")
    # Byte by byte: what follows the line may be the value to be set.
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return os.fsdecode(bytes(line))

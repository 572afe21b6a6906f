"""`mkdir`, `setdir` and `updatedir`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.arguments import required_key
from coreos_py.cli.etcdctl_.exits import CommandError, error_line
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import requests
from coreos_py.client.errors import ServerError
from coreos_py.client.keys import Result

_NOT_A_FILE = 102


def run(name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Make or change one directory; silent in the simple format."""
    key = required_key(words)
    ttl_s = values.integer("ttl")
    if name == "mkdir":
        result = session.call(requests.create_dir(key, ttl_s=ttl_s))
    elif name == "setdir":
        result = _set_dir(session, key, ttl_s)
    else:
        if "ttl" not in values:
            # It would take the directory's TTL away, which nobody means who leaves the flag out.
            raise CommandError(error_line("--ttl required (--ttl 0 removes the TTL)"))
        result = session.call(requests.update_dir(key, ttl_s=ttl_s))
    if session.output_format != "simple":
        session.show(result)


def _set_dir(session: Session, key: str, ttl_s: int) -> Result:
    """The server refuses to set a directory over one; what the help promises for that case is an update."""
    try:
        return session.call(requests.set_dir(key, ttl_s=ttl_s))
    except ServerError as error:
        if error.code != _NOT_A_FILE:
            raise
    return session.call(requests.update_dir(key, ttl_s=ttl_s))

"""`rm` and `rmdir`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.arguments import required_key
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import requests
from coreos_py.client._text import to_bytes


def run(name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Remove one key and print the value it had; a directory goes silently in the simple format."""
    key = required_key(words)
    if name == "rmdir":
        request = requests.delete(key, is_dir=True)
    else:
        request = requests.delete(
            key,
            is_dir=values.switch("dir"),
            recursive=values.switch("recursive"),
            prev_value=to_bytes(values.text("with-value")) if "with-value" in values else None,
            prev_index=values.integer("with-index"),
        )
    result = session.call(request)
    is_silent = result.event.node.is_dir or (name == "rmdir" and session.is_2014)
    if not is_silent or session.output_format != "simple":
        session.show(result)

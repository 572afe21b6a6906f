"""`auth enable` and `auth disable`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.admin import ask, no_words
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_out
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import auth


def run(name: str, session: Session, _values: Values, words: Sequence[str]) -> None:
    """Switch the check of credentials on or off."""
    no_words(words)
    request = auth.enable() if name == "enable" else auth.disable()
    ask(session, request, auth.decode_done)
    write_out(f"Authentication {'Enabled' if name == 'enable' else 'Disabled'}\n")

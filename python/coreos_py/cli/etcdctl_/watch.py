"""`watch`."""

from __future__ import annotations

import signal
from collections.abc import Sequence

from coreos_py.cli.etcdctl_.arguments import required_key
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_out
from coreos_py.cli.etcdctl_.session import Session


def run(_name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Print the next change, or every change until Ctrl-C, which is how a watch properly ends."""
    key = required_key(words)
    recursive = values.switch("recursive")
    try:
        # A shell without job control starts `etcdctl watch ... &` with this signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for result in session.watch(key, after_index=values.integer("after-index"), recursive=recursive):
            if result.event.concerns_dir:
                continue
            if recursive and not session.is_2014:
                write_out(f"[{result.event.action}] {result.event.node.key}\n")
            session.show(result)
            if not values.switch("forever"):
                return
    except KeyboardInterrupt:
        return

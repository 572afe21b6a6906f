"""`set`, `mk` and `update`."""

from __future__ import annotations

from collections.abc import Sequence

from coreos_py.cli.etcdctl_.arguments import required_key, value_or_stdin
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import requests
from coreos_py.client._text import to_bytes


def run(name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Write one file and print what it holds now."""
    key = required_key(words)
    value = value_or_stdin(words)
    ttl_s = values.integer("ttl")
    if name == "update":
        request = requests.update(key, value, ttl_s=ttl_s)
    elif name == "mk":
        make = requests.create_in_order if values.switch("in-order") else requests.create
        request = make(key, value, ttl_s=ttl_s)
    else:
        # An empty old value is a condition like any other (etcd's client drops it and just writes).
        prev_value = to_bytes(values.text("swap-with-value")) if "swap-with-value" in values else None
        prev_index = values.integer("swap-with-index")
        request = requests.set_value(key, value, ttl_s=ttl_s, prev_value=prev_value, prev_index=prev_index)
    session.show(session.call(request))

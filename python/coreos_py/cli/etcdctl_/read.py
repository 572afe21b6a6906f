"""`get` and `ls`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from coreos_py.cli.etcdctl_.arguments import required_key
from coreos_py.cli.etcdctl_.exits import CommandError
from coreos_py.cli.etcdctl_.flags import Values
from coreos_py.cli.etcdctl_.output import write_out
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client import requests
from coreos_py.client.keys import Node


def run(name: str, session: Session, values: Values, words: Sequence[str]) -> None:
    """Print the value of one file, or the names below one directory."""
    if name == "get":
        _get(session, values, required_key(words))
    else:
        _list(session, values, words[0] if words else "/")


def _get(session: Session, values: Values, key: str) -> None:
    result = session.call(
        requests.get(key, is_sorted=values.switch("sort"), quorum=values.switch("quorum")),
    )
    if result.event.node.is_dir:
        raise CommandError(f"{result.event.node.key or '/'}: is a directory\n")
    session.show(result)


def _list(session: Session, values: Values, key: str) -> None:
    result = session.call(
        requests.get(
            key,
            recursive=values.switch("recursive"),
            is_sorted=values.switch("sort"),
            quorum=values.switch("quorum"),
        )
    )
    if session.output_format != "simple":
        session.show(result)
        return
    node = result.event.node
    shown = _below(node) if node.is_dir else iter([node])
    dir_suffix = "/" if values.switch("p") else ""
    write_out("".join(f"{node.key}{dir_suffix if node.is_dir else ''}\n" for node in shown))


def _below(node: Node) -> Iterator[Node]:
    """Everything that the reply shows below `node`, a directory before its content."""
    waiting = list(reversed(node.nodes or []))
    while waiting:
        child = waiting.pop()
        yield child
        waiting.extend(reversed(child.nodes or []))

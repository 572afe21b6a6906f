"""`COREOS_COMPAT=2014`: what the book's `etcdctl` (0.4) printed, by section 7 of the reference."""

from __future__ import annotations

import re

import pytest

from tests.etcdctl.fake import FakeServer, reply
from tests.etcdctl.runner import Ctl, Done, wait_for_watchers
from tests.etcdctl.test_watch import put
from tests.support.server import Server

OLD = {"COREOS_COMPAT": "2014"}


@pytest.fixture
def old(ctl: Ctl) -> Ctl:
    """Our etcdctl in the old form."""
    return Ctl(ctl.program, ctl.endpoints, OLD)


def numbers(text: str) -> str:
    return re.sub(r"\d+", "N", text)


def test_values_are_printed_as_ever(old: Ctl, top: str) -> None:
    assert old.run("mk", f"{top}/k", "v") == (0, "v\n", "")
    assert old.run("get", f"{top}/k") == (0, "v\n", "")
    assert old.run("rm", f"{top}/k") == (0, "\n", "")
    assert old.run("set", f"{top}/k", "v") == (0, "v\n", "")
    assert old.run("rmdir", f"{top}/k") == (0, "", "")
    assert old.run("mkdir", f"{top}/d") == (0, "", "")
    assert old.run("rmdir", f"{top}/d") == (0, "", "")
    assert old.run("rm", f"{top}/none").code == 4


def test_control_the_new_form_differs(ctl: Ctl, top: str) -> None:
    ctl.run("set", f"{top}/k", "v")
    for value in ("", "2015"):
        ctl.run("set", f"{top}/k", "v")
        assert ctl.run("rm", f"{top}/k", variables={"COREOS_COMPAT": value}).out == "PrevNode.Value: v\n"


def test_extended_ends_with_the_headers_numbers() -> None:
    event = {
        "action": "set",
        "node": {"key": "/k", "value": "b", "modifiedIndex": 8, "createdIndex": 8},
        "prevNode": {"key": "/k", "value": "a", "modifiedIndex": 7, "createdIndex": 7},
    }
    headers = "X-Etcd-Index: 9\r\nX-Raft-Index: 33\r\nX-Raft-Term: 2\r\n"
    with FakeServer(lambda _: reply(event, headers=headers)) as server:
        ctl = Ctl(Ctl.ours().program, server.url, OLD)
        extended = ctl.run("--no-sync", "-o", "extended", "set", "/k", "b").out
        told = ctl.run("--no-sync", "-o", "json", "set", "/k", "b").out
    assert extended == (
        "Key: /k\nCreated-Index: 8\nModified-Index: 8\nTTL: 0\n"
        "Etcd-Index: 9\nRaft-Index: 33\nRaft-Term: 2\n\nb\n"
    )
    assert told == (
        '{"action":"set","node":{"key":"/k","value":"b","modifiedIndex":8,"createdIndex":8},'
        '"prevNode":{"key":"/k","value":"a","modifiedIndex":7,"createdIndex":7},'
        '"etcdIndex":9,"raftIndex":33,"raftTerm":2}\n'
    )


def test_json_has_no_nulls(old: Ctl, top: str) -> None:
    old.run("set", f"{top}/k", "v", "--ttl", "500")
    text = numbers(old.run("-o", "json", "ls", top).out)
    assert re.fullmatch(
        r'\{"action":"get","node":\{"key":"[^"]+","dir":true,"nodes":\[\{"key":"[^"]+","value":"v",'
        r'"expiration":"[^"]+","ttl":N,"modifiedIndex":N,"createdIndex":N\}\],'
        r'"modifiedIndex":N,"createdIndex":N\},"etcdIndex":N,"raftIndex":N,"raftTerm":N\}\n',
        text,
    )


def test_watches_have_no_line_for_the_key(old: Ctl, server: Server, top: str) -> None:
    with old.start("watch", "--recursive", top) as watch:
        wait_for_watchers(server, 1)
        put(server, f"{top}/a", "1")
        assert watch.ended() == Done(0, "1\n", "")
    with old.start("watch", f"{top}/a") as watch:
        wait_for_watchers(server, 1)
        server.request("DELETE", f"/v2/keys{top}/a")
        assert watch.ended() == Done(0, "\n", "")
    wait_for_watchers(server, 0)

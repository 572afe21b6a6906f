"""Changes of members that one member can make, and those that it refuses with a reason."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.conftest import ServerFactory
from tests.support.server import Kind, Server
from tests.support.wire import Connection, Reply

Servers = Callable[[Kind], Server]
ALL = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
OURS = pytest.mark.parametrize("kind", [Kind.OURS, Kind.UPSTREAM], ids=lambda kind: kind.value)


def change(conn: Connection, method: str, member: str, urls: list[str] | None = None) -> Reply:
    """One request below /v2/members."""
    body = None if urls is None else json.dumps({"peerURLs": urls}).encode()
    headers = (("Content-Type", "application/json"),) if urls is not None else ()
    return conn.request(method, f"/v2/members{member}", body, headers)


def only_member(conn: Connection) -> dict[str, object]:
    """The only member as it is shown."""
    (member,) = conn.request("GET", "/v2/members").json()["members"]
    assert isinstance(member, dict)
    return member


@ALL
def test_its_own_peer_urls_can_be_changed(make_server: ServerFactory, kind: Kind) -> None:
    server = make_server(kind).start()
    with server.connect() as conn:
        before = only_member(conn)
        index = conn.get("/_none").etcd_index
        # Sorted, zeroes in front of the id, twice the same: each counts as a change.
        urls = ["http://127.0.0.1:9", "http://127.0.0.1:8"]
        for member in (f"/{before['id']}", f"/00{before['id']}", f"/{str(before['id']).upper()}"):
            reply = change(conn, "PUT", member, urls)
            assert (reply.status, reply.body) == (204, b"")
            assert reply.header("X-Etcd-Cluster-Id") is not None
        assert only_member(conn) == {**before, "peerURLs": sorted(urls)}
        assert conn.get("/_none").etcd_index == index + 3


def test_changed_peer_urls_outlive_a_kill(make_server: ServerFactory) -> None:
    server = make_server().start()
    with server.connect() as conn:
        member = only_member(conn)
        assert change(conn, "PUT", f"/{member['id']}", ["http://127.0.0.1:9"]).status == 204
    server.kill()
    server.start()
    with server.connect() as conn:
        assert only_member(conn)["peerURLs"] == ["http://127.0.0.1:9"]
        machine = conn.get("/_etcd/machines/m1").json()["node"]["value"]
        assert machine.endswith("raft=http%3A%2F%2F127.0.0.1%3A9")


@ALL
@pytest.mark.parametrize("shown", ["1234", "ab", "zz"])
def test_members_that_do_not_exist(module_servers: Servers, kind: Kind, shown: str) -> None:
    sent = {"1234": "001234", "ab": "AB", "zz": "zz"}[shown]
    with module_servers(kind).connect() as conn:
        for reply in (
            change(conn, "DELETE", f"/{sent}"),
            change(conn, "PUT", f"/{sent}", ["http://127.0.0.1:9"]),
        ):
            message = f'{{"message":"No such member: {shown}"}}'
            assert (reply.status, reply.body.decode()) == (404, message)


@OURS
def test_the_last_voter_stays_and_the_refusal_says_why(module_servers: Servers, kind: Kind) -> None:
    with module_servers(kind).connect() as conn:
        member = only_member(conn)
        index = conn.get("/_none").etcd_index
        refused = change(conn, "DELETE", f"/{member['id']}")
        assert refused.status == 409
        assert "stop the process and delete its data directory instead" in refused.json()["message"]
        assert change(conn, "POST", "", ["http://127.0.0.1:9/x"]).status == 400
        assert change(conn, "POST", "", list(map(str, member["peerURLs"]))).status == 409  # type: ignore[call-overload]
        assert only_member(conn) == member
        assert conn.get("/_none").etcd_index == index


@ALL
def test_a_second_member_is_added(make_server: ServerFactory, kind: Kind) -> None:
    server = make_server(kind).start()
    with server.connect() as conn:
        first = only_member(conn)
        reply = change(conn, "POST", "", ["http://127.0.0.1:9"])
        assert reply.status == 201
        added = reply.json()
        assert added == {"id": added["id"], "name": "", "peerURLs": ["http://127.0.0.1:9"], "clientURLs": []}
        everyone = conn.request("GET", "/v2/members").json()["members"]
        assert everyone == sorted([first, added], key=lambda member: int(member["id"], 16))
        if kind.is_ours:
            # It votes only once it has caught up, so one that never starts is in nobody's way.
            assert conn.put("/a", "1").status == 201
            assert change(conn, "DELETE", f"/{added['id']}").status == 204
            assert change(conn, "DELETE", f"/{added['id']}").status == 410
            assert only_member(conn) == first
    if not kind.is_ours:
        # Two are a quorum now, and it would wait for the other until it is killed.
        server.kill()

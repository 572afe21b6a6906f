"""Group H: the checks whose expectation depends on the member's identity or needs a look inside."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.matching import matches
from tests.support.server import Kind, Server
from tests.support.wire import Connection

Servers = Callable[[Kind], Server]
ALL = pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)


def member_pattern(server: Server) -> str:
    """What a member object of this server looks like."""
    return (
        '{"id":"<H>","name":"m1",'
        f'"peerURLs":["http://127.0.0.1:{server.peer_port}"],'
        f'"clientURLs":["http://127.0.0.1:{server.client_port}"]}}'
    )


@ALL
def test_141_machines_lists_client_urls(module_servers: Servers, kind: Kind) -> None:
    server = module_servers(kind)
    reply = server.request("GET", "/v2/machines")
    assert (reply.status, reply.body) == (200, f"http://127.0.0.1:{server.client_port}".encode())
    assert (reply.header("Content-Type") or "").startswith("text/plain")


@ALL
@pytest.mark.parametrize("target", ["/v2/members", "/v2/members/"])
def test_143_144_members(module_servers: Servers, kind: Kind, target: str) -> None:
    server = module_servers(kind)
    reply = server.request("GET", target)
    assert reply.status == 200
    assert matches(f'{{"members":[{member_pattern(server)}]}}⏎', reply.body.decode())


@ALL
def test_145_146_leader_and_no_single_member(module_servers: Servers, kind: Kind) -> None:
    server = module_servers(kind)
    reply = server.request("GET", "/v2/members/leader")
    assert reply.status == 200
    assert matches(f"{member_pattern(server)}⏎", reply.body.decode())
    one = server.request("GET", f"/v2/members/{reply.json()['id']}")
    assert one.status == 404
    assert one.json()["message"] == "Not found"


@ALL
def test_151_peer_url_in_use(module_servers: Servers, kind: Kind) -> None:
    server = module_servers(kind)
    body = f'{{"peerURLs":["http://127.0.0.1:{server.peer_port}"]}}'.encode()
    with server.connect() as conn:
        reply = conn.request("POST", "/v2/members", body, (("Content-Type", "application/json"),))
    prefix = "membership" if kind is Kind.ETCD34 else "etcdserver"
    assert (reply.status, reply.json()["message"]) == (409, f"{prefix}: peerURL exists")


@ALL
def test_162_debug_vars(module_servers: Servers, kind: Kind) -> None:
    reply = module_servers(kind).request("GET", "/debug/vars")
    assert reply.status == 200
    names = set(reply.json())
    assert {"cmdline", "file_descriptor_limit", "raft.status"} <= names
    assert {"id", "term", "vote", "commit", "lead", "raftState", "progress"} <= set(
        reply.json()["raft.status"]
    )


@ALL
def test_165_no_machine_keys_unless_asked_for(module_servers: Servers, kind: Kind) -> None:
    reply = module_servers(kind).request("GET", "/v2/keys/_etcd")
    if reply.status == 200:
        assert kind.has_fixes, "only our own server may show machine keys"
        assert reply.json()["node"]["dir"]
    else:
        assert (reply.status, reply.json()["cause"]) == (404, "/_etcd")


@ALL
def test_166_peer_port_lists_members(module_servers: Servers, kind: Kind) -> None:
    server = module_servers(kind)
    with Connection(("127.0.0.1", server.peer_port)) as conn:
        members = conn.request("GET", "/members").json()
    (member,) = members
    assert isinstance(member["id"], int)
    shown = server.request("GET", "/v2/members").json()["members"][0]
    assert f"{member['id']:x}" == shown["id"]
    assert member["peerURLs"] == shown["peerURLs"]


@ALL
@pytest.mark.parametrize(
    ("method", "body", "status", "said"),
    [
        ("PUT", b'{"Level":"DEBUG"}', 204, b""),
        ("PUT", b'{"Level":"INFO"}', 204, b""),
        ("PUT", b'{"Level":"X"}', 400, b'{"message":"Invalid log level X"}'),
        ("PUT", b"{", 400, b'{"message":"Invalid json body"}'),
        ("GET", None, 405, b"Method Not Allowed\n"),
    ],
)
def test_the_log_level(
    module_servers: Servers, kind: Kind, method: str, body: bytes | None, status: int, said: bytes
) -> None:
    with module_servers(kind).connect() as conn:
        reply = conn.request(method, "/config/local/log", body, (("Content-Type", "application/json"),))
    assert (reply.status, reply.body) == (status, said)
    assert status != 405 or reply.header("Allow") == "PUT"

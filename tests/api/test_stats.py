"""/v2/stats/store counts what Debian's etcd counts for the same requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.server import Kind, Server
from tests.support.waiting import wait_until
from tests.support.wire import Connection, form, request_bytes

Servers = Callable[[Kind], Server]
#: The original reads its own bookkeeping with the same counters, some of it for each request.
READS = {"getsSuccess", "getsFail"}
REQUESTS = [
    ("PUT", "/s/a", {"value": "1"}),
    ("PUT", "/s/a", {"value": "2"}),
    ("PUT", "/s", {"value": "x"}),
    ("PUT", "/s/a/b", {"value": "x"}),
    ("PUT", "/s/n?prevExist=false", {"value": "1"}),
    ("PUT", "/s/n?prevExist=false", {"value": "1"}),
    ("PUT", "/s/a/b?prevExist=false", {"value": "1"}),
    ("PUT", "/s/d?dir=true", None),
    ("PUT", "/s/d?dir=true", None),
    ("PUT", "/s/d?dir=true&prevExist=true", {"ttl": "100"}),
    ("PUT", "/s/a?prevExist=true", {"value": "3"}),
    ("PUT", "/s/none?prevExist=true", {"value": "3"}),
    ("PUT", "/s/a?prevValue=3", {"value": "4"}),
    ("PUT", "/s/a?prevValue=3", {"value": "5"}),
    ("PUT", "/s/none?prevIndex=1", {"value": "5"}),
    ("PUT", "/s/d?prevIndex=1", {"value": "5"}),
    ("PUT", "/s/a?refresh=true&prevExist=true", {"ttl": "100"}),
    ("POST", "/s/q", {"value": "1"}),
    ("POST", "/s/a", {"value": "1"}),
    ("DELETE", "/s/a?prevValue=no", None),
    ("DELETE", "/s/none?prevValue=no", None),
    ("DELETE", "/s/a?prevValue=4", None),
    ("DELETE", "/s/d", None),
    ("DELETE", "/s/d?dir=true", None),
    ("DELETE", "/s/none", None),
    ("PUT", "/", {"value": "1"}),
    ("DELETE", "/?recursive=true", None),
    ("DELETE", "/s?recursive=true", None),
]  # fmt: skip


#: Failures that 3.4 counts as successes, by a slip.
SLIPS = {
    ("DELETE", "/s/a?prevValue=no"): "compareAndDelete",
    ("DELETE", "/?recursive=true"): "delete",
}


def counts(conn: Connection) -> dict[str, int]:
    found: dict[str, int] = conn.request("GET", "/v2/stats/store").json()
    return {name: count for name, count in found.items() if name not in READS}


def play(server: Server) -> dict[str, dict[str, int]]:
    """What each request added to which counter."""
    added: dict[str, dict[str, int]] = {}
    with server.connect() as conn:
        before = counts(conn)
        for number, (method, target, fields) in enumerate(REQUESTS):
            body: bytes | None = None if fields is None else form(**fields)
            reply = conn.request(method, f"/v2/keys{target}", body)
            now = counts(conn)
            moved = {name: now[name] - before[name] for name in now if now[name] != before[name]}
            if slip := SLIPS.get((method, target)):
                assert moved == {f"{slip}{'Fail' if server.kind.is_ours else 'Success'}": 1}
                moved = {}
            added[f"{number} {method} {target}: {reply.status}"] = moved
            before = now
        conn.put("/gone", "1", ttl=1)
        wait_until(lambda: counts(conn)["expireCount"] == before["expireCount"] + 1, lambda: counts(conn))
    return added


def test_the_same_requests_move_the_same_counters(module_servers: Servers) -> None:
    ours = play(module_servers(Kind.OURS))
    assert ours == play(module_servers(Kind.ETCD34))
    assert sum(map(bool, ours.values())) == len(REQUESTS) - len(SLIPS), "every request is counted somewhere"


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_watchers_are_counted_while_they_wait(module_servers: Servers, kind: Kind) -> None:
    server = module_servers(kind)
    with server.connect() as conn:
        wait_until(lambda: counts(conn)["watchers"] == 0, lambda: counts(conn))
        with server.connect() as waiting:
            waiting.send(request_bytes("GET", "/v2/keys/sw?wait=true"))
            assert waiting.read_head().status == 200
            assert counts(conn)["watchers"] == 1
            conn.put("/sw", "1")
            assert waiting.read_object() is not None
        assert counts(conn)["watchers"] == 0


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.value)
def test_self_and_leader_have_the_fields_of_the_reference(module_servers: Servers, kind: Kind) -> None:
    """The rates are left out when they are 0, as on a member without peers."""
    with module_servers(kind).connect() as conn:
        own: dict[str, Any] = conn.request("GET", "/v2/stats/self").json()
        leader: dict[str, Any] = conn.request("GET", "/v2/stats/leader").json()
    assert [*own] == [
        "name", "id", "state", "startTime", "leaderInfo", "recvAppendRequestCnt", "sendAppendRequestCnt",
    ]  # fmt: skip
    assert [*own["leaderInfo"]] == ["leader", "uptime", "startTime"]
    assert own["leaderInfo"]["leader"] == own["id"] == leader["leader"]
    assert own["state"] == "StateLeader"
    assert leader["followers"] == {}

"""What a restart keeps: values, indexes, history, the remaining time of TTLs."""

from __future__ import annotations

import time

from tests.conftest import ServerFactory
from tests.support.server import Kind
from tests.support.waiting import wait_until
from tests.support.wire import Connection


def test_keys_indexes_and_history_survive(make_server: ServerFactory) -> None:
    """kill -9 after 30 acknowledged writes: same keys, same indexes, one more index, a higher term."""
    server = make_server(Kind.OURS).start()
    with server.connect() as conn:
        made = {n: conn.put(f"/k/{n}", str(n)).json()["node"] for n in range(30)}
        conn.request("PUT", "/v2/keys/empty/dir?dir=true")
        conn.put("/bytes", b"\xff\x00\xfe<&>")
        conn.delete("/k/0")
        before = conn.get("/", "?recursive=true")
    server.kill()
    server.start()
    with server.connect() as conn:
        after = conn.get("/", "?recursive=true")
        assert after.body == before.body
        assert after.etcd_index == before.etcd_index + 1
        assert int(after.header("X-Raft-Term") or 0) > int(before.header("X-Raft-Term") or 0)
        event = conn.get("/k/7", "?wait=true&waitIndex=1").json()
        assert event == {"action": "set", "node": made[7]}


def test_snapshots_keep_the_same(make_server: ServerFactory) -> None:
    """The same through snapshots: taken, loaded, and the log before them gone."""
    server = make_server(Kind.OURS, flags=("--snapshot-count", "20")).start()
    with server.connect() as conn:
        for n in range(200):
            conn.put(f"/s/{n % 50}", str(n))
        conn.put("/s/bytes", b"\xff\xfe")
        conn.put("/s/ttl", "1", ttl=1000)
        before = conn.get("/", "?recursive=true")
        stats = conn.request("GET", "/v2/stats/store").json()
    for _ in range(2):
        server.restart()
        with server.connect() as conn:
            after = conn.get("/", "?recursive=true")
            assert strip(after.body) == strip(before.body)
            event = conn.get("/s/0", f"?wait=true&waitIndex={before.etcd_index - 100}").json()
            assert event["node"]["key"] == "/s/0"
            assert conn.request("GET", "/v2/stats/store").json()["setsSuccess"] >= stats["setsSuccess"]
    snaps = list((server.data_dir / "member" / "snap").glob("*.snap"))
    assert snaps
    assert all(len(path.stem) == 33 and path.stem[16] == "-" for path in snaps)


def strip(body: bytes) -> bytes:
    """A listing without the clock."""
    import re

    return re.sub(rb'"expiration":"[^"]*","ttl":\d+,', b"", body)


def ttl_of(conn: Connection, key: str) -> float:
    """Remaining seconds as shown (rounded up)."""
    ttl: int = conn.get(key).json()["node"]["ttl"]
    return ttl


def test_remaining_time_goes_on_after_a_restart(make_server: ServerFactory) -> None:
    """Never early; the time that the server was down is not counted, or only in part."""
    server = make_server(Kind.OURS).start()
    with server.connect() as conn:
        conn.put("/t/long", "1", ttl=100)
        conn.put("/t/short", "1", ttl=2)
        began = time.monotonic()
    server.kill()
    server.start()
    with server.connect() as conn:
        assert 90 <= ttl_of(conn, "/t/long") <= 100
        wait_until(lambda: conn.get("/t/short").status == 404, lambda: conn.get("/t/short").body)
        assert time.monotonic() - began >= 2.0, "it expired early"
        assert conn.get("/t/long").status == 200

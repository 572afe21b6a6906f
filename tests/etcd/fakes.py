"""A member without an engine, and requests without a front."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from coreos_py._core import EngineError
from coreos_py.etcd.endpoints.context import Context

MEMBER_ID = 0x2E1259D415F2A040
CLUSTER_ID = 0x48276A8F75B6A87
NEW_ID = 0xABC
STATS_NAMES = """\
getsSuccess getsFail setsSuccess setsFail deleteSuccess deleteFail updateSuccess updateFail
createSuccess createFail compareAndSwapSuccess compareAndSwapFail compareAndDeleteSuccess compareAndDeleteFail
expireCount watchers"""
STATS = {name: number for number, name in enumerate(STATS_NAMES.split())}


@dataclass
class FakeMember:
    """Answers what it was given."""

    changes: dict[str, Any] = field(default_factory=dict)
    fails: bool = False
    #: What each change that is asked for comes to, and what was asked.
    outcomes: list[int | EngineError] = field(default_factory=list)
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    #: Of what passes between members: what differs from one member that is alone.
    traffic: dict[str, Any] = field(default_factory=dict)
    #: Users and roles as each look finds them; the last one stays.
    tables: list[dict[str, Any]] = field(
        default_factory=lambda: [{"enabled": False, "users": {}, "roles": {}}]
    )

    def status(self) -> dict[str, Any]:
        if self.fails:
            raise RuntimeError("broken on purpose")
        return {
            "member_id": MEMBER_ID,
            "cluster_id": CLUSTER_ID,
            "leader_id": MEMBER_ID,
            "term": 2,
            "raft_index": 9,
            "applied": 9,
            "commit": 9,
            "etcd_index": 4,
            "state": "StateLeader",
            "name": "m<1>",
            "start_time_ns": 1_795_600_822_233_684_800,
            "leader_since_ns": 1_795_600_822_335_486_905,
            "read_only": None,
            "poisoned": None,
            "oldest_proposal_ms": 0,
            "cluster_version": "2.3.0",
            "wal_segments": 1,
            "keys": 3,
            "watchers": 0,
        } | self.changes

    def members(self) -> list[dict[str, Any]]:
        return [
            {
                "id": MEMBER_ID,
                "name": "m1",
                "peer_urls": ["http://127.0.0.1:2380", "http://127.0.0.1:7001"],
                "client_urls": ["http://127.0.0.1:4001", "http://127.0.0.1:2379"],
                "is_learner": False,
            }
        ]

    def removed_members(self) -> list[int]:
        return [0xDEAD]

    def _change(self, *asked: Any) -> int:
        self.asked.append(asked)
        outcome = self.outcomes.pop(0) if self.outcomes else 0
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def add_member(self, peer_urls: list[str], *, timeout_ms: int) -> tuple[int, int]:
        return NEW_ID, self._change("add_member", peer_urls)

    def remove_member(self, id: int, *, timeout_ms: int) -> int:
        return self._change("remove_member", id)

    def statistics(self) -> dict[str, Any]:
        return {"received": (0, 0.0, 0.0), "sent": (0, 0.0, 0.0), "followers": {}} | self.traffic

    def update_member(self, id: int, peer_urls: list[str], *, timeout_ms: int) -> int:
        return self._change("update_member", id, peer_urls)

    def auth(self) -> dict[str, Any]:
        return self.tables.pop(0) if len(self.tables) > 1 else self.tables[0]

    def auth_of_user(self, name: str) -> dict[str, Any]:
        return self.auth()

    def auth_of_role(self, name: str) -> dict[str, Any]:
        return self.auth()

    def auth_switch(self) -> dict[str, Any]:
        return self.auth()

    def switch_auth(self, on: bool, *, timeout_ms: int) -> int:
        return self._change("switch_auth", on)

    def put_user(
        self,
        name: str,
        password_hash: str | None,
        roles: list[str] | None,
        *,
        expected_index: int | None,
        timeout_ms: int,
    ) -> int:
        return self._change("put_user", name, password_hash, roles, expected_index)

    def delete_user(self, name: str, *, timeout_ms: int) -> int:
        return self._change("delete_user", name)

    def put_role(
        self,
        name: str,
        read: list[str] | None,
        write: list[str] | None,
        *,
        expected_index: int | None,
        timeout_ms: int,
    ) -> int:
        return self._change("put_role", name, read, write, expected_index)

    def delete_role(self, name: str, *, timeout_ms: int) -> int:
        return self._change("delete_role", name)

    def store_stats(self) -> dict[str, int]:
        return STATS

    def metrics(self) -> dict[str, Any]:
        return {
            "store_reads_total": 7,
            "store_watchers": 2,
            "server_pending_proposal_total": 1,
            "wal_fsync_durations_seconds": {"buckets": [(0.001, 3), (0.002, 5)], "sum": 0.01, "count": 6},
        }


@dataclass
class FakeRequest:
    """What the front hands over."""

    method: str = "GET"
    path: str = "/version"
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    is_root: bool = True


def fake_context(member: FakeMember | None = None, *, upstream: bool = False) -> Context:
    """A context at one moment, 17.693836256 s after the leader began to lead."""
    return Context(
        member=member or FakeMember(),
        front_counters=lambda: [("requests", 11), ("slow_watches", 0)],
        connections=lambda: 3,
        now_ns=lambda: 1_795_600_840_029_323_161,
        cmdline=("etcd", "--name", "m<1>"),
        descriptor_limit=20_000,
        request_timeout_ms=7_000,
        upstream=upstream,
    )

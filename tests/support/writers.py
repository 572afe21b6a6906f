"""Concurrent writers that remember what was acknowledged, and the check that nothing of it is lost."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.support.wire import BadReply, PeerClosed

#: Keys of one writer; it overwrites them in turn with growing numbers.
KEYS_PER_WRITER = 16


@dataclass(frozen=True)
class Acked:
    """The last acknowledged write of a key."""

    number: int
    index: int


@dataclass
class Journal:
    """What the writers did: last acknowledged write and last number sent, by key."""

    acked: dict[str, Acked] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    count: int = 0

    def snapshot(self) -> dict[str, Acked]:
        """What has been acknowledged by now (each key's entry is replaced atomically)."""
        return dict(self.acked)


class Writers:
    """Threads that write until stopped or until their connection ends. Used as a context."""

    def __init__(self, server: Server, journal: Journal, *, count: int = 8, folder: str = "/w") -> None:
        self.server = server
        self.journal = journal
        self.folder = folder
        self._stop = threading.Event()
        self._failures: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(count)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def wait_for(self, count: int) -> None:
        """Return when the journal counts that many acknowledged writes; fail when nobody writes any more."""

        def are_written() -> bool:
            is_enough = self.journal.count >= count
            assert is_enough or any(thread.is_alive() for thread in self._threads), (
                f"all writers have ended with {self.journal.count} of {count} writes: {self._failures}"
            )
            return is_enough

        wait_until(are_written, lambda: f"{self.journal.count} of {count} writes")

    def _run(self, writer: int) -> None:
        try:
            self._write(writer)
        except (PeerClosed, OSError):
            pass  # The server was killed or drained: what counts is what it had acknowledged.
        except (BadReply, AssertionError) as failure:
            self._failures.append(failure)

    def _write(self, writer: int) -> None:
        journal = self.journal
        with self.server.connect() as conn:
            turn = 0
            while not self._stop.is_set():
                turn += 1
                key = f"{self.folder}/{writer}/{turn % KEYS_PER_WRITER}"
                number = journal.sent.get(key, 0) + 1
                journal.sent[key] = number
                reply = conn.put(key, str(number))
                if reply.status not in (200, 201):
                    journal.refusals.append(f"{reply.status} {reply.body!r}")
                    continue
                journal.acked[key] = Acked(number, reply.json()["node"]["modifiedIndex"])
                journal.count += 1


def flatten(node: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """All files of a recursive listing: value and modifiedIndex by key."""
    if "nodes" not in node and not node.get("dir"):
        return {node["key"]: (node["value"], node["modifiedIndex"])}
    found: dict[str, tuple[str, int]] = {}
    for child in node.get("nodes", []):
        found |= flatten(child)
    return found


def losses(server: Server, acked: dict[str, Acked], sent: dict[str, int]) -> list[str]:
    """Acknowledged writes that a recovered server does not have (nor a newer one), in words.

    Also what nobody ever sent, and an index that went back.
    """
    with server.connect() as conn:
        reply = conn.get("/", "?recursive=true")
    have = flatten(reply.json()["node"])
    found = []
    for key, write in acked.items():
        if key not in have:
            found.append(f"{key}: {write} acknowledged, key missing")
            continue
        value, index = have[key]
        if int(value) < write.number:
            found.append(f"{key}: {write} acknowledged, value {value}")
        elif index < write.index:
            found.append(f"{key}: {write} acknowledged, modifiedIndex {index}")
        elif int(value) > sent[key]:
            found.append(f"{key}: {value} was never sent")
    newest = max((write.index for write in acked.values()), default=0)
    if reply.etcd_index < newest:
        found.append(f"etcd index {reply.etcd_index}, {newest} was acknowledged")
    return found

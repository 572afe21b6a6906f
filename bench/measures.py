"""How each row is measured: a function per kind of work, giving numbers for one server in one round."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable

from bench.figures import Measurement
from bench.generator import command, load
from bench.servers import Server, fresh, scratch

KEYS_BIG = 600_000
# Writes after loading that are enough for a snapshot of either server.
WRITES_TO_SNAPSHOT = 700_000


def put(connections: int, **options: int) -> Callable[[str, float], Measurement]:
    """Closed-loop writes on a fresh server."""

    def measure(kind: str, seconds: float) -> Measurement:
        with fresh(kind) as server:
            load(server, "put", connections=connections, seconds=0.5, **options)
            return load(server, "put", connections=connections, seconds=seconds, **options)

    return measure


def get(connections: int, **options: int) -> Callable[[str, float], Measurement]:
    """Closed-loop reads of 10,000 keys."""

    def measure(kind: str, seconds: float) -> Measurement:
        with fresh(kind) as server:
            load(server, "put", connections=16, requests=10_000, seconds=60, sequential=True)
            return load(server, "get", connections=connections, seconds=seconds, **options)

    return measure


def put_long(kind: str, seconds: float) -> Measurement:
    """A minute of writes, snapshots included."""
    del seconds
    with fresh(kind) as server:
        return load(server, "put", connections=64, seconds=60)


def _fill(server: Server) -> dict[str, float]:
    return load(server, "put", connections=64, requests=KEYS_BIG, seconds=600, keys=KEYS_BIG, sequential=True)


def put_under_listing(kind: str, seconds: float) -> Measurement:
    """Writes while somebody lists 600,000 keys again and again."""
    with fresh(kind) as server:
        _fill(server)
        stop = threading.Event()
        listings = 0

        def list_all() -> None:
            nonlocal listings
            url = f"http://{server.address}/v2/keys/bench?recursive=true"
            while not stop.is_set():
                with urllib.request.urlopen(url, timeout=300) as reply:
                    while reply.read(1 << 20):
                        pass
                listings += 1

        reader = threading.Thread(target=list_all)
        reader.start()
        try:
            result: Measurement = load(
                server, "put", connections=16, seconds=max(seconds, 8), prefix="/other"
            )
        finally:
            stop.set()
            reader.join()
        result["listings"] = listings
        return result


def big(kind: str, seconds: float) -> Measurement:
    """600,000 keys of 64 bytes: memory loaded, in a snapshot, restarted; disk; first answer."""
    del seconds
    with scratch() as path:
        with Server(kind, path / "data") as server:
            filled = _fill(server)
            loaded = server.usage()
            server.reset_peak()
            load(server, "put", connections=64, requests=WRITES_TO_SNAPSHOT, seconds=600, keys=KEYS_BIG)
            resting = server.usage()
        disk = sum(f.stat().st_blocks * 512 for f in (path / "data").rglob("*") if f.is_file())
        with Server(kind, path / "data") as server:
            time.sleep(1.0)  # not synchronisation: lets garbage collection settle before measuring memory
            restarted = server.usage()
            url = f"http://{server.address}/v2/keys/bench/{KEYS_BIG - 1:08d}"
            with urllib.request.urlopen(url, timeout=60) as reply:
                assert json.load(reply)["node"]["value"] == "v" * 64
            first_answer_ms = server.first_answer_ms
    return {
        "loaded_mb": loaded.rss_bytes / 1e6,
        "resting_mb": resting.rss_bytes / 1e6,
        "snapshot_peak_mb": resting.peak_bytes / 1e6,
        "restarted_mb": restarted.rss_bytes / 1e6,
        "restart_ms": first_answer_ms,
        "disk_mb": disk / 1e6,
        "bad": filled["bad"],
        "requests": filled["requests"],
    }


def watchers(kind: str, seconds: float) -> Measurement:
    """8,000 long polls on one key, one change."""
    del seconds
    with fresh(kind) as server:
        process = subprocess.Popen(
            command(server, "watch", connections=8000),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("the watchers could not be opened")
        memory = server.usage().rss_bytes
        out, _ = process.communicate("go\n", timeout=120)
        result: Measurement = json.loads(out)
        result["rss_mb"] = memory / 1e6
        return result


def start(kind: str, seconds: float) -> Measurement:
    """From exec to the first answer on an empty data directory."""
    del seconds
    with fresh(kind) as server:
        return {"start_ms": server.first_answer_ms, "rss_mb": server.usage().rss_bytes / 1e6}

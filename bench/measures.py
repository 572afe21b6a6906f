"""How each row is measured: a function per kind of work, giving numbers for one server in one round."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.request
from collections.abc import Callable

from bench.figures import Measurement
from bench.generator import check, command, load, used
from bench.listing import Listing
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
        with Listing(f"http://{server.address}/v2/keys/bench?recursive=true", KEYS_BIG * 64) as listing:
            result: Measurement = load(
                server, "put", connections=16, seconds=max(seconds, 8), prefix="/other"
            )
        result["listings"] = listing.count
        return result


def big(kind: str, seconds: float) -> Measurement:
    """600,000 keys of 64 bytes: memory loaded, in a snapshot, restarted; disk; first answer."""
    del seconds
    with scratch() as path:
        with Server(kind, path / "data") as server:
            filled = _fill(server)
            loaded = server.usage()
            server.reset_peak()
            again = load(
                server, "put", connections=64, requests=WRITES_TO_SNAPSHOT, seconds=600, keys=KEYS_BIG
            )
            resting = server.usage()
        disk = sum(f.stat().st_blocks * 512 for f in (path / "data").rglob("*") if f.is_file())
        with Server(kind, path / "data") as server:
            time.sleep(1.0)  # not synchronisation: lets garbage collection settle before measuring memory
            restarted = server.usage()
            url = f"http://{server.address}/v2/keys/bench/{KEYS_BIG - 1:08d}"
            with urllib.request.urlopen(url, timeout=60) as reply:
                if json.load(reply)["node"]["value"] != "v" * 64:
                    raise RuntimeError(f"{kind} has lost the value of its last key")
            first_answer_ms = server.first_answer_ms
    return {
        "loaded_mb": loaded.rss_bytes / 1e6,
        "resting_mb": resting.rss_bytes / 1e6,
        "snapshot_peak_mb": resting.peak_bytes / 1e6,
        "restarted_mb": restarted.rss_bytes / 1e6,
        "restart_ms": first_answer_ms,
        "disk_mb": disk / 1e6,
        "bad": filled["bad"] + again["bad"],
        "requests": filled["requests"] + again["requests"],
        "seconds": filled["seconds"] + again["seconds"],
        "syncs": filled["syncs"] + again["syncs"],
        "server_us_per_request": again["server_us_per_request"],
        "generator_busy": again["generator_busy"],
    }


def watchers(kind: str, seconds: float) -> Measurement:
    """8,000 long polls on one key, one change; the server's CPU is that of a whole poll, opening included."""
    del seconds
    with fresh(kind) as server:
        before = server.usage()
        process = subprocess.Popen(
            command(server, "watch", connections=8000),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("the watchers could not be opened")
            memory = server.usage().rss_bytes
            out, _ = process.communicate("go\n", timeout=120)
        except BaseException:
            process.kill()
            process.wait()
            raise
        if process.returncode != 0:
            raise RuntimeError(f"the watchers ended with {process.returncode}")
        result: Measurement = json.loads(out)
        check(server, result, wanted=8000)
        return result | used(server, before, result["requests"]) | {"rss_mb": memory / 1e6}


def start(kind: str, seconds: float) -> Measurement:
    """From exec to the first answer on an empty data directory."""
    del seconds
    with fresh(kind) as server:
        usage = server.usage()
        return {
            "start_ms": server.first_answer_ms,
            "rss_mb": usage.rss_bytes / 1e6,
            # One request, whose answer ends the wait when it is a good one.
            "requests": 1,
            "bad": 0,
            "syncs": usage.syncs,
            "server_us_per_request": usage.cpu_seconds * 1e6,
        }

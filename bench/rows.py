"""What is measured: one function per row, each giving a dict of figures for one server in one round."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.generator import command, load
from bench.servers import Server, fresh, scratch

KEYS_BIG = 600_000


@dataclass(frozen=True)
class Row:
    """One line of the table. `target` is the ratio ours / etcd that the design asks for."""

    name: str
    what: str
    figure: str
    better: str  # "more" or "less"
    target: float
    measure: Callable[[str, float], dict[str, Any]]


def _put(connections: int, **options: Any) -> Callable[[str, float], dict[str, Any]]:
    def measure(kind: str, seconds: float) -> dict[str, Any]:
        with fresh(kind) as server:
            load(server, "put", connections=connections, seconds=0.5, **options)
            return load(server, "put", connections=connections, seconds=seconds, **options)

    return measure


def _get(connections: int, **options: Any) -> Callable[[str, float], dict[str, Any]]:
    def measure(kind: str, seconds: float) -> dict[str, Any]:
        with fresh(kind) as server:
            load(server, "put", connections=16, requests=10_000, seconds=60, sequential=True)
            return load(server, "get", connections=connections, seconds=seconds, **options)

    return measure


def _put_long(kind: str, seconds: float) -> dict[str, Any]:
    """A minute of writes, snapshots included."""
    del seconds
    with fresh(kind) as server:
        return load(server, "put", connections=64, seconds=60)


def _fill(server: Server) -> dict[str, float]:
    return load(server, "put", connections=64, requests=KEYS_BIG, seconds=600, keys=KEYS_BIG, sequential=True)


def _put_under_listing(kind: str, seconds: float) -> dict[str, Any]:
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
            result: dict[str, Any] = load(
                server, "put", connections=16, seconds=max(seconds, 8), prefix="/other"
            )
        finally:
            stop.set()
            reader.join()
        result["listings"] = listings
        return result


def _big(kind: str, seconds: float) -> dict[str, Any]:
    """600,000 keys of 64 bytes: memory after loading, in a snapshot, after a restart; first answer."""
    del seconds
    with scratch() as path:
        with Server(kind, path / "data") as server:
            server.reset_peak()
            filled = _fill(server)
            loaded = server.usage()
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
        "peak_mb": loaded.peak_bytes / 1e6,
        "peak_ratio": loaded.peak_bytes / loaded.rss_bytes,
        "restarted_mb": restarted.rss_bytes / 1e6,
        "restart_ms": first_answer_ms,
        "disk_mb": disk / 1e6,
        "bad": filled["bad"],
        "requests": filled["requests"],
    }


def _watchers(kind: str, seconds: float) -> dict[str, Any]:
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
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("the watchers could not be opened")
        memory = server.usage().rss_bytes
        out, _ = process.communicate("go\n", timeout=120)
        result: dict[str, Any] = json.loads(out)
        result["rss_mb"] = memory / 1e6
        return result


def _start(kind: str, seconds: float) -> dict[str, Any]:
    """From exec to the first answer on an empty data directory."""
    del seconds
    with fresh(kind) as server:
        return {"start_ms": server.first_answer_ms, "rss_mb": server.usage().rss_bytes / 1e6}


ROWS = [
    Row("put-1", "PUT, 1 connection, p50", "p50_ms", "less", 0.75, _put(1)),
    Row("put-16", "PUT, 16 connections", "per_second", "more", 2.0, _put(16)),
    Row("put-64", "PUT, 64 connections", "per_second", "more", 2.0, _put(64)),
    Row("put-256", "PUT, 256 connections", "per_second", "more", 2.0, _put(256)),
    Row("put-ttl", "PUT with ttl, 64 connections", "per_second", "more", 2.5, _put(64, ttl=300)),
    Row("put-4k", "PUT of 4 KiB, 64 connections", "per_second", "more", 1.5, _put(64, value_bytes=4096)),
    Row("get-1", "GET, 1 connection, p50", "p50_ms", "less", 1.0, _get(1)),
    Row("get-64", "GET, 64 connections", "per_second", "more", 1.5, _get(64)),
    Row("get-256", "GET, 256 connections", "per_second", "more", 1.5, _get(256)),
    Row("get-quorum", "GET quorum=true, 64 connections", "per_second", "more", 1.5, _get(64, quorum=True)),
    Row("put-p99", "PUT p99 over 60 s, 64 connections", "p99_ms", "less", 1.0, _put_long),
    Row("put-list", "PUT p99 while 600 k keys are listed", "p99_ms", "less", 0.5, _put_under_listing),
    Row("big", "600 k keys: resident after restart, MB", "restarted_mb", "less", 0.3, _big),
    Row("watch", "8,000 watchers, last one told, ms", "last_told_ms", "less", 0.8, _watchers),
    Row("start", "start to first answer, empty, ms", "start_ms", "less", 1.0, _start),
]

"""Runs `rust/loadgen` against a server and adds what the server used meanwhile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any, Protocol

from bench.servers import Usage

LOADGEN = Path(__file__).resolve().parent.parent / "target" / "release" / "loadgen"


class Target(Protocol):
    """What a load goes to: one server, or a cluster."""

    kind: str
    address: str

    def usage(self) -> Usage:
        """What it has used so far."""


def load(server: Target, mode: str, **options: Any) -> dict[str, float]:
    """One bounded load; see `loadgen` for the options (underscores become dashes, True is a bare flag)."""
    before = server.usage()
    done = subprocess.run(
        command(server, mode, **options), capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"loadgen against {server.kind}: {done.stderr.strip()}")
    result: dict[str, float] = json.loads(done.stdout)
    check(server, result, wanted=options.get("requests", 1))
    return result | used(server, before, result["requests"])


def check(server: Target, result: dict[str, float], wanted: int) -> None:
    """A load that was refused, or that ended before it was through, is no measurement."""
    if result["bad"]:
        raise RuntimeError(f"{server.kind} gave {result['bad']:.0f} bad of {result['requests']:.0f} replies")
    if result["requests"] < wanted:
        raise RuntimeError(f"{server.kind} answered {result['requests']:.0f} of {wanted} requests in time")


def used(server: Target, before: Usage, requests: float) -> dict[str, float]:
    """What the server has used since `before`, for so many requests."""
    after = server.usage()
    return {
        "server_us_per_request": (after.cpu_seconds - before.cpu_seconds) / requests * 1e6,
        "syncs": after.syncs - before.syncs,
    }


def command(server: Target, mode: str, **options: Any) -> list[str]:
    """The command line of one load."""
    words = [str(LOADGEN), mode, "--address", server.address]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is not False:
            words += [flag, str(value)]
    return words

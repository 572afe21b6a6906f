"""Runs `rust/loadgen` against a server and adds what the server used meanwhile."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from bench.servers import Server

LOADGEN = Path(__file__).resolve().parent.parent / "target" / "release" / "loadgen"


def load(server: Server, mode: str, **options: Any) -> dict[str, float]:
    """One bounded load; see `loadgen` for the options (underscores become dashes, True is a bare flag)."""
    before = server.usage()
    done = subprocess.run(
        command(server, mode, **options), capture_output=True, text=True, timeout=900, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"loadgen against {server.kind}: {done.stderr.strip()}")
    after = server.usage()
    result: dict[str, float] = json.loads(done.stdout)
    requests = max(result["requests"], 1)
    result["server_us_per_request"] = (after.cpu_seconds - before.cpu_seconds) / requests * 1e6
    result["syncs"] = after.syncs - before.syncs
    return result


def command(server: Server, mode: str, **options: Any) -> list[str]:
    """The command line of one load."""
    words = [str(LOADGEN), mode, "--address", server.address]
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            words.append(flag)
        elif value is not False:
            words += [flag, str(value)]
    return words

"""No descriptor left, whoever has taken them: writes are refused with the reason, and taken again later."""

from __future__ import annotations

import os
import resource

from tests.conftest import ServerFactory
from tests.support.server import Kind
from tests.support.waiting import wait_until
from tests.support.wire import form

VALUE_BYTES = 512 << 10
KEYS = 20
#: More than the log's first segments hold.
WRITES_MAX = 500


def test_running_out_of_descriptors(make_server: ServerFactory) -> None:
    server = make_server(Kind.OURS, flags=["--snapshot-count", "1000000"]).start()
    acked: dict[int, int] = {}
    with server.connect(timeout_s=30) as conn:
        conn.put("/first", "1")

        def write(number: int) -> bytes | None:
            """None when it was acknowledged, else why not."""
            value = str(number).encode().ljust(VALUE_BYTES, b".")
            reply = conn.request("PUT", f"/v2/keys/full/{number % KEYS}", form(value=value))
            if reply.status in (200, 201):
                acked[number % KEYS] = number
                return None
            assert reply.status == 500, reply
            return reply.body

        # A segment that is being prepared is complete before there are no descriptors.
        log = server.data_dir / "member" / "wal"
        wait_until(
            lambda: any(path.suffix == ".next" for path in log.iterdir()),
            lambda: sorted(path.name for path in log.iterdir()),
        )
        _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        # Below what is open: nothing more can be.
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, hard))
        refusals = (write(number) for number in range(1, WRITES_MAX))
        refusal = next((one for one in refusals if one is not None), None)
        assert refusal is not None, "the control: this many writes need another segment"
        assert b"no descriptor for the next log segment" in refusal
        assert b"Too many open files" in refusal
        assert max(acked.values()) * VALUE_BYTES > 64 << 20, "the prepared segment was used"
        assert conn.get("/first").status == 200
        health = conn.request("GET", "/health")
        assert (health.status, health.json()) == (503, {"health": "false"})
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (hard, hard))
        wait_until(lambda: write(WRITES_MAX + len(os.listdir(log))) is None, lambda: server.stderr()[-2000:])
    server.restart()
    with server.connect(timeout_s=30) as conn:
        for key, number in acked.items():
            assert conn.get(f"/full/{key}").json()["node"]["value"].startswith(f"{number}.")

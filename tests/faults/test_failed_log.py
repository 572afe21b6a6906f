"""A log that fails under a running member: whoever waits is told, plain or over TLS, and the process ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_certificates
from tests.support.server import Kind, Server
from tests.support.wire import Connection, form

#: Megabytes: more than the segment that is open and the one that is prepared.
WRITES_MAX = 200


@pytest.mark.parametrize("over", ["plain", "tls"])
def test_whoever_waits_is_told(over: str, tmp_path: Path) -> None:
    certs = make_certificates(tmp_path) if over == "tls" else None
    server = Server(
        Kind.OURS,
        tmp_path / "server",
        tls=(certs.cert_file, certs.key_file) if certs else None,
        client_tls=certs.client if certs else None,
    )
    server.start()
    try:
        with server.connect() as writer:
            assert writer.put("/a", "1").status == 201
            # There is no place for the name of the next segment any more. Moved in one step: a deletion would
            # meet the files that the member prepares there.
            (server.data_dir / "member" / "wal").rename(tmp_path / "taken-away")
            refused = _write_until_refused(writer)
            assert refused["errorCode"] == 300
            assert "server stopped" in refused["cause"]
        assert server.wait_exit() == 1
        assert "the member cannot go on" in server.stderr()
    finally:
        server.discard()


def _write_until_refused(writer: Connection) -> Any:
    for number in range(WRITES_MAX):
        reply = writer.request("PUT", f"/v2/keys/big/{number}", form(value="v" * 1_000_000))
        if reply.status == 500:
            return reply.json()
        assert reply.status == 201, reply
    raise AssertionError("the log does not fail")

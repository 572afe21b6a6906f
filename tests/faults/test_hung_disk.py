"""A disk that does not answer: writes time out, reads go on, and the member says that it is not well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ServerFactory
from tests.support import power
from tests.support.server import Kind
from tests.support.waiting import wait_until
from tests.support.wire import form


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[power.PowerDisk]:
    """Asked for before `make_server`, so that servers are gone when it is unmounted."""
    if reason := power.missing():
        pytest.skip(reason)
    with power.power_disk(tmp_path / "disk") as made:
        yield made


def test_health_while_writes_hang(disk: power.PowerDisk, make_server: ServerFactory) -> None:
    server = make_server(Kind.OURS, data_dir=disk.data, flags=["--request-timeout", "1s"]).start()
    with server.connect() as writer, server.connect() as other:
        assert writer.put("/a", "1").status == 201

        def health() -> int:
            return other.request("GET", "/health").status

        assert health() == 200
        with power.frozen(disk.data.parent):
            reply = writer.request("PUT", "/v2/keys/a", form(value="2"))
            assert (reply.status, reply.json()["errorCode"]) == (500, 300)
            wait_until(lambda: health() == 503, lambda: "it says that it is well")
            assert other.get("/a").json()["node"]["value"] == "1"
        wait_until(lambda: health() == 200, lambda: "it says that it is not well")
        assert other.get("/a").json()["node"]["value"] == "2", "it was carried out all the same"

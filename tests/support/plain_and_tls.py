"""A fixture for modules whose tests hold over plain TCP and over TLS alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import require
from tests.support.certificates import make_certificates
from tests.support.server import Kind, Server


def plain_and_tls(*flags: str) -> Any:
    """A module's fixture: our server with these flags, first plain, then TLS. It must exit cleanly."""

    @pytest.fixture(scope="module", params=["plain", "tls"])
    def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
        require(Kind.OURS, request.config)
        folder = tmp_path_factory.mktemp(request.param)
        certs = make_certificates(folder) if request.param == "tls" else None
        made = Server(
            Kind.OURS,
            folder / "server",
            flags=flags,
            tls=(certs.cert_file, certs.key_file) if certs else None,
            client_tls=certs.client if certs else None,
        )
        made.start()
        try:
            yield made
            made.stop()
        finally:
            made.discard()

    return server

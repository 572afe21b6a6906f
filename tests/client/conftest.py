"""One server of each kind for the modules of the folder."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.client.faces import SHELLS
from tests.support.server import Kind, Server


@pytest.fixture(params=[Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def server(request: pytest.FixtureRequest, module_servers: Callable[[Kind], Server]) -> Server:
    """A running member: ours and, as the oracle, Debian's."""
    return module_servers(request.param)


@pytest.fixture
def url(server: Server) -> str:
    """Where it listens for clients."""
    return f"http://127.0.0.1:{server.client_port}"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Which of the two clients."""
    name: str = request.param
    return name


@pytest.fixture
def top() -> str:
    """A directory of this test's own (not made yet)."""
    return f"/t-{uuid.uuid4().hex[:12]}"

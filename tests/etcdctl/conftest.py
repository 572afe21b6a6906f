"""One server of each kind for the whole folder's modules, and our `etcdctl` pointed at it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.etcdctl.runner import Ctl, client_url
from tests.support.server import Kind, Server


@pytest.fixture(params=[Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def server(request: pytest.FixtureRequest, module_servers: Callable[[Kind], Server]) -> Server:
    """A running member: ours and, as the oracle, Debian's."""
    return module_servers(request.param)


@pytest.fixture
def ctl(server: Server) -> Ctl:
    """Our `etcdctl`, told where the server is."""
    return Ctl.ours(client_url(server))


@pytest.fixture
def top() -> str:
    """A directory of this test's own (not made yet)."""
    return f"/t-{uuid.uuid4().hex[:12]}"

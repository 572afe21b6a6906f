"""Proxies that are gone after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import require
from tests.proxy.running import Proxy
from tests.support.server import Kind, Server

ProxyFactory = Callable[..., Proxy]


@pytest.fixture
def make_proxy(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ProxyFactory]:
    """Makes proxies (not started); running ones must stop cleanly."""
    made: list[Proxy] = []

    def make(*peers: Server, kind: Kind = Kind.OURS, **options: object) -> Proxy:
        require(kind, request.config)
        proxy = Proxy(kind, tmp_path / f"proxy{len(made)}", peers, **options)  # type: ignore[arg-type]
        made.append(proxy)
        return proxy

    try:
        yield make
        for proxy in made:
            if proxy.process is not None:
                proxy.stop()
    finally:
        for proxy in made:
            proxy.discard()


@pytest.fixture(scope="module", params=[Kind.ETCD34, Kind.OURS])
def backend(request: pytest.FixtureRequest, module_servers: Callable[[Kind], Server]) -> Server:
    """A member of either kind."""
    return module_servers(request.param)


@pytest.fixture(scope="module")
def proxy(backend: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """Ours in front of it."""
    made = Proxy(Kind.OURS, tmp_path_factory.mktemp("proxy"), [backend])
    made.start()
    try:
        yield made
        made.stop()
    finally:
        made.discard()

"""Options, marks, time budgets and the server fixtures."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.budgets import BUDGETS, timeout_s_of
from tests.support.server import Kind, Server, debian_etcd

ServerFactory = Callable[..., Server]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of this suite."""
    group = parser.getgroup("coreos")
    group.addoption("--long", action="store_true", help="run the tests marked long too (make test-long)")
    group.addoption(
        "--servers",
        default="ours,upstream,etcd34",
        help="comma list of the servers that the conformance tests run against",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Marks, and enough descriptors for thousands of watchers."""
    config.addinivalue_line("markers", "long: takes minutes; only with --long (make test-long)")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give every test its area's time limit, and leave out long ones unless asked for."""
    root = Path(__file__).parent
    skip = pytest.mark.skip(reason="long: run with --long (make test-long)")
    for item in items:
        if not item.path.is_relative_to(root):
            continue
        if item.get_closest_marker("timeout") is None:
            is_long = item.get_closest_marker("long") is not None
            limit = timeout_s_of(item.path.relative_to(root).parts[0], is_long=is_long)
            if limit is not None:
                item.add_marker(pytest.mark.timeout(limit))
        if item.get_closest_marker("long") is not None and not config.getoption("--long"):
            item.add_marker(skip)


_SPENT_S: dict[str, float] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what each area takes, fixtures included."""
    area = report.nodeid.partition("/")[2].partition("/")[0]
    _SPENT_S[area] = _SPENT_S.get(area, 0.0) + report.duration


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what the areas took beside what they may take. It informs: no test asserts a speed."""
    if config.getoption("--long"):
        return
    for area, budget in BUDGETS.items():
        spent_s = _SPENT_S.get(area, 0.0)
        if spent_s > budget.area_s:
            terminalreporter.write_line(f"tests/{area} took {spent_s:.0f} s, its budget is {budget.area_s} s")


def require(kind: Kind, config: pytest.Config) -> None:
    """Skip when this run leaves the server out, or when there is no Debian etcd to compare with."""
    if kind.value not in config.getoption("--servers").split(","):
        pytest.skip(f"{kind.value} is left out by --servers")
    if kind is Kind.ETCD34 and debian_etcd() is None:
        pytest.skip("Debian's etcd-server 3.4 (the oracle) is not installed")


@pytest.fixture(scope="module")
def module_servers(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[Kind], Server]]:
    """One running server of each kind for a whole module, started when first asked for."""
    running: dict[Kind, Server] = {}

    def get(kind: Kind) -> Server:
        require(kind, request.config)
        if kind not in running:
            running[kind] = Server(kind, tmp_path_factory.mktemp(kind.value)).start()
        return running[kind]

    try:
        yield get
        for server in running.values():
            server.stop()
    finally:
        for server in running.values():
            server.discard()


@pytest.fixture
def make_server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ServerFactory]:
    """Makes servers (not started) that are gone after the test; running ones must stop cleanly."""
    made: list[Server] = []

    def make(kind: Kind = Kind.OURS, **options: object) -> Server:
        require(kind, request.config)
        work_dir = tmp_path / f"server{len(made)}"
        server = Server(kind, work_dir, **options)  # type: ignore[arg-type]
        made.append(server)
        return server

    try:
        yield make
        for server in made:
            if server.process is not None:
                server.stop()
    finally:
        for server in made:
            server.discard()

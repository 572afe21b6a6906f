"""The same requests to Debian's proxy and to ours, in front of the same member of Debian's etcd."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import require
from tests.proxy.running import Proxy
from tests.support.server import Kind, Server
from tests.support.wire import Reply, form

# Debian's 3.4 always lets every page in, and so twice; ours does so where `--cors` asks for it.
NOT_COMPARED = {"date", "x-content-type-options", "content-length", "transfer-encoding"}
MOVING = {"x-etcd-index", "x-raft-index", "x-raft-term"}
CORS = "access-control-allow-"


@pytest.fixture(scope="module")
def both(
    request: pytest.FixtureRequest,
    module_servers: Callable[[Kind], Server],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, dict[str, Proxy]]]:
    """By mode and kind."""
    require(Kind.ETCD34, request.config)
    backend = module_servers(Kind.ETCD34)
    made: dict[str, dict[str, Proxy]] = {}
    with ExitStack() as stack:
        for mode in ("on", "readonly"):
            for kind, flags in ((Kind.ETCD34, ()), (Kind.OURS, ("--cors", "*"))):
                folder: Path = tmp_path_factory.mktemp(f"{mode}-{kind.value}")
                one = Proxy(kind, folder, [backend], mode=mode, flags=flags)
                stack.callback(one.discard)
                made.setdefault(mode, {})[kind.value] = one.start()
        yield made


def seen(reply: Reply) -> tuple[int, bytes, dict[str, set[str]]]:
    """What is compared: of headers, each value once."""
    headers: dict[str, set[str]] = {}
    for name, value in reply.headers:
        if name.lower() not in NOT_COMPARED:
            headers.setdefault(name.lower(), set()).add(value)
    # Each of the two servers has been asked after other changes.
    body = re.sub(rb'ndex":\d+', b'ndex":N', reply.body)
    return reply.status, body, {name: value for name, value in headers.items() if name not in MOVING}


REQUESTS = [
    ("GET", "/v2/keys/d", None),
    ("PUT", "/v2/keys/d?prevExist=false", form(value="1")),
    ("GET", "/v2/keys/?recursive=true&sorted=true", None),
    ("GET", "/v2/keys/d?wait=true&waitIndex=1", None),
    ("HEAD", "/v2/keys/d", None),
    ("OPTIONS", "/v2/keys/d", None),
    ("OPTIONS", "/nothing", None),
    ("PATCH", "/v2/keys/d", None),
    ("FOO", "/v2/keys/d", None),
    ("PUT", "/v2/keys/d", form(ttl="x")),
    ("GET", "/version", None),
    ("GET", "/health", None),
    ("GET", "/v2/machines", None),
    ("GET", "/v2/members", None),
    ("DELETE", "/v2/members/123", None),
    ("GET", "/nothing", None),
    ("GET", "/v2/config/local/proxy", None),
    ("GET", "/v2/config/local/proxy?x=1", None),
    ("GET", "/v2/config/local/proxy/", None),
    ("PUT", "/v2/config/local/proxy", b"x"),
    ("HEAD", "/v2/config/local/proxy", None),
]


@pytest.mark.parametrize(("method", "target", "body"), REQUESTS, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("mode", ["on", "readonly"])
def test_replies_are_the_same(
    both: dict[str, dict[str, Proxy]], mode: str, method: str, target: str, body: bytes | None
) -> None:
    replies = {}
    for kind, one in both[mode].items():
        # A fresh key for each, so that the second is not told that it exists.
        one.peers[0].request("DELETE", "/v2/keys/d?recursive=true")
        if "prevExist" not in target:
            one.peers[0].request("PUT", "/v2/keys/d", form(value="0"))
        replies[kind] = seen(one.request(method, target, body))
    ours, theirs = replies["ours"], replies["etcd34"]
    assert ours == theirs


def test_control_a_difference_is_seen(both: dict[str, dict[str, Proxy]]) -> None:
    on, readonly = both["on"]["ours"], both["readonly"]["ours"]
    body = form(value="1")
    assert seen(on.request("PUT", "/v2/keys/c", body)) != seen(readonly.request("PUT", "/v2/keys/c", body))


def test_without_cors_no_page_is_let_in(both: dict[str, dict[str, Proxy]], tmp_path: Path) -> None:
    backend = both["on"]["ours"].peers[0]
    strict = Proxy(Kind.OURS, tmp_path, [backend], flags=["--cors", "http://a"])
    try:
        strict.start()
        with strict.connect() as client:
            own = client.request("GET", "/v2/config/local/proxy")
            assert not any(name.lower().startswith(CORS) for name in own.names())
            own = client.request("GET", "/v2/config/local/proxy", headers=(("Origin", "http://a"),))
            assert own.header("Access-Control-Allow-Origin") == "http://a"
        strict.stop()
    finally:
        strict.discard()

"""CORS and OPTIONS, compared with Debian's etcd started with the same flag."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import require
from tests.support.server import Kind, Server
from tests.support.wire import Headers, Reply

#: With a port, which 3.4 asks for.
ALLOWED, OTHER = "http://allowed.example:80", "http://other.example:80"
REQUESTS = [
    ("OPTIONS", "/v2/keys/a", None),
    ("OPTIONS", "/v2/members", None),
    ("OPTIONS", "/nothing", None),
    ("PUT", "/v2/keys/a", b"value=1"),
    ("GET", "/v2/keys/a", None),
    ("GET", "/v2/keys/none", None),
    ("HEAD", "/v2/keys/a", None),
    ("GET", "/v2/keys/a?wait=true&waitIndex=1", None),
    ("GET", "/v2/keys/a?recursive=x", None),
    ("PATCH", "/v2/keys/a", None),
    ("GET", "/v2/members", None),
    ("GET", "/v2/stats/self", None),
    ("GET", "/version", None),
    ("DELETE", "/v2/keys/a", None),
]
ORIGINS: dict[str, Headers] = {
    "allowed": (("Origin", ALLOWED),),
    "other": (("Origin", OTHER),),
    "none": (),
    "preflight": (
        ("Origin", ALLOWED),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "content-type"),
    ),
}


def access_control(reply: Reply) -> dict[str, str]:
    return {name: value for name, value in reply.headers if name.startswith("Access-Control-")}


def play(kind: Kind, folder: Path, cors: str) -> dict[str, tuple[int, dict[str, str]]]:
    """What each request was answered: status and the headers of CORS. OPTIONS: and an empty body."""
    server = Server(kind, folder, flags=("--cors", cors)).start()
    seen = {}
    try:
        with server.connect() as conn:
            for origin, headers in ORIGINS.items():
                for method, target, body in REQUESTS:
                    reply = conn.request(method, target, body, headers)
                    seen[f"{method} {target} from {origin}"] = (reply.status, access_control(reply))
                    assert method != "OPTIONS" or reply.body == b""
        server.stop()
    finally:
        server.discard()
    return seen


@pytest.mark.parametrize("cors", [ALLOWED, "*"])
def test_cors_is_that_of_debians_etcd(tmp_path: Path, request: pytest.FixtureRequest, cors: str) -> None:
    for kind in (Kind.OURS, Kind.ETCD34):
        require(kind, request.config)
    ours = play(Kind.OURS, tmp_path / "ours", cors)
    assert ours == play(Kind.ETCD34, tmp_path / "etcd34", cors)
    # What the reference says, and the control that something was compared.
    full = {
        "Access-Control-Allow-Methods": "POST, GET, OPTIONS, PUT, DELETE",
        "Access-Control-Allow-Origin": cors,
        "Access-Control-Allow-Headers": "accept, content-type, authorization",
    }
    for shown, (status, headers) in ours.items():
        has_any = cors == "*" or shown.endswith(("from allowed", "from preflight"))
        assert headers == (full if has_any else {}), shown
        assert not shown.startswith("OPTIONS") or status == 200

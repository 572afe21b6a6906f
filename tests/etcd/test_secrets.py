"""What a log must never show: credentials, values and private keys, also at its most talkative."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import ServerFactory
from tests.support.certificates import Authority
from tests.support.server import Kind, Server
from tests.support.wire import PeerClosed, form, request_bytes

PASSWORD = "hunter2-and-more"
#: As it travels in a header.
BASIC = base64.b64encode(f"root:{PASSWORD}".encode()).decode()
VALUE = "a-value-that-is-nobodys-business"
HEADERS = (("Authorization", f"Basic {BASIC}"),)
JSON = (("Content-Type", "application/json"), *HEADERS)
USER = json.dumps({"user": "root", "password": PASSWORD}).encode()
#: Everything that carries a secret: right, wrong, malformed and refused.
REQUESTS = [
    request_bytes("PUT", "/v2/keys/k", form(value=VALUE), HEADERS),
    request_bytes("PUT", f"/v2/keys/k?value={VALUE}&prevValue={PASSWORD}", b"", HEADERS),
    request_bytes("GET", f"/v2/keys/k?limit={PASSWORD}", None, HEADERS),
    request_bytes("PUT", "/v2/keys/k", VALUE.encode(), (("Content-Type", "text/plain"), *HEADERS)),
    request_bytes("PUT", "/v2/auth/users/root", USER, JSON),
    request_bytes("PUT", "/v2/auth/users/root", USER[:-1], JSON),
    request_bytes("PUT", "/v2/auth/users/root", b'{"password":' + PASSWORD.encode(), JSON),
    request_bytes("PUT", "/v2/auth/enable", b"", HEADERS),
    request_bytes("GET", "/v2/auth/users", None, HEADERS),
    request_bytes("GET", f"/v2/auth/users?password={PASSWORD}", None, HEADERS),
    request_bytes("GET", "/v2/keys/k", None, HEADERS),
    request_bytes("DELETE", "/v2/auth/enable", None, HEADERS),
    request_bytes("POST", "/v2/members", USER, JSON),
    request_bytes("PUT", "/config/local/log", USER, JSON),
    request_bytes("GET", "/metrics", None, HEADERS),
    request_bytes("GET", f"http://root:{PASSWORD}@127.0.0.1/version", None, HEADERS),
    request_bytes("GET", f"/nothing?token={BASIC}", None, HEADERS),
    request_bytes("BREW", "/version", None, HEADERS),
    f"PUT /v2/keys/k HTTP/1.1\r\nAuthorization : Basic {BASIC}\r\n\r\n{VALUE}".encode(),
]


def talk(server: Server) -> None:
    """All of it, each on a connection of its own."""
    for data in REQUESTS:
        with server.connect() as conn:
            conn.send(data)
            # A malformed one may end so.
            with suppress(PeerClosed):
                conn.read_reply()


def found(log: str, key_file: Path | None) -> list[str]:
    """The secrets in a log."""
    secrets = [PASSWORD, BASIC, VALUE]
    if key_file is not None:
        secrets += [line for line in key_file.read_text().splitlines() if "-----" not in line]
    return [secret for secret in secrets if secret in log]


@pytest.mark.parametrize("transport", ["plain", "tls"])
def test_no_secret_is_logged(make_server: ServerFactory, tmp_path: Path, transport: str) -> None:
    authority = Authority(trustme.CA(), tmp_path)
    options: dict[str, Any] = {"flags": ["--debug"]}
    if transport == "tls":
        options |= {"tls": authority.issue("server"), "client_tls": authority.client()}
    server = make_server(Kind.OURS, **options).start()
    talk(server)
    server.stop()
    log = server.stderr()
    assert "path=/v2/auth/users/root" in log, "requests are logged at this level"
    assert found(log, server.tls[1] if server.tls else None) == []


@pytest.mark.parametrize(
    "leak", [f"password={PASSWORD}", f'header="Basic {BASIC}"', f"body={VALUE}", "<key>"]
)
def test_control_a_leak_is_found(tmp_path: Path, leak: str) -> None:
    _, key_file = Authority(trustme.CA(), tmp_path).issue("server")
    line = key_file.read_text().splitlines()[1]
    log = f"time=x level=debug msg=request {leak.replace('<key>', line)}\n"
    assert len(found(log, key_file)) == 1
    assert found("time=x level=debug msg=request path=/v2/keys/k\n", key_file) == []

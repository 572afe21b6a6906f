"""TLS of the client port: sessions, client certificates, renewal, and clients that do it wrong."""

from __future__ import annotations

import socket
import ssl
from contextlib import nullcontext
from pathlib import Path

import pytest
import trustme

from coreos_py.etcd import tls
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.settings import TlsFiles
from tests.conftest import ServerFactory
from tests.support.certificates import Authority
from tests.support.server import Server
from tests.support.wire import Connection, PeerClosed, request_bytes


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)


@pytest.fixture
def server(make_server: ServerFactory, authority: Authority) -> Server:
    return make_server(tls=authority.issue("server"), client_tls=authority.client()).start()


def test_keys_and_endpoints_over_tls(server: Server) -> None:
    with server.connect() as client:
        assert client.put("/a", "1").status == 201
        assert client.get("/a").json()["node"]["value"] == "1"
        assert client.request("GET", "/version").status == 200
        assert client.request("HEAD", "/v2/machines").body == b""
        assert client.put("/a", "x" * 1_000_000).status == 200
        assert len(client.get("/a").json()["node"]["value"]) == 1_000_000


def test_a_watch_over_tls_is_told_and_its_leaving_noticed(server: Server) -> None:
    with server.connect() as watcher, server.connect() as other:
        watcher.send(request_bytes("GET", "/v2/keys/w?wait=true&stream=true"))
        assert watcher.read_head().status == 200
        other.put("/w", "1")
        piece = watcher.read_chunk()
        assert piece is not None
        assert b'"value":"1"' in piece
        watcher.close()
        other.put("/w", "2")
        for _ in range(1000):
            if other.request("GET", "/v2/stats/store").json()["watchers"] == 0:
                break
        else:
            pytest.fail("the watcher has gone a thousand requests ago")


def test_more_is_pipelined_than_output_may_be_buffered(server: Server) -> None:
    with server.connect() as client:
        client.put("/big", "x" * 200_000)
        count = 40
        client.send(request_bytes("GET", "/v2/keys/big") * count)
        assert [client.read_reply().status for _ in range(count)] == [200] * count


def test_a_body_over_the_limit_gets_its_reply(make_server: ServerFactory, authority: Authority) -> None:
    server = make_server(
        tls=authority.issue("server"), client_tls=authority.client(), flags=["--max-body-bytes", "1000"]
    ).start()
    with server.connect() as client:
        reply = client.request("PUT", "/v2/keys/a", b"value=" + b"x" * 500_000)
        assert reply.status == 413
        assert b"1000" in reply.body
        with pytest.raises(PeerClosed):
            client.read_reply()


@pytest.mark.parametrize(("flood_bytes", "is_taken"), [(8_000, True), (64_000_000, False)])
def test_reading_stops_while_nothing_can_be_answered(
    make_server: ServerFactory, authority: Authority, flood_bytes: int, is_taken: bool
) -> None:
    """A client that sends on behind its watch is not buffered without end (control: a little is)."""
    server = make_server(
        tls=authority.issue("server"), client_tls=authority.client(), flags=["--max-body-bytes", "1000"]
    ).start()
    with server.connect(timeout_s=3.0) as client:
        client.send(request_bytes("GET", "/v2/keys/w?wait=true"))
        assert client.read_head().status == 200
        with nullcontext() if is_taken else pytest.raises(TimeoutError):
            client.send(request_bytes("GET", "/v2/keys/w") * (flood_bytes // 50))
        if is_taken:
            assert server.request("PUT", "/v2/keys/w", b"value=1").status == 201
            assert client.read_chunk() is not None
            assert client.read_chunk() is None
            assert client.read_reply().status == 200


@pytest.mark.parametrize("headers", [(), (("Connection", "close"),)])
def test_a_client_that_says_goodbye_leaves_no_trace(
    server: Server, headers: tuple[tuple[str, str], ...]
) -> None:
    """As curl does. Either side may be the first to say it, and the connection ends after it."""
    with server.connect() as client:
        assert client.request("GET", "/version", headers=headers).status == 200
        assert isinstance(client.socket, ssl.SSLSocket)
        with client.socket.unwrap() as transport:
            assert transport.recv(1) == b"", "the end, and nothing before it"
    server.assert_no_traces()


def test_plain_http_is_told_so(server: Server) -> None:
    with socket.create_connection(server.address, timeout=10) as plain:
        plain.sendall(b"GET /version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        reply = b"".join(iter(lambda: plain.recv(4096), b""))
    assert reply == b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


def test_without_the_right_certificate_there_is_no_session(
    make_server: ServerFactory, authority: Authority
) -> None:
    known, stranger = authority.issue("client"), Authority(trustme.CA(), authority.folder).issue("stranger")
    server = make_server(
        tls=authority.issue("server"),
        client_tls=authority.client(known),
        flags=["--client-cert-auth", "--trusted-ca-file", authority.ca_file],
    ).start()
    assert server.request("GET", "/version").status == 200
    for identity in (None, stranger):
        # In TLS 1.3 the client learns of the refusal when it reads.
        with (
            pytest.raises((ssl.SSLError, PeerClosed, ConnectionError)),
            Connection(server.address, tls=authority.client(identity)) as client,
        ):
            client.request("GET", "/version")
    assert server.request("GET", "/version").status == 200


def test_the_old_ca_file_asks_for_certificates_too(make_server: ServerFactory, authority: Authority) -> None:
    server = make_server(
        tls=authority.issue("server"),
        client_tls=authority.client(authority.issue("client")),
        flags=["--ca-file", authority.ca_file],
    ).start()
    with (
        pytest.raises((ssl.SSLError, PeerClosed, ConnectionError)),
        Connection(server.address, tls=authority.client()) as client,
    ):
        client.request("GET", "/version")


@pytest.mark.parametrize("broken", ["missing", "not PEM", "key of another"])
def test_unusable_files_stop_the_start_in_one_line(
    make_server: ServerFactory, authority: Authority, broken: str
) -> None:
    cert, key = authority.issue("server")
    if broken == "missing":
        cert.unlink()
    elif broken == "not PEM":
        key.write_text("nonsense")
    else:
        key = authority.issue("other")[1]
    server = make_server(tls=(cert, key), client_tls=authority.client())
    said = server.refuses_to_start().splitlines()[-1]
    assert "level=fatal" in said
    reason = {
        "missing": f"cannot read the certificate file {cert}: No such file or directory",
        "not PEM": f"cannot use the key in {key} with the certificate in {cert}: ",
        "key of another": f"the key in {key} does not belong to the certificate in {cert}",
    }[broken]
    assert reason in said
    assert not server.data_dir.exists()


def test_an_encrypted_key_does_not_ask_at_the_terminal(authority: Authority) -> None:
    from cryptography.hazmat.primitives import serialization

    cert, key = authority.issue("server")
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(StartError, match=f"cannot use the key in {key}"):
        tls.ReloadingContext(TlsFiles(str(cert), str(key), None, requires_client_cert=False))

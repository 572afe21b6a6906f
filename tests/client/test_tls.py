"""TLS with both clients: who is trusted, client certificates, and a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from coreos_py.client import (
    BlockingClient,
    Client,
    ConfigurationError,
    OutcomeUnknownError,
    TlsFiles,
    UnavailableError,
)
from tests.client.faces import PATIENT, play, play_watch
from tests.etcdctl.fake import Answer, Asked, FakeServer, file_event, reply
from tests.etcdctl.test_tls import Pki
from tests.support.certificates import make_certificates
from tests.support.server import Kind, Server
from tests.support.wire import form


def ok(_: Asked) -> Answer:
    """Every key holds `v`."""
    return reply(file_event("v"))


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """One authority for the module."""
    return Pki(tmp_path_factory.mktemp("pki"))


async def read(etcd: Any) -> None:
    """Several requests, on connections that are used again and on new ones."""
    for _ in range(3):
        assert (await etcd.get("/k")).value == "v"
        assert (await etcd.create("/k", "v")).value == "v"


def refused(text: str) -> Callable[[Any], Any]:
    """A scenario in which nothing can be sent."""

    async def scenario(etcd: Any) -> None:
        with pytest.raises(UnavailableError, match=text):
            await etcd.create("/k", "v")

    return scenario


def test_files_and_contexts(pki: Pki, shell: str) -> None:
    files = TlsFiles(ca_file=pki.ca_file)
    with FakeServer(ok, pki.context()) as server:
        for tls in (files, files.context()):
            play(shell, server.url, read, PATIENT._replace(tls=tls))
        play(shell, server.url, refused("x509: certificate signed by unknown authority"), PATIENT)
    with FakeServer(ok, pki.context("other.example")) as server:
        play(shell, server.url, refused("x509: IP address mismatch"), PATIENT._replace(tls=files))
        # Nothing was sent to whoever it was.
        assert server.asked == []


def test_client_certificates(pki: Pki, shell: str) -> None:
    files = TlsFiles(pki.cert_file, pki.key_file, pki.ca_file)

    async def doubtful(etcd: Any) -> None:
        # With TLS 1.3 a server tells that it wants a certificate only after the request has been sent.
        with pytest.raises((UnavailableError, OutcomeUnknownError), match=r"tls|EOF"):
            await etcd.create("/k", "v")

    with FakeServer(ok, pki.context(asks_client=True)) as server:
        play(shell, server.url, read, PATIENT._replace(tls=files))
        play(shell, server.url, doubtful, PATIENT._replace(tls=TlsFiles(ca_file=pki.ca_file)))
        assert len(server.asked) == 6


def test_a_plain_server_at_a_tls_address(shell: str) -> None:
    with FakeServer(ok) as server:
        play(shell, server.url.replace("http:", "https:"), refused("tls: |EOF"), PATIENT)


@pytest.mark.parametrize("client", [BlockingClient, Client])
def test_files_that_cannot_be_used(pki: Pki, client: Any) -> None:
    for files in (TlsFiles(cert_file=pki.cert_file), TlsFiles(ca_file="/nowhere/ca.pem")):
        with pytest.raises(ConfigurationError):
            client("http://127.0.0.1:1", PATIENT._replace(tls=files))


def test_files_that_turn_out_to_be_useless(pki: Pki, shell: str, tmp_path: Path) -> None:
    """They can be opened. A key with a passphrase must not make OpenSSL ask for it, and wait."""
    encrypted = tmp_path / "encrypted.key"
    key = load_pem_private_key(Path(pki.key_file).read_bytes(), None)
    encrypted.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )

    def unusable(text: str) -> Callable[[Any], Any]:
        async def scenario(etcd: Any) -> None:
            with pytest.raises(ConfigurationError, match=text):
                await etcd.get("/k")

        return scenario

    with FakeServer(ok, pki.context()) as server:
        for files, text in (
            (TlsFiles(pki.cert_file, str(encrypted), pki.ca_file), "is encrypted"),
            (TlsFiles(ca_file=str(tmp_path)), "Is a directory"),
        ):
            play(shell, server.url, unusable(text), PATIENT._replace(tls=files))


@pytest.mark.parametrize("stream", [False, True], ids=["polls", "stream"])
def test_a_watch_over_tls(
    make_server: Callable[..., Server], tmp_path: Path, shell: str, stream: bool
) -> None:
    certs = make_certificates(tmp_path)
    tls = (certs.cert_file, certs.key_file)
    server = make_server(Kind.OURS, tls=tls, client_tls=certs.client).start()
    for number in range(5):
        server.request("PUT", f"/v2/keys/w/{number}", form(value=number))

    def start(etcd: Any) -> Any:
        return etcd.watch("/w", wait_index=1, recursive=True, stream=stream)

    url = f"https://127.0.0.1:{server.client_port}"
    told = play_watch(shell, url, start, 5, PATIENT._replace(tls=certs.client))
    assert [event.value for event in told] == ["0", "1", "2", "3", "4"]

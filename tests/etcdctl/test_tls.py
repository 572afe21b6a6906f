"""TLS: server certificates that hold or do not, client certificates, files that are none."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
import trustme

from tests.etcdctl.fake import Answer, Asked, FakeServer, file_event, reply
from tests.etcdctl.runner import Ctl

UNAVAILABLE = "Error:  client: etcd cluster is unavailable or misconfigured\n"


def ok(asked: Asked) -> Answer:
    """No members; every key holds `v`."""
    return reply({"members": []}) if asked.target == "/v2/members" else reply(file_event("v"))


class Pki:
    """Files of one authority: its certificate, a client's certificate and key; and contexts for servers."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        client = self._ca.issue_cert("client.example")
        self.ca_file = str(folder / "ca.pem")
        self.cert_file = str(folder / "client.pem")
        self.key_file = str(folder / "client.key")
        self._ca.cert_pem.write_to_path(self.ca_file)
        client.cert_chain_pems[0].write_to_path(self.cert_file)
        client.private_key_pem.write_to_path(self.key_file)

    def context(self, name: str = "127.0.0.1", *, asks_client: bool = False) -> ssl.SSLContext:
        """For a server with a certificate for `name`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(name).configure_cert(context)
        if asks_client:
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """One authority for the module."""
    return Pki(tmp_path_factory.mktemp("pki"))


def test_a_trusted_server(pki: Pki) -> None:
    with FakeServer(ok, pki.context()) as server:
        ctl = Ctl.ours(server.url)
        assert ctl.run("--ca-file", pki.ca_file, "get", "/k") == (0, "v\n", "")
        assert ctl.run("get", "/k", variables={"ETCDCTL_CA_FILE": pki.ca_file}) == (0, "v\n", "")


def test_a_server_that_nobody_vouches_for(pki: Pki) -> None:
    with FakeServer(ok, pki.context()) as server:
        code, out, err = Ctl.ours(server.url).run("get", "/k")
        assert (code, out) == (4, "")
        assert err.startswith(f"{UNAVAILABLE}error #0: x509: certificate signed by unknown authority")
        assert server.asked == []


def test_a_certificate_for_another_name(pki: Pki) -> None:
    with FakeServer(ok, pki.context("other.example")) as server:
        code, out, err = Ctl.ours(server.url).run("--ca-file", pki.ca_file, "get", "/k")
        assert (code, out) == (4, "")
        assert err.startswith(f"{UNAVAILABLE}error #0: x509: ")
        assert "127.0.0.1" in err
        assert server.asked == []


def test_client_certificates(pki: Pki) -> None:
    with FakeServer(ok, pki.context(asks_client=True)) as server:
        ctl = Ctl.ours(server.url)
        pair = ("--cert-file", pki.cert_file, "--key-file", pki.key_file)
        assert ctl.run("--ca-file", pki.ca_file, *pair, "get", "/k") == (0, "v\n", "")
        code, out, err = ctl.run("--ca-file", pki.ca_file, "set", "/k", "v")
        assert (code, out) == (4, "")
        assert err.startswith("Error:  ")
        assert "Traceback" not in err


def test_plain_and_tls_mixed_up(pki: Pki) -> None:
    with FakeServer(ok) as plain, FakeServer(ok, pki.context()) as secure:
        assert Ctl.ours(plain.url.replace("http:", "https:")).run("get", "/k").code == 4
        assert Ctl.ours(secure.url.replace("https:", "http:")).run("get", "/k").code == 4


def test_files_that_cannot_be_used(pki: Pki, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing")
    ctl = Ctl.ours("https://127.0.0.1:1")
    missing = (1, "", "open /none: no such file or directory\n")
    for words in (["get", "/k"], ["member", "list"], ["cluster-health"], ["watch", "/k"]):
        assert ctl.run("--ca-file", "/none", *words) == missing
    assert ctl.run("--cert-file", "/none", "--key-file", "/none", "get", "/k") == missing
    one = f"KeyFile and CertFile must both be present[key: , cert: {pki.cert_file}]\n"
    assert ctl.run("--cert-file", pki.cert_file, "get", "/k") == (1, "", one)
    with FakeServer(ok, pki.context()) as server:
        code, out, err = Ctl.ours(server.url).run("--ca-file", str(nonsense), "get", "/k")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert str(nonsense) in err

"""Flags about the beginning of a member, the proxy and TLS."""

from __future__ import annotations

from coreos_py.etcd.settings import TlsFiles
from tests.etcd.test_flags import refusal, settings, texts


def test_how_to_begin() -> None:
    listed = settings(
        "--initial-cluster b=http://h:2,a=http://h:3,b=http://h:1 --initial-cluster-state existing"
    )
    begin = listed.beginning
    assert begin.initial_cluster == (("b", ("http://h:1", "http://h:2")), ("a", ("http://h:3",)))
    assert (begin.state, begin.given) == ("existing", ("--initial-cluster", "--initial-cluster-state"))
    found = settings(
        "--discovery http://h/t --discovery-proxy http://p:1 --discovery-fallback exit"
    ).beginning
    assert (found.discovery, found.discovery_proxy) == ("http://h/t", "http://p:1")
    assert (found.falls_back_to_proxy, found.given) == (False, ("--discovery",))
    srv = settings("--discovery-srv example.com --discovery-srv-name blue").beginning
    assert (srv.discovery_srv, srv.discovery_srv_name) == ("example.com", "blue")
    old = settings("-C 10.0.0.1:7001,http://h:2").beginning
    assert (old.peers, old.given) == (("10.0.0.1:7001", "http://h:2"), ("--peers",))
    assert settings("-CF list").beginning.peers_file == "list"
    assert settings("--discovery=").beginning.given == ()


def test_a_proxy_need_not_advertise_itself() -> None:
    listen = "--listen-client-urls http://127.0.0.1:1"
    for words in ("--proxy on", "--proxy readonly", "--discovery http://h/t"):
        assert not settings(f"{listen} {words}").beginning.advertises_to_clients
    assert settings(f"{listen} --advertise-client-urls http://h:1").beginning.advertises_to_clients
    code, said = refusal(f"{listen} --discovery http://h/t --discovery-fallback exit")
    assert (code, "--advertise-client-urls is required" in said) == (1, True)
    parsed = settings(
        "--proxy readonly --proxy-failure-wait 1 --proxy-refresh-interval 2 --proxy-dial-timeout 3"
        " --proxy-write-timeout 4 --proxy-read-timeout 5 --trusted-ca-file c --peer-trusted-ca-file p"
    ).proxy
    assert (parsed.mode, parsed.failure_wait_ms, parsed.refresh_ms) == ("readonly", 1, 2)
    assert (parsed.dial_ms, parsed.write_ms, parsed.read_ms) == (3, 4, 5)
    assert (parsed.ca_file, parsed.peer_ca_file) == ("c", "p")


def test_tls_files_of_peers() -> None:
    parsed = settings(
        "--peer-cert-file c --peer-key-file k --peer-trusted-ca-file a --peer-client-cert-auth"
        " --peer-cert-allowed-cn n -peer-addr 127.0.0.1:1"
    )
    assert parsed.peer_tls == TlsFiles("c", "k", "a", True, "n")
    assert parsed.tls is None
    assert texts(parsed.listen_peer_urls) == ["https://127.0.0.1:1"]
    assert texts(parsed.advertise_peer_urls) == ["https://127.0.0.1:1"]
    # A peer judges others by these authorities, whether or not it asks them for a certificate.
    lax = settings("--peer-cert-file c --peer-key-file k --peer-trusted-ca-file a")
    assert lax.peer_tls == TlsFiles("c", "k", "a", False)
    assert not any("no effect" in warning for warning in lax.warnings)
    old = settings("--peer-cert-file c --peer-key-file k --peer-ca-file a")
    assert old.peer_tls == TlsFiles("c", "k", "a", True)


def test_tls_files() -> None:
    plain = settings("--cert-file c --key-file k -addr 127.0.0.1:1")
    assert plain.tls is not None
    assert (plain.tls.cert_file, plain.tls.ca_file, plain.tls.requires_client_cert) == ("c", None, False)
    assert texts(plain.listen_client_urls) == ["https://127.0.0.1:1"]
    old = settings("--cert-file c --key-file k --ca-file a")
    assert old.tls is not None
    assert (old.tls.ca_file, old.tls.requires_client_cert) == ("a", True)
    assert any("is served without TLS" in warning for warning in old.warnings)
    new = settings("--cert-file c --key-file k --trusted-ca-file a --client-cert-auth")
    assert new.tls is not None
    assert (new.tls.ca_file, new.tls.requires_client_cert) == ("a", True)

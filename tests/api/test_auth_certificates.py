"""With client certificates that are required, a request without credentials is the certificate's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.api.test_auth import ENABLE, ROOT, USERS, ask, guard, key, put_user
from tests.conftest import ServerFactory
from tests.support.certificates import Certificates, make_certificates
from tests.support.server import Kind, Server
from tests.support.wire import Connection

BY_NAME = pytest.mark.parametrize(
    "kind", [kind for kind in Kind if kind is not Kind.UPSTREAM], ids=lambda kind: kind.value
)


def _start(make_server: ServerFactory, kind: Kind, certs: Certificates) -> Server:
    """A server that requires certificates."""
    flags = ["--client-cert-auth", "--trusted-ca-file", str(certs.ca_file)]
    if kind is Kind.ETCD34:
        # Its own gateway would ask itself with a certificate that is none for clients.
        flags += ["--enable-grpc-gateway=false"]
    files = (certs.cert_file, certs.key_file)
    return make_server(kind, flags=flags, tls=files, client_tls=certs.client_named("somebody")).start()


@BY_NAME
def test_the_common_name_is_the_user(make_server: ServerFactory, kind: Kind, tmp_path: Path) -> None:
    certs = make_certificates(tmp_path)
    server = _start(make_server, kind, certs)

    def connect(name: str) -> Connection:
        return Connection(server.address, tls=certs.client_named(name))

    with connect("al") as al, connect("root") as root, connect("somebody") as somebody:
        # While it is off, nobody is asked.
        guard(somebody)
        assert ask(somebody, "GET", ENABLE).json() == {"enabled": True}
        assert key(al, "PUT", "/m/x", value="2").status == 200
        assert key(al, "PUT", "/pub", value="2").status == 401
        assert key(root, "PUT", "/pub", value="2").status == 200
        # Who has a certificate but is no user is a guest. (The original goes on to the authority's
        # certificate, and ends the connection when that one has no name.)
        if kind.is_ours:
            assert key(somebody, "GET", "/pub").status == 200
            assert key(somebody, "GET", "/m/x").status == 401
            assert ask(somebody, "GET", USERS).status == 401
        # Credentials are looked at first, right ones and wrong ones.
        assert key(al, "PUT", "/pub", ROOT, "3").status == 200
        assert key(root, "GET", "/pub", "al:wrong").status == 401
        # Users are root's business.
        assert [ask(conn, "GET", USERS).status for conn in (root, al)] == [200, 401]
        put_user(root, "somebody", "x", "r")
        assert key(somebody, "GET", "/m/x").status == 200


@BY_NAME
def test_of_several_names_the_last_one_counts(make_server: ServerFactory, kind: Kind, tmp_path: Path) -> None:
    certs = make_certificates(tmp_path)
    server = _start(make_server, kind, certs)
    with server.connect() as somebody:
        guard(somebody)
    for names, status in [(("root", "al"), 401), (("al", "root"), 200)]:
        with Connection(server.address, tls=certs.client_of_many_names(tmp_path, *names)) as conn:
            assert key(conn, "GET", "/m/x").status == 200
            assert ask(conn, "GET", USERS).status == status


def test_with_compat_upstream_a_certificate_names_nobody(make_server: ServerFactory, tmp_path: Path) -> None:
    # As in 2.3.8, which looks at credentials alone.
    certs = make_certificates(tmp_path)
    server = _start(make_server, Kind.UPSTREAM, certs)
    with Connection(server.address, tls=certs.client_named("al")) as al:
        guard(al)
        assert key(al, "GET", "/pub").status == 200
        assert key(al, "GET", "/m/x").status == 401
        assert key(al, "GET", "/m/x", "al:pa").status == 200


def test_a_certificate_that_is_not_required_names_nobody(make_server: ServerFactory, tmp_path: Path) -> None:
    certs = make_certificates(tmp_path)
    server = make_server(tls=(certs.cert_file, certs.key_file), client_tls=certs.client_named("al")).start()
    with server.connect() as conn:
        guard(conn)
        assert key(conn, "GET", "/m/x").status == 401
        assert key(conn, "GET", "/m/x", "al:pa").status == 200

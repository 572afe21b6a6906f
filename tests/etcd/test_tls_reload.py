"""Certificates that change while the member runs, and what the log says of files that are wrong."""

from __future__ import annotations

import logging
import os
import shutil
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from coreos_py import logs
from coreos_py.etcd import tls
from coreos_py.etcd.certificate_files import read_stamp
from coreos_py.etcd.settings import TlsFiles
from tests.conftest import ServerFactory
from tests.support.certificates import Authority, Files
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.support.wire import Connection, PeerClosed, request_bytes


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(trustme.CA(), tmp_path)


@pytest.fixture
def server(make_server: ServerFactory, authority: Authority) -> Server:
    return make_server(tls=authority.issue("server"), client_tls=authority.client()).start()


def serial_of(server: Server, context: ssl.SSLContext) -> str:
    with Connection(server.address, tls=context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        certificate = client.socket.getpeercert()
        assert certificate is not None
        return str(certificate["serialNumber"])


def test_new_certificates_need_no_restart(authority: Authority) -> None:
    cert, key = authority.issue("server")
    now_s = [0.0]
    files = TlsFiles(str(cert), str(key), None, requires_client_cert=False)
    contexts = tls.ReloadingContext(files, clock_s=lambda: now_s[0])
    first = contexts.current()
    now_s[0] = 2.0
    assert contexts.current() is first, "nothing has changed"
    other_cert, other_key = authority.issue("other")
    shutil.copy(other_cert, cert)
    assert contexts.current() is first, "looked at a moment ago"
    now_s[0] = 4.0
    assert contexts.current() is first, "the pair does not fit yet"
    shutil.copy(other_key, key)
    now_s[0] = 6.0
    second = contexts.current()
    assert second is not first
    cert.unlink()
    now_s[0] = 8.0
    assert contexts.current() is second


def test_a_running_member_shows_its_new_certificate(server: Server, authority: Authority) -> None:
    assert server.tls is not None
    before = serial_of(server, authority.client())
    cert, key = authority.issue("renewed")
    shutil.copy(key, server.tls[1])
    shutil.copy(cert, server.tls[0])
    for _ in range(10_000):
        if serial_of(server, authority.client()) != before:
            break
    else:
        pytest.fail("the old certificate is still shown")
    assert "certificate reloaded" in server.stderr()


def test_open_connections_go_on_with_the_old_certificate(server: Server, authority: Authority) -> None:
    assert server.tls is not None
    before = serial_of(server, authority.client())
    with server.connect() as open_one, server.connect() as watching:
        watching.send(request_bytes("GET", "/v2/keys/w?wait=true&stream=true"))
        assert watching.read_head().status == 200
        cert, key = authority.issue("renewed")
        shutil.copy(key, server.tls[1])
        shutil.copy(cert, server.tls[0])
        wait_until(lambda: serial_of(server, authority.client()) != before, server.stderr)
        event = open_one.put("/w", "1").json()
        assert watching.read_object() == event


def is_let_in(server: Server, context: ssl.SSLContext) -> bool:
    try:
        with Connection(server.address, tls=context) as client:
            return client.request("GET", "/version").status == 200
    except (ssl.SSLError, PeerClosed, ConnectionError):
        return False


def test_new_authorities_of_client_certificates_need_no_restart(
    make_server: ServerFactory, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(trustme.CA(), tmp_path / "other")
    other.folder.mkdir()
    old, new = authority.issue("old"), other.issue("new")
    accepted = tmp_path / "accepted.pem"
    shutil.copy(authority.ca_file, accepted)
    server = make_server(
        tls=authority.issue("server"),
        client_tls=authority.client(old),
        flags=["--client-cert-auth", "--trusted-ca-file", str(accepted)],
    ).start()
    newcomer = authority.client(new)
    assert is_let_in(server, authority.client(old))
    assert not is_let_in(server, newcomer)
    with server.connect() as admitted_before:
        shutil.copy(other.ca_file, accepted)
        wait_until(lambda: is_let_in(server, newcomer), server.stderr)
        assert not is_let_in(server, authority.client(old))
        assert admitted_before.request("GET", "/version").status == 200


@pytest.fixture
def restored() -> Iterator[None]:
    """The log as it was."""
    root = logging.getLogger(logs.ROOT)
    before = (root.level, root.handlers[:], root.propagate)
    yield
    root.level, root.handlers[:], root.propagate = before


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def look(self, contexts: tls.ReloadingContext) -> ssl.SSLContext:
        """What a handshake gets two seconds later."""
        self.now_s += 2.0
        return contexts.current()


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ("certificate", "there is no usable certificate in {cert}: "),
        ("authorities", "there is no usable certificate in {ca}: "),
        ("key", "cannot use the key in {key} with the certificate in {cert}: "),
        ("half a pair", "the key in {key} does not belong to the certificate in {cert}"),
        ("missing", "cannot read the certificate file {ca}: No such file or directory"),
    ],
)
def test_files_that_cannot_be_used_are_named_once_and_change_nothing(
    authority: Authority, capsys: pytest.CaptureFixture[str], broken: str, says: str
) -> None:
    logs.set_up("info", "text")
    cert, key = authority.issue("server")
    ca = Path(authority.ca_file)
    whole = {path: path.read_bytes() for path in (cert, key, ca)}
    clock = Clock()
    files = TlsFiles(str(cert), str(key), str(ca), requires_client_cert=True)
    contexts = tls.ReloadingContext(files, clock)
    first = contexts.current()
    capsys.readouterr()
    if broken == "half a pair":
        shutil.copy(authority.issue("other")[1], key)
    elif broken == "missing":
        ca.unlink()
    else:
        {"certificate": cert, "authorities": ca, "key": key}[broken].write_text("nonsense")
    for _ in range(3):
        assert clock.look(contexts) is first
    (line,) = capsys.readouterr().err.splitlines()
    assert 'level=error msg="keeping the old certificate"' in line
    assert says.format(cert=cert, key=key, ca=ca) in line
    for path, data in whole.items():
        path.write_bytes(data)
    assert clock.look(contexts) is not first, "whole again, and of a later time"
    assert "certificate reloaded" in capsys.readouterr().err


def test_what_is_complained_of_is_not_taken(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is the look at the key's rights that fails: the key may be gone between two looks."""
    cert, key = authority.issue("server")
    clock = Clock()
    contexts = tls.ReloadingContext(TlsFiles(str(cert), str(key), None, requires_client_cert=False), clock)
    first = contexts.current()
    other_cert, other_key = authority.issue("other")
    shutil.copy(other_cert, cert)
    shutil.copy(other_key, key)

    def gone(key_file: str) -> None:
        raise FileNotFoundError(key_file)

    with monkeypatch.context() as patch:
        patch.setattr(tls, "warn_of_open_key", gone)
        assert clock.look(contexts) is first
    assert clock.look(contexts) is not first, "the control: nothing else was wrong"


def test_a_copy_of_the_same_length_and_time_is_a_change(authority: Authority) -> None:
    cert, key = authority.issue("server")
    files = TlsFiles(str(cert), str(key), None, requires_client_cert=False)
    before, found = read_stamp(files), cert.stat()
    assert read_stamp(files) == before
    other = cert.read_bytes()[::-1]

    def has_changed() -> bool:
        cert.write_bytes(other)
        os.utime(cert, ns=(found.st_atime_ns, found.st_mtime_ns))
        assert (cert.stat().st_size, cert.stat().st_ino) == (found.st_size, found.st_ino)
        return read_stamp(files) != before

    # The kernel's clock for files goes on a few times in a hundredth of a second.
    wait_until(has_changed)


def warnings_of(capture: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capture.readouterr().err.splitlines() if "level=warn" in line]


@pytest.mark.usefixtures("restored")
@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True)])
def test_a_key_that_others_can_read_is_warned_of(
    authority: Authority, capsys: pytest.CaptureFixture[str], mode: int, warns: bool
) -> None:
    """At the start and whenever it is read again, with the command that mends it."""
    logs.set_up("info", "text")
    cert, key = authority.issue("server")
    key.chmod(mode)
    clock = Clock()
    contexts = tls.ReloadingContext(TlsFiles(str(cert), str(key), None, requires_client_cert=False), clock)
    at_start = warnings_of(capsys)
    os.utime(cert, ns=(1, 1))
    clock.look(contexts)
    for lines in (at_start, warnings_of(capsys)):
        assert len(lines) == warns
        assert all(f'key_file={key} mode={mode:04o} to_mend="chmod 600 {key}"' in line for line in lines)


def test_the_member_warns_at_its_start(server: Server) -> None:
    assert server.tls is not None
    line = next(line for line in server.stderr().splitlines() if "private key" in line)
    assert f"chmod 600 {server.tls[1]}" in line
    mended: Files = server.tls
    server.stop()
    mended[1].chmod(0o600)
    before = len(server.stderr())
    server.start()
    assert "private key" not in server.stderr()[before:]

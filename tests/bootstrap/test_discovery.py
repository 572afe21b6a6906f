"""Discovery, with Debian's etcd as the service that keeps the tokens."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from coreos_py.etcd import bootstrap
from coreos_py.etcd.bootstrap import NewCluster, RunProxy
from coreos_py.etcd.bootstrap.identity import member_id
from coreos_py.etcd.errors import StartError
from tests.bootstrap.tunnels import HttpProxy
from tests.bootstrap.worlds import PaperNetwork, refusal, settings
from tests.conftest import ServerFactory
from tests.support.certificates import make_certificates
from tests.support.ports import free_port
from tests.support.server import Kind, Server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module", params=[Kind.ETCD34, Kind.OURS])
def service(request: pytest.FixtureRequest, module_servers: Callable[[Kind], Server]) -> Server:
    """Who keeps the tokens."""
    return module_servers(request.param)


@pytest.fixture
def token() -> str:
    """The path of a token that nobody has used."""
    return f"/v2/keys/_etcd/registry/{uuid.uuid4().hex}"


def set_size(service: Server, token: str, size: str) -> str:
    with service.connect() as conn:
        conn.put(f"{token.removeprefix('/v2/keys')}/_config/size", size)
    return f"http://127.0.0.1:{service.client_port}{token}"


def own_url(name: str) -> str:
    return f"http://10.0.0.{ord(name[0])}:2380"


def line(name: str, url: str) -> str:
    return f"--name {name} --initial-advertise-peer-urls {own_url(name)} --discovery {url}"


def join(name: str, url: str, pauses: Sequence[Callable[[], None]] = ()) -> bootstrap.Plan:
    """The plan; what happens in each pause between two tries, all of which have to be made."""
    left = iter(pauses)

    def pause(seconds: float) -> None:
        assert seconds >= 2
        happen = next(left, None)
        assert happen is not None, "it tries once more than it should"
        happen()

    found = bootstrap.plan(settings(line(name, url)), PaperNetwork(), pause)
    assert next(left, None) is None, "it has not waited"
    return found


def never(seconds: float) -> None:
    raise AssertionError(f"it should not have to wait {seconds} s")


def join_beside(name: str, url: str, pause: Callable[[float], None] = never) -> Future[bootstrap.Plan]:
    """The same on a thread that does not keep a failed test from ending."""
    future: Future[bootstrap.Plan] = Future()

    def work() -> None:
        try:
            words = settings(line(name, url))
            future.set_result(bootstrap.plan(words, PaperNetwork(), pause))
        except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def registered(service: Server, token: str) -> dict[str, str]:
    nodes = service.request("GET", token).json()["node"].get("nodes", [])
    return {node["key"].rpartition("/")[2]: node["value"] for node in nodes}


def test_a_cluster_of_one_and_whoever_comes_later(service: Server, token: str) -> None:
    url = set_size(service, token, "1")
    assert join("a", url) == NewCluster((("a", (own_url("a"),)),), url)
    own = f"{member_id([own_url('a')], url):x}"
    assert registered(service, token) == {own: f"a={own_url('a')}"}
    assert join("b", url) == RunProxy((own_url("a"),))
    said = refusal(f"{line('b', url)} --discovery-fallback exit")
    assert "failed to join discovery cluster (discovery: cluster is full)" in said
    assert len(registered(service, token)) == 1, "whoever is too late leaves no trace"
    said = refusal(line("a", url))
    assert f'member "a" has previously registered with discovery service token ({url})' in said
    assert "use a new discovery token" in said


def test_three_find_each_other_and_agree(service: Server, token: str) -> None:
    url = set_size(service, token, "3")
    plans: list[Future[bootstrap.Plan]] = []
    for number, name in enumerate("abc"):
        plans.append(join_beside(name, url))
        wait_until(lambda: len(registered(service, token)) > number)  # noqa: B023
        assert number == 2 or not any(waiting.done() for waiting in plans)
    found = [waiting.result(30) for waiting in plans]
    cluster = tuple((name, (own_url(name),)) for name in "abc")
    assert found == [NewCluster(cluster, url)] * 3
    assert join("d", url) == RunProxy(tuple(own_url(name) for name in "abc"))


def test_a_member_with_several_urls(service: Server, token: str) -> None:
    url = set_size(service, token, "1")
    several = "http://10.0.0.2:1,http://10.0.0.1:1"
    words = f"--name a --initial-advertise-peer-urls {several} --discovery {url}"
    found = bootstrap.plan(settings(words), PaperNetwork())
    assert found == NewCluster((("a", ("http://10.0.0.1:1", "http://10.0.0.2:1")),), url)


def test_equal_names_cannot_be_told_apart(service: Server, token: str) -> None:
    url = set_size(service, token, "2")
    service.request("PUT", f"{token}/1234", b"value=a%3Dhttp%3A%2F%2F10.0.0.1%3A1")
    assert "discovery: found duplicate name" in refusal(line("a", url))


@pytest.mark.parametrize("size", ["", "x", "0", "-1", "1.5", "3 "])
def test_sizes_that_are_none(service: Server, token: str, size: str) -> None:
    url = set_size(service, token, size)
    assert "(discovery: size key is bad)" in refusal(line("a", url))


def test_a_token_that_nobody_has_made(service: Server, token: str) -> None:
    said = refusal(line("a", f"http://127.0.0.1:{service.client_port}{token}"))
    assert "failed to join discovery cluster (100: Key not found (/" in said
    assert "size key not found" in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/", "discovery: bad discovery endpoint"),
        ("http://127.0.0.1:1/t?x=1", "has to end with a token"),
        ("ftp://127.0.0.1/t", "unsupported protocol scheme"),
        ("http://[::1/t", "--discovery http://[::1/t: "),
        ("http://127.0.0.1:1/t --discovery-proxy https://h:1", "must be of the form http://host:port"),
    ],
)
def test_urls_that_are_none(url: str, said: str) -> None:
    assert said in refusal(line("a", url))


def test_a_service_that_comes_later_is_waited_for(make_server: ServerFactory) -> None:
    late = make_server(Kind.ETCD34)
    url = f"http://127.0.0.1:{late.client_port}/v2/keys/t"

    def come() -> None:
        late.start()
        set_size(late, "/v2/keys/t", "1")

    assert isinstance(join("a", url, [lambda: None, come]), NewCluster)


def test_a_service_that_goes_and_comes_back_is_waited_for(make_server: ServerFactory) -> None:
    service = make_server(Kind.ETCD34).start()
    url = set_size(service, "/v2/keys/t", "2")
    is_back = threading.Event()

    def wait_for_it(_seconds: float) -> None:
        assert is_back.wait(30)

    waiting = join_beside("a", url, wait_for_it)
    wait_until(lambda: bool(registered(service, "/v2/keys/t")))
    service.restart()
    is_back.set()
    assert isinstance(join("b", url), NewCluster)
    found = waiting.result(30)
    assert isinstance(found, NewCluster)
    assert len(found.initial_cluster) == 2


def test_not_advertising_to_clients_is_noticed_before_registering(service: Server, token: str) -> None:
    url = set_size(service, token, "1")
    words = f"{line('a', url)} --listen-client-urls http://127.0.0.1:1"
    assert "--advertise-client-urls is required" in refusal(words)
    assert registered(service, token) == {}


def test_a_proxy_asks_who_has_registered(service: Server, token: str) -> None:
    url = set_size(service, token, "1")
    join("a", url)
    found = bootstrap.plan(settings(f"--proxy on --discovery {url}"), PaperNetwork())
    assert found == RunProxy((own_url("a"),))


@pytest.mark.parametrize("is_secure", [False, True], ids=["plain", "tls"])
def test_through_an_http_proxy_and_with_an_authority_of_one_s_own(
    make_server: ServerFactory, tmp_path: Path, is_secure: bool
) -> None:
    certs = make_certificates(tmp_path)
    files = (certs.cert_file, certs.key_file) if is_secure else None
    service = make_server(Kind.ETCD34, tls=files, client_tls=certs.client if is_secure else None).start()
    plain_url = set_size(service, "/v2/keys/t", "1")
    url = plain_url.replace("http:", "https:") if is_secure else plain_url
    with HttpProxy() as proxy:
        words = f"{line('a', url)} --discovery-proxy {proxy.address}"
        if is_secure:
            # Without the authority it must fail: nothing has been registered.
            with pytest.raises(AssertionError, match="worth waiting"):
                refusal(words)
            words += f" --peer-trusted-ca-file {certs.ca_file}"
            words += f" --peer-cert-file {certs.cert_file} --peer-key-file {certs.key_file}"
        found = bootstrap.plan(settings(words), PaperNetwork())
    assert found == NewCluster((("a", (own_url("a"),)),), url)
    wanted = f"CONNECT 127.0.0.1:{service.client_port}" if is_secure else f"GET {url}/_config/size"
    assert any(line.startswith(wanted) for line in proxy.lines), proxy.lines


def test_an_http_proxy_that_refuses_is_named(caplog: pytest.LogCaptureFixture) -> None:
    url = f"https://127.0.0.1:{free_port()}/t"
    with HttpProxy(refuses=True) as proxy, pytest.raises(StopIteration):
        bootstrap.plan(settings(f"{line('a', url)} --discovery-proxy {proxy.address}"), PaperNetwork(), _stop)
    assert any("proxyconnect tcp: HTTP/1.1 403" in str(record.__dict__) for record in caplog.records)


def _stop(seconds: float) -> None:
    raise StopIteration


def test_whoever_is_refused_says_so_in_one_line(service: Server, token: str) -> None:
    url = set_size(service, token, "x")
    with pytest.raises(StartError) as caught:
        join("a", url)
    assert "\n" not in str(caught.value)
    assert "please generate a new discovery token" in str(caught.value)

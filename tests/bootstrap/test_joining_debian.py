"""Joining a cluster of Debian's etcd, and being refused in the words of Debian's own."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from coreos_py.etcd import bootstrap
from coreos_py.etcd.bootstrap import Join, NewCluster
from coreos_py.etcd.bootstrap.identity import member_id
from coreos_py.etcd.bootstrap.network import AskError, RealNetwork
from coreos_py.etcd.errors import StartError
from tests.bootstrap.worlds import settings
from tests.conftest import ServerFactory, require
from tests.support.certificates import make_certificates
from tests.support.cluster import Cluster
from tests.support.ports import free_port
from tests.support.server import Kind, Server, debian_etcd
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    require(Kind.ETCD34, request.config)
    made = Cluster(Kind.ETCD34, tmp_path_factory.mktemp("cluster"), ["a", "b", "c"])
    for member in made.members:
        # Otherwise it takes a member only after five seconds of health.
        member.flags = ["--strict-reconfig-check=false"]
    with made as running:
        yield running


def listed(cluster: Cluster, *more: str) -> str:
    return ",".join([*(f"{member.name}={member.peer_url}" for member in cluster.members), *more])


def ours(line: str) -> bootstrap.Plan:
    return bootstrap.plan(settings(line))


def our_refusal(line: str) -> str:
    with pytest.raises(StartError) as caught:
        ours(line)
    return str(caught.value)


def their_refusal(line: str, folder: Path) -> str:
    """What Debian's etcd says before it exits with status 1."""
    program = debian_etcd()
    assert program is not None
    client = f"http://127.0.0.1:{free_port()}"
    words = ["--enable-v2=true", "--data-dir", str(folder / "data"), "--listen-client-urls", client]
    words += ["--advertise-client-urls", client, "--listen-peer-urls", f"http://127.0.0.1:{free_port()}"]
    done = subprocess.run([program, *words, *line.split()], capture_output=True, text=True, timeout=40)
    assert done.returncode == 1
    return done.stdout + done.stderr


JSON = (("Content-Type", "application/json"),)
NEW = "--name n --initial-advertise-peer-urls http://127.0.0.1:1"
OWN = "n=http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{new} --initial-cluster {all} --initial-cluster-state existing",
         'couldn\'t find local name "n" in the initial cluster configuration'),
        ("{new} --initial-cluster {all},{own} --initial-cluster-state existing", "member count is unequal"),
        ("{new} --initial-cluster {two},{own} --initial-cluster-state existing",
         ("unmatched member while checking PeerURLs",
          "PeerURLs: no match found for existing member")),
        ("{new} --initial-cluster {two},{own} --initial-cluster-state existing",
         "error validating peerURLs "),
        ("{new} --initial-cluster {own} --initial-cluster-state existing",
         "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given"),
        ("{new} --initial-cluster {own},x=http://127.0.0.1:9 --initial-cluster-state existing",
         "cannot fetch cluster info from peer urls"),
        ("{new} --initial-cluster {own},m=http://127.0.0.1:1",
         "initial cluster m=http://127.0.0.1:1,n=http://127.0.0.1:1 has duplicate url"),
        ("--name a --initial-advertise-peer-urls {a} --initial-cluster {all}",
         "has already been bootstrapped"),
    ],
)  # fmt: skip
def test_wrong_flags_are_refused_in_the_same_words(
    cluster: Cluster, tmp_path: Path, line: str, sentence: str | tuple[str, str]
) -> None:
    everybody = listed(cluster)
    two = ",".join(everybody.split(",")[:2])
    first = cluster.members[0].peer_url
    words = line.format(new=NEW, own=OWN, all=everybody, two=two, a=first)
    # Where Debian's 3.4 has other words than 2.3, ours are those of 2.3.
    own, theirs = (sentence, sentence) if isinstance(sentence, str) else sentence
    assert own in our_refusal(words)
    assert theirs in their_refusal(words, tmp_path)


def test_the_member_that_has_begun_is_named_by_its_id(cluster: Cluster, tmp_path: Path) -> None:
    words = f"--name a --initial-advertise-peer-urls {cluster.members[0].peer_url}"
    words += f" --initial-cluster {listed(cluster)}"
    number = member_id([cluster.members[0].peer_url], None)
    sentence = f"member {number:x} has already been bootstrapped"
    assert sentence in our_refusal(words)
    assert sentence in their_refusal(words, tmp_path)


def test_an_added_member_is_found_by_its_urls(cluster: Cluster) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with cluster.members[0].connect() as conn:
        reply = conn.request(
            "POST",
            "/v2/members",
            b'{"peerURLs":["%s"]}' % url.encode(),
            (("Content-Type", "application/json"),),
        )
        own = reply.json()["id"]
        before = conn.request("GET", "/v2/members")
    words = f"--name n --initial-advertise-peer-urls {url} --initial-cluster {listed(cluster, f'n={url}')}"
    try:
        joined = ours(f"{words} --initial-cluster-state existing")
        by_peers = ours(f"--name n --initial-advertise-peer-urls {url} -peers {listed_peers(cluster)}")
    finally:
        cluster.members[0].request("DELETE", f"/v2/members/{own}")
    assert isinstance(joined, Join)
    assert f"{joined.member_id:x}" == own
    assert f"{joined.cluster.id:x}" == before.header("X-Etcd-Cluster-Id")
    shown = {member["id"]: member for member in before.json()["members"]}
    assert [f"{member.id:x}" for member in joined.cluster.members] == list(shown)
    for member in joined.cluster.members:
        as_shown = shown[f"{member.id:x}"]
        assert member.name == as_shown["name"]
        assert list(member.client_urls) == as_shown["clientURLs"]
    assert isinstance(by_peers, Join)
    assert (by_peers.joining, by_peers.others) == (joined.joining, joined.others)


def listed_peers(cluster: Cluster) -> str:
    return ",".join(member.peer_url.removeprefix("http://") for member in cluster.members)


def test_peers_of_04_add_this_member(cluster: Cluster) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    joined = ours(f"--name n --initial-advertise-peer-urls {url} -peers {listed_peers(cluster)}")
    assert isinstance(joined, Join)
    with cluster.members[0].connect() as conn:
        shown = {
            member["id"]: member["peerURLs"]
            for member in conn.request("GET", "/v2/members").json()["members"]
        }
        assert shown[f"{joined.member_id:x}"] == [url]
        conn.request("DELETE", f"/v2/members/{joined.member_id:x}")
    wait_until(lambda: len(cluster.members[0].request("GET", "/v2/members").json()["members"]) == 3)


def test_a_member_of_ours_answers_as_well(module_servers: Callable[[Kind], Server]) -> None:
    server = module_servers(Kind.OURS)
    found = RealNetwork(settings("")).cluster(f"http://127.0.0.1:{server.peer_port}", 5)
    (member,) = found.members
    assert f"{found.id:x}" == server.request("GET", "/v2/members").header("X-Etcd-Cluster-Id")
    assert (member.name, member.is_started) == ("m1", True)


class _Odd(BaseHTTPRequestHandler):
    """Answers to GET /members that come from no member."""

    replies: dict[str, tuple[int, str, bytes]] = {}  # noqa: RUF012 - one table for all

    def do_GET(self) -> None:
        status, cluster, body = self.replies[self.headers["Host"].partition(":")[0]]
        self.send_response(status)
        self.send_header("X-Etcd-Cluster-Id", cluster)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.mark.parametrize(
    ("status", "cluster_id", "body"),
    [
        (200, "7", b"{}x"),
        (200, "7", b'{"members":[]}'),
        (200, "7", b'[{"id":"x","peerURLs":[]}]'),
        (200, "7", b'[{"id":1}]'),
        (200, "7", b"[" * 100_000),
        (200, "", b"[]"),
        (404, "7", b"404 page not found\n"),
        (503, "7", b""),
    ],
)
def test_what_is_no_member_is_no_answer(status: int, cluster_id: str, body: bytes) -> None:
    _Odd.replies = {"127.0.0.1": (status, cluster_id, body)}
    with HTTPServer(("127.0.0.1", 0), _Odd) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with pytest.raises(AskError):
                RealNetwork(settings("")).cluster(f"http://127.0.0.1:{server.server_port}", 5)
        finally:
            server.shutdown()
            thread.join()


def test_peers_with_tls_are_asked_with_the_peer_certificate(
    make_server: ServerFactory, tmp_path: Path
) -> None:
    certs = make_certificates(tmp_path)
    files = f"--peer-cert-file {certs.cert_file} --peer-key-file {certs.key_file}"
    trusting = f"{files} --peer-trusted-ca-file {certs.ca_file}"
    server = make_server(Kind.ETCD34)
    url = f"https://127.0.0.1:{server.peer_port}"
    where = f"--listen-peer-urls {url} --initial-advertise-peer-urls {url} --initial-cluster m1={url}"
    server.flags = f"{where} {trusting} --peer-client-cert-auth".split()
    server.start()
    line = f"--name n --initial-advertise-peer-urls https://127.0.0.1:1 -peers 127.0.0.1:{server.peer_port}"
    found = RealNetwork(settings(f"{line} {trusting}")).cluster(url, 5)
    assert [member.name for member in found.members] == ["m1"]
    # -peers take the scheme of this member's own.
    assert f"({url}: x509: certificate signed by unknown authority" in our_refusal(f"{line} {files}")
    with pytest.raises(AskError):
        RealNetwork(settings(f"--proxy on --peer-trusted-ca-file {certs.ca_file}")).cluster(url, 5)


def test_nobody_there_is_no_hindrance_to_a_new_cluster() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    words = f"--name a --initial-advertise-peer-urls {url} --initial-cluster a={url},b=http://127.0.0.1:9"
    found = ours(words)
    assert isinstance(found, NewCluster)
    assert len(found.initial_cluster) == 2


def test_certificates_that_cannot_be_used_name_their_files() -> None:
    words = (
        "--name a --initial-advertise-peer-urls https://127.0.0.1:1 --peer-cert-file c.pem --peer-key-file k"
    )
    said = our_refusal(f"{words} --initial-cluster a=https://127.0.0.1:1,b=https://127.0.0.1:9")
    assert "cannot use the certificate files c.pem k: No such file or directory" in said

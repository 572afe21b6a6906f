"""Which way a process begins, and why some cannot be gone: as tables, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from coreos_py.etcd.bootstrap import Join, NewCluster, Restart, RunProxy
from coreos_py.etcd.bootstrap.identity import cluster_id, member_id
from coreos_py.etcd.bootstrap.plans import RemoteCluster, RemoteMember
from tests.bootstrap.worlds import PaperNetwork, plan, refusal

A, B, C = "http://10.0.0.1:2380", "http://10.0.0.2:2380", "http://10.0.0.3:2380"
AT_A = f"--name a --initial-advertise-peer-urls {A}"
THREE = f"--initial-cluster a={A},b={B},c={C}"
ALL = (("a", (A,)), ("b", (B,)), ("c", (C,)))


def started(number: int, name: str, url: str) -> RemoteMember:
    return RemoteMember(number, name, (url,), (url.replace("2380", "2379"),))


def unstarted(number: int, url: str) -> RemoteMember:
    return RemoteMember(number, "", (url,), ())


def running(*members: RemoteMember, number: int = 7) -> PaperNetwork:
    network = PaperNetwork()
    network.run(RemoteCluster(number, members))
    return network


def test_ids_are_those_that_etcd_prints() -> None:
    assert f"{member_id(['http://localhost:2380'], None):x}" == "8e9e05c52164694d"
    assert f"{cluster_id([0x8E9E05C52164694D]):x}" == "cdf818194e3a8c32"
    assert member_id([A, B], "t") == member_id([B, A], "t") != member_id([A, B], "u")


@pytest.mark.parametrize(
    ("line", "cluster", "token"),
    [
        ("--name a", (("a", ("http://localhost:2380", "http://localhost:7001")),), None),
        (AT_A, (("a", (A,)),), None),
        (f"{AT_A} {THREE}", ALL, None),
        (f"{AT_A} {THREE} --initial-cluster-token t", ALL, "t"),
        (f"--name a --initial-advertise-peer-urls {A},{B} --initial-cluster a={B},c={C},a={A}",
         (("a", (A, B)), ("c", (C,))), None),
        ("-name old -peer-addr 10.0.0.1:7001", (("old", ("http://10.0.0.1:7001",)),), None),
        ("-name old -peer-addr 10.0.0.1:7001 -peers 10.0.0.1:7001",
         (("old", ("http://10.0.0.1:7001",)),), None),
    ],
)  # fmt: skip
def test_new_clusters(line: str, cluster: object, token: str | None) -> None:
    assert plan(line) == NewCluster(cluster, token)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"--name q {THREE}", 'couldn\'t find local name "q" in the initial cluster configuration'),
        (f"--name a --initial-advertise-peer-urls http://10.0.0.9:1 {THREE}",
         ("--initial-cluster must include a=http://10.0.0.9:1 given "
         "--initial-advertise-peer-urls=http://10.0.0.9:1")),
        (f"--name a --initial-advertise-peer-urls {A},{B} --initial-cluster a={A},c={C}",
         f"must include a={A},a={B} given"),
        (f"{AT_A} --initial-cluster a={A},a={B},c={C}", f"(it has {A},{B})"),
        (f"{AT_A} --initial-cluster a={A},b={A}", f"initial cluster a={A},b={A} has duplicate url"),
        (f"{AT_A} --initial-cluster a={A},a={A}", "has duplicate url"),
        (f"{AT_A} -peers-file there.is.none", "cannot use the peers in there.is.none"),
    ],
)  # fmt: skip
def test_lists_that_cannot_be_used(line: str, said: str) -> None:
    assert said in refusal(line)


def test_names_and_addresses_of_one_place_are_the_same_url() -> None:
    network = PaperNetwork()
    network.names = {"a.example": "10.0.0.1", "10.0.0.1": "10.0.0.1", "other.example": "10.0.0.9"}
    listed = "--initial-cluster a=http://a.example:2380"
    assert plan(f"{AT_A} {listed}", network) == NewCluster((("a", ("http://a.example:2380",)),), None)
    for wrong in ("http://other.example:2380", "http://a.example:2381", "https://a.example:2380"):
        assert "must include" in refusal(f"{AT_A} --initial-cluster a={wrong}", network), wrong


def test_a_member_that_the_others_know_as_started_has_lost_its_data() -> None:
    own = member_id([A], None)
    whole = cluster_id(member_id([url], None) for url in (A, B, C))
    others = (unstarted(member_id([B], None), B), started(member_id([C], None), "c", C))
    lost = running(started(own, "a", A), *others, number=whole)
    said = refusal(f"{AT_A} {THREE}", lost)
    assert said.startswith(f"member {own:x} has already been bootstrapped: ")
    assert f"etcdctl member remove {own:x}" in said
    # As long as it has not started, they only wait for it.
    waiting = running(RemoteMember(own, "", (A,), ()), *others, number=whole)
    assert plan(f"{AT_A} {THREE}", waiting) == NewCluster(ALL, None)
    assert A not in waiting.asked


def test_another_cluster_behind_a_listed_peer_is_named() -> None:
    said = refusal(f"{AT_A} {THREE}", running(started(5, "b", B)))
    assert f"the member at {B} belongs to cluster 7" in said
    assert "--initial-cluster-state existing" in said


EXISTING = f"{AT_A} {THREE} --initial-cluster-state existing"


def test_joining_takes_the_cluster_s_ids() -> None:
    network = running(started(5, "b", B), unstarted(9, A), started(6, "c", C))
    joined = plan(EXISTING, network)
    assert isinstance(joined, Join)
    assert joined.joining == (9, 7)
    assert dict(joined.others) == {5: [B], 6: [C]}
    assert network.asked == [B], "one answer is enough, and nobody asks itself"


def test_the_next_peer_is_asked_when_one_is_silent() -> None:
    network = running(started(5, "b", B), unstarted(9, A), started(6, "c", C))
    del network.clusters[B]
    assert isinstance(plan(EXISTING, network), Join)
    assert network.asked == [B, C]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([], ("cannot fetch cluster info from peer urls: could not retrieve cluster information from the"
             f" given URLs ({B}: connection refused; {C}: connection refused). Each had 10 s")),
        ([started(5, "b", B), started(6, "c", C)],
         (f"error validating peerURLs b={B},c={C}: member count is unequal: --initial-cluster lists 3, the "
         "cluster has 2")),
        ([started(5, "b", B), started(6, "c", C), unstarted(9, "http://10.0.0.8:1")],
         "unmatched member while checking PeerURLs: member 9 is at http://10.0.0.8:1"),
        ([started(5, "b", B), started(6, "c", C), started(9, "a", A)],
         "member 9 has already been bootstrapped: its data directory is missing"),
    ],
)  # fmt: skip
def test_joining_what_does_not_fit(members: list[RemoteMember], said: str) -> None:
    assert said in refusal(EXISTING, running(*members))


def test_joining_alone_is_no_joining() -> None:
    assert "--initial-cluster lists nobody else" in refusal(f"{AT_A} --initial-cluster-state existing")


@pytest.mark.parametrize("how", ["-peers 10.0.0.2:2380,10.0.0.1:2380", "-peers-file list"])
def test_peers_of_04_know_this_member_or_add_it(how: str) -> None:
    for members in ([started(5, "b", B), unstarted(9, A)], [started(5, "b", B)]):
        network = running(*members)
        network.files = {"list": "10.0.0.2:2380\n10.0.0.1:2380\n"}
        joined = plan(f"{AT_A} {how}", network)
        assert isinstance(joined, Join)
        is_known = len(members) == 2
        assert joined.member_id == (9 if is_known else 0xABC)
        assert network.added == ([] if is_known else [(("http://10.0.0.2:2379",), (A,))])
        assert joined.initial_cluster == (("b", (B,)), ("a", (A,)))


def test_an_addition_whose_answer_is_lost_counts() -> None:
    network = running(started(5, "b", B))
    network.loses_answers = True
    assert isinstance(plan(f"{AT_A} -peers 10.0.0.2:2380", network), Join)
    network = running(started(5, "b", B))
    network.refusal = "401: Insufficient credentials"
    said = refusal(f"{AT_A} -peers 10.0.0.2:2380", network)
    assert "has not added this member: 401: Insufficient credentials. Add it by hand" in said


def test_peers_of_04_that_do_not_answer_are_no_new_cluster() -> None:
    said = refusal(f"{AT_A} -peers 10.0.0.2:2380,10.0.0.3:2380")
    assert f"none of the peers can be reached ({B}: connection refused; {C}: connection refused)" in said
    assert "without -peers" in said
    lost = running(started(9, "a", A), started(5, "b", B))
    assert "already been bootstrapped" in refusal(f"{AT_A} -peers 10.0.0.2:2380", lost)


def make_member(folder: Path) -> None:
    (folder / "member").mkdir(parents=True)
    (folder / "member" / "identity").write_text("")


@pytest.mark.parametrize(
    ("line", "ignored"),
    [
        (AT_A, ()),
        (f"{AT_A} {THREE}", ("--initial-cluster",)),
        (f"--name q {THREE} --initial-cluster-state existing",
         ("--initial-cluster", "--initial-cluster-state")),
        (f"{AT_A} --initial-cluster-state new", ()),
        (f"{AT_A} --discovery http://127.0.0.1:1/token", ("--discovery",)),
        (f"{AT_A} --discovery-srv example.com", ("--discovery-srv",)),
        (f"{AT_A} -peers 10.0.0.2:2380", ("--peers",)),
        (f"{AT_A} -peers-file nowhere", ("--peers-file",)),
    ],
)  # fmt: skip
def test_with_data_nobody_is_asked_and_flags_about_the_beginning_do_not_count(
    tmp_path: Path, line: str, ignored: tuple[str, ...]
) -> None:
    make_member(tmp_path)
    network = PaperNetwork()
    restart = plan(line, network, tmp_path)
    assert isinstance(restart, Restart)
    assert restart.ignored == ignored
    assert restart.joining is None
    assert len(restart.initial_cluster) == (3 if "--initial-cluster" in ignored else 1)
    assert network.asked == []


def test_a_folder_without_an_identity_is_no_member_yet(tmp_path: Path) -> None:
    (tmp_path / "member").mkdir()
    assert plan(f"{AT_A} {THREE}", folder=tmp_path) == NewCluster(ALL, None)
    assert "holds a member, and a proxy" in refusal(f"{AT_A} --proxy on", folder=tmp_path)


def test_a_peer_that_lags_behind_is_not_the_last_word() -> None:
    network = running(started(5, "b", B), unstarted(9, A), started(6, "c", C))
    network.clusters[B] = RemoteCluster(7, (started(5, "b", B), started(6, "c", C)))
    assert isinstance(plan(EXISTING, network), Join)
    network.clusters[C] = network.clusters[B]
    assert "member count is unequal" in refusal(EXISTING, network)


def test_directories_are_for_one_thing(tmp_path: Path) -> None:
    make_member(tmp_path / "m")
    (tmp_path / "p" / "proxy").mkdir(parents=True)
    make_member(tmp_path / "both")
    (tmp_path / "both" / "proxy").mkdir()
    (tmp_path / "file").write_text("")
    for mode in ("on", "readonly"):
        assert "holds a member, and a proxy" in refusal(f"{AT_A} --proxy {mode}", folder=tmp_path / "m")
    assert "belongs to a proxy" in refusal(AT_A, folder=tmp_path / "p")
    for line in (AT_A, f"{AT_A} --proxy on"):
        assert "both member and proxy directories exist" in refusal(line, folder=tmp_path / "both")
        assert "is not a directory" in refusal(line, folder=tmp_path / "file")
    # Discovery has made it one, and its flags are still the same.
    again = f"{AT_A} --discovery http://127.0.0.1:1/token"
    assert plan(again, folder=tmp_path / "p") == RunProxy(())
    assert "belongs to a proxy" in refusal(f"{again} --discovery-fallback exit", folder=tmp_path / "p")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"--proxy on {THREE}", RunProxy((A, B, C))),
        (f"--proxy readonly {THREE}", RunProxy((A, B, C), is_readonly=True)),
        ("--proxy on -peers 10.0.0.2:2380", RunProxy((B,))),
    ],
)
def test_proxies_ask_whom_the_flags_list(line: str, expected: RunProxy) -> None:
    assert plan(line) == expected

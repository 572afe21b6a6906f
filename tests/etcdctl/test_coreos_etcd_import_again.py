"""`coreos etcd import` once more: what earlier runs wrote follows the source, what others wrote stays."""

from __future__ import annotations

from typing import Any

import pytest

from coreos_py.client import takeover
from coreos_py.client.blocking import BlockingClient
from coreos_py.client.endpoints import parse_endpoints
from coreos_py.client.errors import EtcdError
from tests.conftest import ServerFactory
from tests.etcdctl.fake import FakeServer, reply
from tests.etcdctl.runner import client_url
from tests.etcdctl.test_coreos_etcd_import import event, node, put, take_over, tree
from tests.support.programs import run_coreos
from tests.support.server import Kind, Server

RECORD = "/_coreos-import"


def delete(server: Server, key: str, query: str = "") -> None:
    assert server.request("DELETE", f"/v2/keys{key}?{query}").status == 200


@pytest.fixture
def source(make_server: ServerFactory) -> Server:
    server = make_server(Kind.ETCD34).start()
    put(server, "/stays", "value=1")
    put(server, "/changes", "value=old")
    put(server, "/goes", "value=1")
    put(server, "/folder/goes/x", "value=1")
    put(server, "/folder/file", "value=1")
    put(server, "/file/of/folder", "value=1")
    put(server, "/turns", "value=1")
    put(server, "/leased", "value=1&ttl=900")
    put(server, "/leases", "dir=true&ttl=900")
    put(server, "/leases/x", "value=1")
    return server


def change(source: Server) -> None:
    """What a source that keeps running does between two runs."""
    put(source, "/changes", "value=new")
    put(source, "/new", "value=1")
    delete(source, "/goes")
    delete(source, "/folder/goes", "recursive=true")
    delete(source, "/file", "recursive=true")
    put(source, "/file", "value=now+a+file")
    delete(source, "/turns")
    put(source, "/turns/folder", "value=now+a+folder")
    delete(source, "/leases", "recursive=true")


@pytest.fixture
def target(make_server: ServerFactory) -> Server:
    return make_server().start()


@pytest.mark.parametrize(
    ("kind", "prefix", "top"), [(Kind.OURS, "/", ""), (Kind.ETCD34, "from//./old/", "/from/old")]
)
def test_a_further_run_follows_the_source(
    source: Server, make_server: ServerFactory, kind: Kind, prefix: str, top: str
) -> None:
    target = make_server(kind).start()
    words = ["--prefix", prefix]
    first = take_over(source, target, *words)
    assert first.returncode == 0, first.stderr
    change(source)
    again = take_over(source, target, *words)
    assert again.returncode == 0, again.stderr
    # /goes, /folder/goes and its x, /file with two levels below, /turns, /leases and its x
    assert "removed, since the source has them no longer: 8\n" in again.stdout
    assert f"noted below {top}{RECORD} of the target" in again.stdout
    wanted = {top + key.rstrip("/") or "/": value for key, value in tree(source).items()}
    assert tree(target, top or "/") == wanted
    once_more = take_over(source, target, *words)
    assert once_more.returncode == 0, once_more.stderr
    assert "removed" not in once_more.stdout
    assert tree(target, top or "/") == wanted


def test_the_help_says_what_is_noted_where() -> None:
    words = run_coreos("etcd", "import", "--help").stdout.split()
    assert f"below the hidden key {RECORD} of the target" in " ".join(words)


def test_without_its_notes_it_is_refused(source: Server, target: Server) -> None:
    """The control: it is the notes that tell."""
    assert take_over(source, target).returncode == 0
    change(source)
    delete(target, RECORD, "recursive=true")
    again = take_over(source, target)
    assert (again.returncode, again.stdout) == (1, "")
    assert "coreos: the target is in use" in again.stderr
    assert "  /goes\n" in again.stderr


def test_notes_that_are_none_are_pointed_at(source: Server, target: Server) -> None:
    assert take_over(source, target).returncode == 0
    file = target.request("GET", f"/v2/keys{RECORD}?recursive=true").json()["node"]["nodes"][0]["nodes"][0]
    put(target, file["key"], "value=x")
    again = take_over(source, target)
    assert (again.returncode, again.stdout) == (1, "")
    assert f"{file['key']} in the target is no note of an import: remove it" in again.stderr


@pytest.mark.parametrize("value", ["old", "theirs"])
def test_what_others_wrote_since_is_theirs(source: Server, target: Server, value: str) -> None:
    """Even with the value of the source: whoever has moved already writes what was there before."""
    assert take_over(source, target).returncode == 0
    put(target, "/changes", f"value={value}")
    put(target, "/folder/goes/theirs", "value=1")
    before = tree(target)
    change(source)
    refused = take_over(source, target)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "  /changes\n  /folder/goes/theirs\n" in refused.stderr
    assert tree(target) == before
    delete(source, "/changes")
    forced = take_over(source, target, "--force")
    assert forced.returncode == 0, forced.stderr
    assert node(target, "/changes")["value"] == value
    assert node(target, "/folder/goes/theirs")["value"] == "1"
    assert "/folder/goes/x" not in tree(target)
    assert "left, without an end, since others have written there: 1\n  /folder/goes\n" in forced.stdout


def test_another_source_s_keys_are_not_its_own(
    source: Server, target: Server, make_server: ServerFactory
) -> None:
    assert take_over(source, target).returncode == 0
    before = tree(target)
    other = make_server(Kind.ETCD34, flags=["--initial-cluster-token", "other"]).start()
    put(other, "/other", "value=1")
    refused = take_over(other, target)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert take_over(other, target, "--force").returncode == 0
    assert tree(target) == before | {"/other": "1"}


def test_sources_that_were_set_up_alike_are_two(target: Server) -> None:
    """etcd makes the id out of names and URLs: two that listen to the same have the same one."""
    files = [{"key": f"/{name}", "value": "1", "modifiedIndex": 5, "createdIndex": 5} for name in "ab"]

    def source(file: dict[str, Any]) -> FakeServer:
        headers = "X-Etcd-Index: 7\r\nX-Etcd-Cluster-Id: cdf818194e3a8c32\r\n"
        return FakeServer(lambda asked: reply(event([file]), headers=headers))

    with source(files[0]) as first, source(files[1]) as second:
        assert take_over(first.url, target).returncode == 0
        assert take_over(second.url, target).returncode == 1
        assert take_over(second.url, target, "--force").returncode == 0
    assert tree(target) == {"/": None, "/a": "1", "/b": "1"}


def test_hidden_keys_follow_when_they_are_asked_for_again(source: Server, target: Server) -> None:
    """A run in between that does not see them leaves them, and what is noted of them."""
    for name in ("changes", "goes"):
        put(source, f"/_hidden/{name}", "value=old")
    hidden = ["--hidden", "/_hidden"]
    assert take_over(source, target, *hidden).returncode == 0
    put(source, "/_hidden/changes", "value=new")
    delete(source, "/_hidden/goes")
    for _ in range(2):
        between = take_over(source, target)
        assert between.returncode == 0, between.stderr
        assert node(target, "/_hidden/goes")["value"] == "old"
    again = take_over(source, target, *hidden)
    assert again.returncode == 0, again.stderr
    assert tree(target, "/_hidden") == {"/_hidden": None, "/_hidden/changes": "new"}


def test_a_run_that_was_cut_off_goes_on_after_a_change(source: Server, target: Server) -> None:
    """Also for what was written last, before its indexes could be noted."""
    with (
        BlockingClient(parse_endpoints(client_url(source))) as old,
        BlockingClient(parse_endpoints(client_url(target))) as new,
    ):
        work = takeover.Takeover(old, new)
        work.read()

        def stop(done: int, _total: int) -> None:
            if done == len(work.items) - 2:
                raise EtcdError("cut off")

        with pytest.raises(EtcdError, match="cut off"):
            work.write(stop)
    assert node(target, "/changes")["value"] == "old"
    change(source)
    again = take_over(source, target)
    assert again.returncode == 0, again.stderr
    assert tree(target) == tree(source)


@pytest.mark.parametrize("over", [False, True])
def test_other_people_s_keys_in_a_folder_that_ends_stay(
    target: Server, monkeypatch: pytest.MonkeyPatch, over: bool
) -> None:
    """A folder that holds them gets no end; when its end has come, only what was imported goes."""
    numbers = {"modifiedIndex": 5, "createdIndex": 5}
    folders: list[dict[str, Any]] = [
        {
            "key": f"/{name}",
            "dir": True,
            "ttl": 10,
            "expiration": "2099-01-01T00:00:00Z",
            "nodes": [{"key": f"/{name}/x", "value": "v", **numbers}],
            **numbers,
        }
        for name in ("theirs", "joined", "ours")
    ]
    put(target, "/theirs/y", "value=1")
    clock_s = [0.0]

    def progress(done: int, total: int) -> None:
        if done == total - 1:
            # Somebody else's, while it runs; a hidden one too, which no listing shows.
            put(target, "/joined/y", "value=1")
            put(target, "/joined/_z", "value=1")
            clock_s[0] = 5.0

    class Clock:
        def monotonic(self) -> float:
            return clock_s[0]

    with (
        FakeServer(lambda asked: reply(event(folders))) as source,
        BlockingClient(parse_endpoints(source.url)) as old,
        BlockingClient(parse_endpoints(client_url(target))) as new,
    ):
        monkeypatch.setattr(takeover, "time", Clock())
        work = takeover.Takeover(old, new)
        work.read()
        assert work.strange() == ["/theirs/y"]
        end = work._end
        if over:
            monkeypatch.setattr(work, "_end", lambda item: (clock_s.__setitem__(0, 10.0), end(item)))
        work.write(progress)
    assert work.count.failures == []
    held = tree(target)
    assert node(target, "/theirs/y")["value"] == node(target, "/joined/y")["value"] == "1"
    assert node(target, "/joined/_z")["value"] == "1"
    assert "ttl" not in node(target, "/theirs")
    assert "ttl" not in node(target, "/joined")
    assert sorted(work.count.kept) == ["/joined", "/theirs"]
    if over:
        assert "/ours" not in held
        assert "/joined/x" not in held
        assert "/theirs/x" not in held
    else:
        assert node(target, "/ours")["ttl"] == 5
        assert held["/joined/x"] == held["/theirs/x"] == "v"

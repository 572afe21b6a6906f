"""The book's section on etcd, typed as printed, in the modern form, with what has to be inserted between."""

from __future__ import annotations

import pytest

from tests.conftest import ServerFactory
from tests.etcdctl.runner import Ctl, client_url, wait_for_watchers
from tests.support.server import Kind
from tests.support.waiting import wait_until

SILENT = (0, "", "")


@pytest.mark.parametrize("kind", [Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def test_the_section_of_the_book(kind: Kind, make_server: ServerFactory) -> None:
    server = make_server(kind).start()
    core1 = core2 = Ctl.ours(client_url(server))

    def has_ttl(key: str, most_s: int) -> bool:
        # How much of it is left depends on the machine; that there is one, and not a longer one, does not.
        ttl_s: int = server.request("GET", f"/v2/keys{key}").json()["node"]["ttl"]
        return 0 < ttl_s <= most_s

    assert core1.run("mk", "/hello", "world") == (0, "world\n", "")
    assert core2.run("get", "/hello") == (0, "world\n", "")
    assert core1.run("mkdir", "/hello-dir") == SILENT
    listed = core1.run("ls", "/", "--recursive")
    assert sorted(listed.out.split()) == ["/hello", "/hello-dir"]

    assert core1.run("mk", "/hello2", "world", "--ttl", "60") == (0, "world\n", "")
    assert has_ttl("/hello2", 60)
    assert sorted(core1.run("ls", "/").out.split()) == ["/hello", "/hello-dir", "/hello2"]
    # So long a time leaves a slow machine its chance to list the key; now nobody has to wait for its end.
    assert server.request("PUT", "/v2/keys/hello2?prevExist=true&refresh=true", b"ttl=1").status == 200
    wait_until(lambda: "/hello2" not in core1.run("ls", "/").out.split())
    assert sorted(core1.run("ls", "/").out.split()) == ["/hello", "/hello-dir"]
    assert core1.run("mkdir", "/hello-dir2", "--ttl", "20") == SILENT
    assert has_ttl("/hello-dir2", 20)

    assert core1.run("mk", "/hello3", "world") == (0, "world\n", "")
    with core1.start("watch", "/hello3") as watch:
        wait_for_watchers(server, 1)
        assert core2.run("set", "/hello3", "abcd1234") == (0, "abcd1234\n", "")
        assert watch.ended() == (0, "abcd1234\n", "")
    with core1.start("exec-watch", "/hello3", "--", "sh", "-c", "echo hello3 modified") as watch:
        wait_for_watchers(server, 1)
        core2.run("set", "/hello3", "x")
        assert watch.line() == "hello3 modified\n"
        assert watch.process.poll() is None
        core2.run("set", "/hello3", "x")
        assert watch.line() == "hello3 modified\n"
        assert watch.interrupt() == SILENT

    assert core1.run("rm", "/hello3") == (0, "PrevNode.Value: x\n", "")
    assert core1.run("rmdir", "/hello-dir") == SILENT
    # The text says that it turns a key into a directory, so there has to be one.
    assert core1.run("mk", "/hello3", "world") == (0, "world\n", "")
    assert core1.run("setdir", "/hello3") == SILENT
    assert core1.run("get", "/hello3") == (1, "", "/hello3: is a directory\n")
    assert core1.run("update", "/hello", "abcd1234", "--ttl", "20") == (0, "abcd1234\n", "")
    assert has_ttl("/hello", 20)
    code, out, err = core1.run("updatedir", "/hello-dir", "--ttl", "20")
    assert (code, out) == (4, "")
    assert err.startswith("Error:  100: Key not found (/hello-dir) [")
    assert core1.run("mkdir", "/hello-dir") == SILENT
    assert core1.run("updatedir", "/hello-dir", "--ttl", "20") == SILENT
    assert has_ttl("/hello-dir", 20)
    code, out, err = core1.run("updatedir", "/hello-dir")
    assert (code, out) == (1, "")
    assert "--ttl" in err


@pytest.mark.parametrize("kind", [Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def test_the_hidden_directory_of_members(kind: Kind, make_server: ServerFactory) -> None:
    """`ls /_etcd --recursive`: ours fills it as the book's etcd did; elsewhere the keys are put there."""
    server = make_server(kind, name="b3318c7b2f63466e9f4065eacbda2b18").start()
    ctl = Ctl.ours(client_url(server))
    if not kind.is_ours:
        for key in ("/_etcd/config", f"/_etcd/machines/{server.name}"):
            assert ctl.run("set", key, "x").code == 0
    assert ctl.run("ls", "/", "--recursive") == SILENT
    assert ctl.run("ls", "/_etcd", "--recursive", "--sort").out.split() == [
        "/_etcd/config",
        "/_etcd/machines",
        "/_etcd/machines/b3318c7b2f63466e9f4065eacbda2b18",
    ]

"""`watch`. Numbers are those of the reference's checklist, part J."""

from __future__ import annotations

from collections.abc import Callable

from tests.etcdctl.runner import Ctl, wait_for_watchers
from tests.support.server import Kind, Server


def put(server: Server, key: str, value: str) -> int:
    """Write behind etcdctl's back; the index of the write."""
    with server.connect() as connection:
        return connection.put(key, value).etcd_index


def test_the_next_change_ends_it_j256(ctl: Ctl, server: Server, top: str) -> None:
    with ctl.start("watch", f"{top}/w") as watch:
        wait_for_watchers(server, 1)
        put(server, f"{top}/other", "0")
        put(server, f"{top}/w", "1")
        assert watch.ended() == (0, "1\n", "")
    wait_for_watchers(server, 0)


def test_recursive_names_the_key_j257(ctl: Ctl, server: Server, top: str) -> None:
    with ctl.start("watch", "--recursive", top) as watch:
        wait_for_watchers(server, 1)
        put(server, f"{top}/b/c", "1")
        assert watch.ended() == (0, f"[set] {top}/b/c\n1\n", "")
    wait_for_watchers(server, 0)


def test_after_index_j258(ctl: Ctl, server: Server, top: str) -> None:
    index, *_ = [put(server, f"{top}/w", value) for value in "123"]
    assert ctl.run("watch", f"{top}/w", "--after-index", str(index)) == (0, "2\n", "")
    assert ctl.run("watch", f"{top}/w", "--after-index", str(index + 1)) == (0, "3\n", "")


def test_forever_until_ctrl_c_j259(ctl: Ctl, server: Server, top: str) -> None:
    index, *_ = [put(server, f"{top}/w", value) for value in "123"]
    with ctl.start("watch", f"{top}/w", "--forever", "--after-index", str(index)) as watch:
        assert [watch.line(), watch.line()] == ["2\n", "3\n"]
        wait_for_watchers(server, 1)
        put(server, f"{top}/w", "4")
        assert watch.line() == "4\n"
        assert watch.interrupt() == (0, "", "")
    wait_for_watchers(server, 0)


def test_forever_misses_and_repeats_nothing(ctl: Ctl, server: Server, top: str) -> None:
    with ctl.start("watch", "-f", "-r", top) as watch:
        wait_for_watchers(server, 1)
        with server.connect() as connection:
            for number in range(300):
                connection.put(f"{top}/k{number % 7}", str(number))
        seen = [(watch.line(), watch.line()) for _ in range(300)]
        assert seen == [(f"[set] {top}/k{number % 7}\n", f"{number}\n") for number in range(300)]
        assert watch.interrupt() == (0, "", "")
    wait_for_watchers(server, 0)


def test_removals_j260_j261(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/w", "v3")
    with server.connect() as connection:
        connection.delete(f"{top}/w")
        assert ctl.run("watch", f"{top}/w", "--after-index", str(index)) == (0, "PrevNode.Value: v3\n", "")
        connection.put(f"{top}/e", "v", ttl=1)
    # The key expires while the watch waits for it.
    assert ctl.run("watch", "-r", f"{top}", "--after-index", str(index + 2)) == (
        0,
        f"[expire] {top}/e\n\n",
        "",
    )


def test_changes_of_directories_are_passed_over(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/w", "1")
    assert ctl.run("mkdir", f"{top}/d").code == 0
    assert ctl.run("updatedir", f"{top}/d", "--ttl", "500").code == 0
    assert ctl.run("rmdir", f"{top}/d").code == 0
    put(server, f"{top}/w", "2")
    assert ctl.run("watch", "-r", top, "--after-index", str(index)) == (0, f"[set] {top}/w\n2\n", "")


def test_formats(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/w", "1")
    put(server, f"{top}/w", "2")
    extended = ctl.run("-o", "extended", "watch", f"{top}/w", "--after-index", str(index)).out
    assert f"Key: {top}/w\nCreated-Index: {index + 1}\n" in extended
    assert extended.endswith("\n\n2\n")
    assert '"action":"set"' in ctl.run("-o", "json", "watch", f"{top}/w", "--after-index", str(index)).out


def test_forgotten_history_is_a_server_error(module_servers: Callable[[Kind], Server], top: str) -> None:
    """Only with etcd's own server, which forgets after 1000 events."""
    server = module_servers(Kind.ETCD34)
    index = put(server, f"{top}/w", "1")
    with server.connect() as connection:
        for number in range(1010):
            connection.put("/busy", str(number))
    code, out, err = Ctl.ours(f"127.0.0.1:{server.client_port}").run(
        "watch", f"{top}/w", "--after-index", f"{index}"
    )
    assert (code, out) == (4, "")
    assert err.startswith("Error:  401: The event in requested index is outdated and cleared (")

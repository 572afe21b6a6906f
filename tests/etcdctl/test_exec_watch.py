"""`exec-watch`. Numbers are those of the reference's checklist, part J."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.etcdctl.runner import Ctl, wait_for_lines, wait_for_watchers
from tests.etcdctl.test_watch import put
from tests.support.server import Server

SHOW = 'echo "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE"'


def test_the_command_sees_the_event_j262(ctl: Ctl, server: Server, top: str) -> None:
    with ctl.start("exec-watch", "--recursive", top, "--", "sh", "-c", SHOW) as watch:
        wait_for_watchers(server, 1)
        put(server, f"{top}/a", "hi")
        assert watch.line() == f"set {top}/a hi\n"
        with server.connect() as connection:
            connection.delete(f"{top}/a")
        assert watch.line() == f"delete {top}/a \n"
        put(server, f"{top}/a", "again")
        assert watch.line() == f"set {top}/a again\n"
        assert watch.interrupt() == (0, "", "")
    wait_for_watchers(server, 0)


@pytest.mark.parametrize("words", [["--"], []], ids=["dashes", "no dashes"])
def test_modified_index_j263(ctl: Ctl, server: Server, top: str, words: list[str]) -> None:
    command = [*words, "sh", "-c", "echo $ETCD_WATCH_MODIFIED_INDEX"]
    index = put(server, f"{top}/k", "1")
    next_index = put(server, f"{top}/k", "2")
    with ctl.start("exec-watch", f"{top}/k", "--after-index", str(index), *command) as watch:
        # FIX 31: the first event is the one after the index, not the second.
        assert watch.line() == f"{next_index}\n"
        assert watch.interrupt() == (0, "", "")
    wait_for_watchers(server, 0)


def test_flags_of_the_command_are_its_own(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/k", "1")
    put(server, f"{top}/k", "2")
    for dashes in (["--"], []):
        words = [
            "exec-watch",
            "--after-index",
            str(index),
            f"{top}/k",
            *dashes,
            "echo",
            "--recursive",
            "--",
            "-x",
        ]
        with ctl.start(*words) as watch:
            assert watch.line() == "--recursive -- -x\n"
            assert watch.interrupt().code == 0
    with ctl.start("exec-watch", "--after-index", str(index), "--", f"{top}/k", "echo", "-x") as watch:
        assert watch.line() == "-x\n"
        assert watch.interrupt().code == 0
    wait_for_watchers(server, 0)


def test_runs_are_ordered_and_complete(ctl: Ctl, server: Server, top: str, tmp_path: Path) -> None:
    """FIX 31: a run that takes longer than the next one is still written down first."""
    out = tmp_path / "out"
    script = f'test $ETCD_WATCH_VALUE = 0 && sleep 0.5; echo $ETCD_WATCH_VALUE >> "{out}"'
    index = put(server, f"{top}/k", "-")
    for number in range(20):
        put(server, f"{top}/k", str(number))
    with ctl.start("exec-watch", f"{top}/k", "--after-index", str(index), "--", "sh", "-c", script) as watch:
        assert wait_for_lines(out, 20) == [str(number) for number in range(20)]
        assert watch.interrupt() == (0, "", "")
    wait_for_watchers(server, 0)


def test_a_failing_command_does_not_end_it(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/k", "0")
    for number in (1, 2):
        put(server, f"{top}/k", str(number))
    words = ["sh", "-c", "echo $ETCD_WATCH_VALUE; exit 7"]
    with ctl.start("exec-watch", f"{top}/k", "--after-index", str(index), "--", *words) as watch:
        assert [watch.line(), watch.line()] == ["1\n", "2\n"]
        assert watch.interrupt() == (0, "", "")
    wait_for_watchers(server, 0)


def test_a_command_that_cannot_start_ends_it(ctl: Ctl, server: Server, top: str, tmp_path: Path) -> None:
    index = put(server, f"{top}/k", "0")
    put(server, f"{top}/k", "1")
    base = ["exec-watch", f"{top}/k", "--after-index", str(index), "--"]
    wanted = 'exec: "no-such-command": executable file not found in $PATH\n'
    assert ctl.run(*base, "no-such-command") == (1, "", wanted)
    plain = tmp_path / "plain"
    plain.write_text("")
    assert ctl.run(*base, str(plain)) == (1, "", f"fork/exec {plain}: permission denied\n")


def test_what_cannot_be_told_is_said(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/k", "0")
    ctl.run("mkdir", f"{top}/d")
    put(server, f"{top}/k", "a\0b")
    put(server, f"{top}/k", "x" * 200_000)
    put(server, f"{top}/k", "last")
    words = ["sh", "-c", "echo $ETCD_WATCH_VALUE"]
    with ctl.start("exec-watch", "-r", top, "--after-index", str(index), "--", *words) as watch:
        assert watch.line() == "last\n"
        code, out, err = watch.interrupt()
    assert (code, out) == (0, "")
    assert err == (
        f"Ignored dir {top}/d change\n"
        f"Ignored {top}/k change: an environment variable cannot hold its NUL byte\n"
        f"Ignored {top}/k change: its value is too long for an environment variable\n"
    )
    wait_for_watchers(server, 0)


def test_the_command_has_ordinary_signals_and_no_input(ctl: Ctl, server: Server, top: str) -> None:
    index = put(server, f"{top}/k", "0")
    put(server, f"{top}/k", "1")
    words = ["sh", "-c", "grep SigIgn /proc/self/status; cat"]
    with ctl.start("exec-watch", f"{top}/k", "--after-index", str(index), "--", *words) as watch:
        ignored = int(watch.line().split()[1], 16)
        assert watch.interrupt().code == 0
    # Bit 12 is SIGPIPE, which the interpreter ignores for itself.
    assert ignored & (1 << 12) == 0
    wait_for_watchers(server, 0)


def test_no_server() -> None:
    assert Ctl.ours("http://127.0.0.1:1").run("exec-watch", "/k", "--", "true").code == 2

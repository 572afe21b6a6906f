"""`make run`'s program: it plays the book's section, stays, and ends cleanly when told to."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 60.0


@contextmanager
def demo(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program with its standard input closed, in a group of its own; ended at the latest here."""
    process = subprocess.Popen(
        [
            "/bin/sh",
            "-c",
            'exec "$@" <&-',
            "sh",
            sys.executable,
            "-m",
            "coreos_py.demo",
            "--ttl",
            "5",
            *arguments,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(DEADLINE_S)
        assert process.stdout is not None
        process.stdout.close()


def read_until(process: subprocess.Popen[str], last: str) -> str:
    """What it prints up to the line that holds `last`."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if last in line:
            return text
    raise AssertionError(f"it ended with {process.wait()} before it printed {last!r}:\n{text}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_it_plays_and_serves_until_told_to_end(number: signal.Signals) -> None:
    with demo() as process:
        text = read_until(process, "Ctrl-C stops it")
        assert "not the book's answer" not in text
        assert "$ etcdctl mk /hello world\nworld\n" in text
        assert "$ etcdctl ls /_etcd --recursive\n/_etcd/config\n/_etcd/machines\n" in text
        assert "hello3 modified" in text
        url = re.search(r"keeps serving on (http://[\d.:]+)", text)
        data_dir = re.search(r"data in (\S+) ", text)
        assert url is not None
        assert data_dir is not None
        # One of the keys that have no time to live: it is there however long the reading of it takes.
        with urllib.request.urlopen(f"{url[1]}/v2/keys/hello3", timeout=DEADLINE_S) as reply:
            assert b'"key":"/hello3","dir":true' in reply.read()
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0
        assert not Path(data_dir[1]).exists()
        with pytest.raises(urllib.error.URLError):
            urllib.request.urlopen(f"{url[1]}/version", timeout=10)


def test_a_busy_port_is_named_with_its_holder_and_replaced() -> None:
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            holder.bind(("127.0.0.1", 4001))
            holder.listen()
            expected = f"port 4001 is held by pid {os.getpid()}"
        except OSError:  # somebody else holds it already, which serves as well
            expected = "port 4001 is held by"
        with demo("--once") as process:
            out, _ = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, out
        assert expected in out
        assert re.search(r"using \d+ instead", out)


def test_control_an_answer_that_is_not_the_books_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from coreos_py.demo import play

    def other(awaited_ttl_s: int) -> list[play.Step]:
        del awaited_ttl_s
        return [play.Typed("mk /hello world", ("somebody else's answer",))]

    class Fake:
        def etcdctl(self, arguments: list[str]) -> list[str]:
            return ["/bin/echo", arguments[-1]]

        def environment(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr(play, "steps", other)
    assert play.play(Fake(), 1) == 1  # type: ignore[arg-type]


def test_a_data_directory_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with demo("--data-dir", str(tmp_path)) as process:
        out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert "is not empty" in out


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with demo("--data-dir", str(tmp_path / "file")) as process:
        out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 2
    assert "is not a directory" in out


def test_a_command_that_does_not_end_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from coreos_py.demo import member, play

    class Fake:
        def etcdctl(self, arguments: list[str]) -> list[str]:
            del arguments
            return ["/bin/sleep", "60"]

        def environment(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr(play, "COMMAND_DEADLINE_S", 0.1)
    with pytest.raises(member.MemberFailed, match="etcdctl mk /hello world did not end within"):
        play.play(Fake(), 1)  # type: ignore[arg-type]

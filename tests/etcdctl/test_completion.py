"""`coreos completion`: real shells on a terminal of their own, in which somebody presses the tabulator."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from coreos_py.cli.completion import PROGRAMS, SHELLS
from coreos_py.cli.coreos import SUBCOMMANDS
from coreos_py.cli.etcdctl_.table import COMMANDS
from coreos_py.etcd.flags import FLAGS, Fate
from tests.support.programs import run_coreos
from tests.support.waiting import DEADLINE_S, WaitedInVain

START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        "PS1='READY>'; bind 'set bell-style none'; eval \"$(cat {})\"",
    ),
    "zsh": (["zsh", "-f", "-i"], "PS1='READY>'; autoload -U compinit; compinit -u -D; eval \"$(cat {})\""),
}
TO_START, TO_END = "\x01", "\x05"


class Shell:
    """A shell on a pseudo-terminal that knows the completions."""

    def __init__(self, name: str, folder: Path) -> None:
        script = folder / "script"
        script.write_text(run_coreos("completion", name).stdout)
        command, setup = START[name]
        environment = {**os.environ, "TERM": "dumb", "HOME": str(folder), "ZDOTDIR": str(folder)}
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.shown = ""
        self.type(setup.format(script) + "; echo SET''UP\n")
        self.read_until("SETUP")

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._terminal, text.encode())

    def read_until(self, text: str) -> None:
        """Wait until this has been shown."""
        end = time.monotonic() + DEADLINE_S
        while text not in self.shown:
            if not select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0]:
                raise WaitedInVain(f"{text!r} is not in {self.shown!r}")
            self.shown += os.read(self._terminal, 65536).decode(errors="replace").replace("\r", "")

    def completed(self, typed: str) -> str:
        """What a line is after the tabulator."""
        self.shown = ""
        self.type(f"{typed}\t{TO_START}echo '<{TO_END}>'\n")
        self.read_until(">\n")
        return self.shown.rpartition("<")[2].partition(">")[0].strip()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._terminal)


@pytest.fixture(scope="module", params=SHELLS)
def shell(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One of each, with a folder and a file to find."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "somewhere").mkdir()
    (folder / "some.pem").write_text("")
    started = Shell(request.param, folder)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("etcdctl clus", "etcdctl cluster-health"),
        ("etcdctl mem", "etcdctl member"),
        ("etcdctl user pas", "etcdctl user passwd"),
        ("etcdctl role gra", "etcdctl role grant"),
        ("etcdctl role grant r1 --readw", "etcdctl role grant r1 --readwrite"),
        ("etcdctl user grant --roles r1 bob --rol", "etcdctl user grant --roles r1 bob --roles"),
        ("etcdctl hel", "etcdctl help"),
        ("etcdctl help clus", "etcdctl help cluster-health"),
        ("etcdctl --discovery-s", "etcdctl --discovery-srv"),
        ("etcdctl set /k v --swap-with-v", "etcdctl set /k v --swap-with-value"),
        ("etcdctl -o ext", "etcdctl -o extended"),
        ("etcdctl --ca-file some.p", "etcdctl --ca-file some.pem"),
        ("etcd --initial-cluster-tok", "etcd --initial-cluster-token"),
        ("etcd --data-dir somew", "etcd --data-dir somewhere/"),
        ("coreos comp", "coreos completion"),
        ("coreos completion zs", "coreos completion zsh"),
        ("coreos etcd ver", "coreos etcd verify"),
        ("coreos etcd import --hid", "coreos etcd import --hidden"),
    ],
)
def test_a_line_is_completed(shell: Shell, typed: str, completed: str) -> None:
    assert shell.completed(typed).rstrip("/") == completed.rstrip("/")


def test_control_nothing_is_made_up(shell: Shell) -> None:
    for typed in ("etcdctl member xyz", "etcd --no-such-f", "etcdctl user --readw"):
        assert shell.completed(typed) == typed


@pytest.mark.parametrize("shell_name", SHELLS)
def test_every_word_of_the_tables_is_in_the_script(shell_name: str) -> None:
    script = run_coreos("completion", shell_name)
    assert (script.returncode, script.stderr) == (0, "")
    wanted = [command.name for command in COMMANDS] + list(SUBCOMMANDS)
    wanted += [subcommand.name for command in COMMANDS for subcommand in command.subcommands]
    wanted += [
        f"--{name}"
        for command in COMMANDS
        for flag in command.flags
        for name in flag.names[:1]
        if name != "c"
    ]
    wanted += [flag.dashed for flag in FLAGS.values() if flag.fate is Fate.ACTS and not flag.hidden]
    assert [word for word in wanted if word not in script.stdout] == []
    for program in PROGRAMS:
        assert f"_shtab_{program}" in script.stdout


@pytest.mark.parametrize("shell_name", SHELLS)
def test_the_script_has_no_faults(shell_name: str, tmp_path: Path) -> None:
    if shutil.which(shell_name) is None:
        pytest.skip(f"{shell_name} is not installed")
    path = tmp_path / "script"
    path.write_text(run_coreos("completion", shell_name).stdout)
    checked = subprocess.run([shell_name, "-n", str(path)], capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_other_words_are_refused() -> None:
    assert run_coreos("completion").returncode == 2
    assert run_coreos("completion", "fish").returncode == 2

"""The book's etcd section (15-3), command by command, against the demo's member."""

from __future__ import annotations

import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from coreos_py.demo.member import Member, MemberFailed

BOOK_TTL_S = 20
COMMAND_DEADLINE_S = 30.0


@dataclass(frozen=True)
class Typed:
    """One command and the lines that it answers, in any order. An inserted one is not in the book's text."""

    arguments: str
    answers: tuple[str, ...] = ()
    is_inserted: bool = False


@dataclass(frozen=True)
class Said:
    """A line of explanation."""

    text: str


@dataclass(frozen=True)
class Expired:
    """Wait until this key's time to live is over."""

    key: str


@dataclass(frozen=True)
class Watched:
    """A watch in the background, the command that changes its key, and the line that it prints then."""

    watch: str
    change: Typed
    answer: str
    ends_by_itself: bool = True


Step = Typed | Said | Expired | Watched


def steps(awaited_ttl_s: int) -> list[Step]:
    """The section's commands in order, with those inserted that its later ones need.

    `awaited_ttl_s` is for the one key whose end is waited for; the others keep the book's time to live.
    """
    return [
        Said("15-3-1  keys and directories"),
        Typed("mk /hello world", ("world",)),
        Typed("get /hello", ("world",)),
        Typed("mkdir /hello-dir"),
        Said("15-3-2  listing them"),
        Typed("ls / --recursive", ("/hello", "/hello-dir")),
        Typed("ls /_etcd --recursive", ("/_etcd/config", "/_etcd/machines", "/_etcd/machines/demo")),
        Said("15-3-3  keys and directories that go by themselves"),
        Typed(f"mk /hello2 world --ttl {awaited_ttl_s}", ("world",)),
        Typed("ls /", ("/hello", "/hello-dir", "/hello2")),
        Expired("/hello2"),
        Typed("ls /", ("/hello", "/hello-dir")),
        Typed(f"mkdir /hello-dir2 --ttl {BOOK_TTL_S}"),
        Said("15-3-4  watching"),
        Typed("mk /hello3 world", ("world",)),
        Watched("watch /hello3", Typed("set /hello3 abcd1234", ("abcd1234",)), "abcd1234"),
        Watched(
            'exec-watch /hello3 -- sh -c "echo hello3 modified"',
            Typed("set /hello3 again", ("again",)),
            "hello3 modified",
            ends_by_itself=False,
        ),
        Said("15-3-5  removing, turning a key into a directory, updating"),
        Typed("rm /hello3", ("PrevNode.Value: again",)),
        Typed("rmdir /hello-dir"),
        Typed("mk /hello3 world", ("world",), is_inserted=True),
        Typed("setdir /hello3"),
        Typed(f"update /hello abcd1234 --ttl {BOOK_TTL_S}", ("abcd1234",)),
        Typed("mkdir /hello-dir", is_inserted=True),
        Typed(f"updatedir /hello-dir --ttl {BOOK_TTL_S}"),
    ]


def play(member: Member, awaited_ttl_s: int) -> int:
    """Play every step, printing what is typed and answered; how many answers were not the book's."""
    differences = 0
    for step in steps(awaited_ttl_s):
        match step:
            case Said():
                print(f"\n# {step.text}")
            case Typed():
                differences += _type(member, step)
            case Expired():
                _wait_for_expiry(member, step.key)
            case Watched():
                differences += _watch(member, step)
    return differences


def _prompt(arguments: str, suffix: str = "") -> None:
    print(f"$ etcdctl {arguments}{suffix}")


def _run(member: Member, arguments: str) -> tuple[int, list[str]]:
    """Run one command to its end: exit status and what it printed, both streams."""
    try:
        done = subprocess.run(
            member.etcdctl(shlex.split(arguments)),
            env=member.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_DEADLINE_S,
        )
    except subprocess.TimeoutExpired as error:
        raise _still_running(arguments) from error
    return done.returncode, done.stdout.splitlines()


def _still_running(arguments: str) -> MemberFailed:
    return MemberFailed(f"etcdctl {arguments} did not end within {COMMAND_DEADLINE_S:.0f} s")


def _compare(status: int, lines: list[str], answers: tuple[str, ...]) -> int:
    """Print what came; 1 and a sentence when it is not what the book has, else 0."""
    for line in lines:
        print(line)
    if status == 0 and sorted(lines) == sorted(answers):
        return 0
    print(
        f"demo: not the book's answer, which is {list(answers)} and exit status 0 (here {status})",
        file=sys.stderr,
    )
    return 1


def _type(member: Member, step: Typed) -> int:
    _prompt(step.arguments, "    # inserted: the next one needs it" if step.is_inserted else "")
    return _compare(*_run(member, step.arguments), step.answers)


def _wait_for_expiry(member: Member, key: str) -> None:
    """Return when the key is gone: a long poll for the event after the index at which it was still seen."""
    print(f"(waiting until {key} expires)")
    reply, etcd_index = member.ask(f"/v2/keys{key}")
    if "errorCode" not in reply:
        reply, _ = member.ask(f"/v2/keys{key}?wait=true&waitIndex={etcd_index + 1}")
        if reply.get("action") != "expire":
            raise MemberFailed(f"{key} should have expired, but this happened to it: {reply}")


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + COMMAND_DEADLINE_S
    while not condition():
        if time.monotonic() > deadline_s:
            raise MemberFailed(f"{what} did not happen within {COMMAND_DEADLINE_S:.0f} s")
        time.sleep(0.02)


def _watch(member: Member, step: Watched) -> int:
    _prompt(step.watch, " &")
    watcher = subprocess.Popen(
        member.etcdctl(shlex.split(step.watch)),
        env=member.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        # The change must come after the watch has arrived, or there would be nothing to see.
        _until(lambda: member.ask("/v2/stats/store")[0]["watchers"] > 0, f"the start of {step.watch}")
        differences = _type(member, step.change)
        lines = []
        if step.ends_by_itself:
            print("(the watch prints the change and ends)")
        else:
            print("(the watch runs its command, and goes on until it is stopped)")
            lines.append(_first_line(watcher, step.watch))
            watcher.send_signal(signal.SIGINT)
        out, _ = watcher.communicate(timeout=COMMAND_DEADLINE_S)
        return differences + _compare(watcher.returncode, lines + out.splitlines(), (step.answer,))
    except subprocess.TimeoutExpired as error:
        raise _still_running(step.watch) from error
    finally:
        watcher.kill()
        watcher.wait()


def _first_line(process: subprocess.Popen[str], what: str) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], COMMAND_DEADLINE_S)
    if not ready:
        raise MemberFailed(f"{what} printed nothing within {COMMAND_DEADLINE_S:.0f} s")
    return process.stdout.readline().rstrip("\n")

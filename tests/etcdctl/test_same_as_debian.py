"""The same commands given to Debian's `etcdctl` and to ours, each with a fresh server of its own.

The commands are in `same_as_debian.txt`, those for members and users in `same_as_debian_admin.txt`. Exit
status, stdout and stderr must be equal byte for byte, indexes too; only times and ids are replaced. Where
ours is meant to differ, `FIXED` says how, and each of those must really differ: that is the control of the
comparison.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import ServerFactory
from tests.etcdctl.runner import Ctl, Done, client_url
from tests.support.server import Kind

DEBIAN = "/usr/bin/etcdctl"


class Step(NamedTuple):
    """One command line. `''` is an empty word, `~` stands for a blank.

    `< TEXT COMMAND` has a standard input: one word with Python's escapes, `~` again for a blank.
    """

    line: str

    @property
    def words(self) -> list[str]:
        """The words of the command."""
        words = self.line.split(" ")
        return [
            "" if word == "''" else word.replace("~", " ") for word in words[2 if words[0] == "<" else 0 :]
        ]

    @property
    def stdin(self) -> bytes:
        """The standard input."""
        words = self.line.split(" ")
        text = words[1].replace("~", " ") if words[0] == "<" else ""
        return text.encode("ascii").decode("unicode_escape").encode("latin-1")


def steps(name: str) -> list[Step]:
    """The commands of one file."""
    return [Step(line) for line in Path(__file__).with_name(name).read_text().splitlines()]


SAME = steps("same_as_debian.txt")
ADMIN = steps("same_as_debian_admin.txt")


class Fixed(NamedTuple):
    """A command whose original answer is a flaw: what ours says instead."""

    step: Step
    ours: Callable[[Done], bool]


FIXED = [
    Fixed(Step("rm /f1 --with-value v"), lambda done: done == (0, "PrevNode.Value: v\n", "")),
    Fixed(Step("setdir /fd"), lambda done: done == (0, "", "")),
    Fixed(Step("updatedir /fd"), lambda done: done.code == 1 and "--ttl" in done.err),
    Fixed(Step("-o bad get /f2"), lambda done: done == (1, "", "Unsupported output format: bad\n")),
    Fixed(Step("bogus"), lambda done: done == (1, "", "No help topic for 'bogus'\n")),
    Fixed(Step("get /f2 --bogus"), lambda done: done.code == 1 and done.err.startswith("Incorrect Usage")),
    Fixed(Step("get --bogus /f2"), lambda done: done.code == 1 and done.out == ""),
    Fixed(Step("set /f2 x --swap-with-value ''"), lambda done: done.code == 4),
    Fixed(Step("get /"), lambda done: done == (1, "", "/: is a directory\n")),
    Fixed(Step("--endpoints http://127.0.0.1:1 --no-sync get /f2"), lambda done: done.code == 2),
]


# The messages of 2.3.8, which 3.4 has with two dashes, and texts of other programmers' libraries.
ADMIN_WORDS = [
    ("use `--roles`", "use `-roles`"),
    ("use `--path", "use `-path"),
    ("of --read, --write or --readwrite", "of -read, -write or -readwrite"),
]
ADMIN_FIXED = [
    Fixed(Step("member"), lambda done: done.code == 1 and done.out == ""),
    Fixed(Step("user bogus"), lambda done: done == (1, "", "No help topic for 'bogus'\n")),
    Fixed(Step("member remove m1"), lambda done: done.err.count("\n") == 4),
    Fixed(Step("user add root:pw"), lambda done: done == (1, "", "User root already exists\n")),
    Fixed(Step("user passwd nobody"), lambda done: done == (1, "", "User nobody does not exist\n")),
    Fixed(Step("< secret\\n user add carol"), lambda done: done == (0, "User carol created\n", PROMPT)),
    Fixed(Step("< other\\n user passwd carol"), lambda done: done == (0, "Password updated\n", PROMPT)),
    Fixed(Step("user get bob"), lambda done: done == (0, "User: bob\nRoles:  r1 r2\n", "")),
]
ADMIN_GROUND = ("user add root:pw", "user add bob:x", "user grant bob --roles r1,r2")
ADMIN_KINDS = [Kind.OURS, Kind.ETCD34]
PROMPT = "New password: \n"


def timeless(text: str) -> str:
    """The text without expirations, remaining times (all tests use 500 s), the server's port and ids."""
    text = re.sub(r"\b[0-9a-f]{13,16}\b", "ID", text)
    text = re.sub(r'"expiration":"[^"]+Z"', '"expiration":"T"', text)
    text = re.sub(r'("ttl":|TTL: )(4[0-9]{2}|500)\b', r"\1ABOUT-500", text)
    return re.sub(r"http://127\.0\.0\.1:\d{3,5}", "http://HOST", text)


@pytest.fixture(params=[Kind.OURS, Kind.ETCD34], ids=lambda kind: kind.value)
def kind(request: pytest.FixtureRequest) -> Kind:
    """The server behind both: ours and Debian's."""
    assert isinstance(request.param, Kind)
    return request.param


@pytest.fixture
def debian_ctl(make_server: ServerFactory, kind: Kind) -> Ctl:
    """Debian's etcdctl with its own fresh server."""
    if shutil.which(DEBIAN) is None:
        pytest.skip("Debian's etcd-client (the oracle) is not installed")
    ctl = Ctl([DEBIAN], client_url(make_server(kind).start()), {"ETCDCTL_API": "2"})
    version = subprocess.run([DEBIAN, "--version"], capture_output=True, text=True, env={"ETCDCTL_API": "2"})
    assert version.stdout.startswith("etcdctl version: 3."), "this is not the original"
    return ctl


@pytest.fixture
def our_ctl(make_server: ServerFactory, kind: Kind) -> Ctl:
    """Our etcdctl with its own fresh server."""
    return Ctl.ours(client_url(make_server(kind).start()))


def play(ctl: Ctl, step: Step) -> Done:
    """One step, without times."""
    code, out, err = ctl.run(*step.words, stdin=step.stdin)
    return Done(code, timeless(out), timeless(err))


def play_both(debian_ctl: Ctl, our_ctl: Ctl, steps: list[Step]) -> list[tuple[Step, Done, Done]]:
    """Every step with both, each on its own server and therefore at the same time."""
    with ThreadPoolExecutor(1) as other:
        theirs = other.submit(lambda: [play(debian_ctl, step) for step in steps])
        ours = [play(our_ctl, step) for step in steps]
        return list(zip(steps, theirs.result(), ours, strict=True))


def test_same_output_as_debian(debian_ctl: Ctl, our_ctl: Ctl) -> None:
    assert len(SAME) >= 189
    different = []
    for step, theirs, ours in play_both(debian_ctl, our_ctl, SAME):
        if theirs != ours:
            different.append(f"etcdctl {step.line}\n  Debian {theirs}\n  ours   {ours}")
    assert not different, "\n".join(different)


@pytest.mark.parametrize("kind", ADMIN_KINDS, ids=lambda kind: kind.value)
def test_same_admin_output_as_debian(debian_ctl: Ctl, our_ctl: Ctl) -> None:
    assert len(ADMIN) >= 101
    different = []
    for step, theirs, ours in play_both(debian_ctl, our_ctl, ADMIN):
        expected = theirs
        for new, old in ADMIN_WORDS:
            expected = expected._replace(err=expected.err.replace(new, old))
        if expected != ours:
            different.append(f"etcdctl {step.line}\n  Debian {theirs}\n  ours   {ours}")
    assert not different, "\n".join(different)


@pytest.mark.parametrize("kind", ADMIN_KINDS, ids=lambda kind: kind.value)
def test_control_the_admin_fixes_do_differ(debian_ctl: Ctl, our_ctl: Ctl) -> None:
    for ctl in (debian_ctl, our_ctl):
        # Its own takes `r1,r2` for the name of one role, which makes the user unreadable.
        for line in (*(f"role add {name}" for name in ("r1", "r2")), *ADMIN_GROUND):
            assert play(ctl, Step(line)).code == 0
    for step, is_ours in ADMIN_FIXED:
        theirs, ours = play(debian_ctl, step), play(our_ctl, step)
        assert is_ours(ours), f"etcdctl {step.line}: {ours}"
        assert not is_ours(theirs), f"etcdctl {step.line}: Debian's does the same: {theirs}"


def test_control_the_fixes_do_differ(debian_ctl: Ctl, our_ctl: Ctl) -> None:
    for ctl in (debian_ctl, our_ctl):
        for line in ("set /f1 v", "set /f2 v", "mkdir /fd --ttl 500"):
            assert play(ctl, Step(line)).code == 0
    for step, is_ours in FIXED:
        theirs, ours = play(debian_ctl, step), play(our_ctl, step)
        assert is_ours(ours), f"etcdctl {step.line}: {ours}"
        assert not is_ours(theirs), f"etcdctl {step.line}: Debian's does the same: {theirs}"

"""Passwords are sent, and never shown: not with `--debug`, not in messages."""

from __future__ import annotations

import base64
import json
import os
import pty
import subprocess

import pytest

from tests.etcdctl.fake import Answer, Asked, FakeServer, reply
from tests.etcdctl.runner import RUN_DEADLINE_S, Ctl, environment

SECRET = "s3cr\u00e9t"


def accepts(asked: Asked) -> Answer:
    """A server with one user, that takes every change."""
    if asked.method == "GET":
        return reply({"users": [{"user": "bob", "roles": []}]})
    return reply({"user": "al", "roles": None}, 201)


def refuses(_: Asked) -> Answer:
    return reply({"message": "Insufficient credentials"}, 401)


def run_both(server: FakeServer, *words: str, stdin: bytes = b"") -> tuple[str, int]:
    done = Ctl.ours(server.url).run("--debug", "--no-sync", *words, stdin=stdin)
    return done.out + done.err, done.code


@pytest.mark.parametrize(
    ("words", "stdin"),
    [
        (["user", "add", f"al:{SECRET}"], b""),
        (["user", "add", "al"], f"{SECRET}\n".encode()),
        (["user", "passwd", "bob"], f"{SECRET}\n".encode()),
        (["--username", f"root:{SECRET}", "get", "/k"], b""),
        (["--username", "root", "user", "add", f"al:{SECRET}"], f"{SECRET}\n".encode()),
    ],
)
def test_no_password_is_shown(words: list[str], stdin: bytes) -> None:
    for handler in (accepts, refuses):
        with FakeServer(handler) as server:
            shown, _ = run_both(server, *words, stdin=stdin)
        assert "cURL Command: curl -X " in shown
        assert SECRET not in shown
        assert "s3cr" not in shown


@pytest.mark.parametrize(("typed", "sent"), [(b"pw\n", "root:pw"), (b"\x04", "root:")])
def test_on_a_terminal_it_is_asked_for(typed: bytes, sent: str) -> None:
    keyboard, terminal = pty.openpty()
    with FakeServer(accepts) as server:
        words = Ctl.ours(server.url).command("--no-sync", "--username", "root", "user", "list")
        with subprocess.Popen(
            words,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            start_new_session=True,
        ) as run:
            assert run.stderr is not None
            # What is typed before is thrown away.
            prompt = run.stderr.read(10)
            os.write(keyboard, typed)
            out, err = run.communicate(timeout=RUN_DEADLINE_S)
        told = server.asked[-1].headers["authorization"].removeprefix("Basic ")
    os.close(keyboard)
    os.close(terminal)
    assert (run.returncode, out, prompt, err) == (0, b"bob\n", b"Password: ", b"\n")
    assert base64.b64decode(told).decode() == sent


def test_control_it_was_sent() -> None:
    with FakeServer(accepts) as server:
        shown, code = run_both(server, "user", "add", f"al:{SECRET}")
        assert code == 0
        assert json.loads(server.asked[-1].body) == {"user": "al", "password": SECRET}
        assert server.asked[-1].headers["content-type"] == "application/json"
        target = f"{server.url}/v2/auth/users/al"
    assert f'curl -X PUT {target} -d "{{\\"user\\":\\"al\\",\\"password\\":\\"***\\"}}"\n' in shown


@pytest.mark.parametrize("scheme", ["http://", "", "ftp://", "https://"])
def test_a_password_in_an_endpoint_is_not_repeated(scheme: str) -> None:
    code, out, err = Ctl.ours(f"{scheme}root:{SECRET}@h:1").run("get", "/k")
    assert (code, out) == (1, "")
    assert "@h:1" in err
    assert "s3cr" not in err

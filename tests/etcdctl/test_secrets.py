"""Passwords are sent, and never shown: not with `--debug`, not in messages."""

from __future__ import annotations

import json

import pytest

from tests.etcdctl.fake import Answer, Asked, FakeServer, reply
from tests.etcdctl.runner import Ctl

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

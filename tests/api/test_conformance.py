"""The numbered checklist, the checks that are one request and one reply (groups A to E, H and I).

Each runs against our server, against ours with `--compat upstream`, and against Debian's etcd 3.4, which
proves that the expectations themselves are right.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.api import replay
from tests.conftest import require
from tests.support.server import Kind, Server
from tests.support.wire import Reply

GROUPS = {name: replay.load(name) for name in replay.groups()}
ROWS = [
    pytest.param(kind, name, step, id=f"{kind.value}-{name[0].upper()}{step.number}")
    for kind in Kind
    for name, steps in GROUPS.items()
    for step in steps
    if step.number is not None and (kind is not Kind.ETCD34 or "34" in step.seen)
]
Playing = Callable[[Kind, str], replay.Played]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Playing:
    """Plays a group on a fresh server of its own, once."""
    done: dict[tuple[Kind, str], replay.Played] = {}

    def get(kind: Kind, name: str) -> replay.Played:
        require(kind, request.config)
        if (kind, name) not in done:
            server = Server(kind, tmp_path_factory.mktemp(f"{kind.value}_{name}")).start()
            try:
                done[kind, name] = replay.play(GROUPS[name], server.connect, kind)
                server.stop()
            finally:
                server.discard()
        return done[kind, name]

    return get


@pytest.mark.parametrize(("kind", "name", "step"), ROWS)
def test_check(played: Playing, kind: Kind, name: str, step: replay.Step) -> None:
    """One numbered check of the list."""
    result = played(kind, name)
    assert not result.broken_setup, result.broken_setup
    assert step.number is not None
    reply = result.replies[step.number]
    assert isinstance(reply, Reply), f"check {step.number}: {reply}"
    faults = step.expected_of(kind).faults(reply)
    assert not faults, f"check {step.number}, {step.method} {step.target}: " + "; ".join(faults)


def test_control_a_wrong_reply_is_found() -> None:
    """The judge itself: each kind of difference is reported."""
    step = next(s for s in GROUPS["a_fresh_member"] if s.number == 1)
    good = Reply(
        404,
        "Not Found",
        (("X-Etcd-Index", "3"), ("Content-Type", "application/json")),
        b'{"errorCode":100,"message":"Key not found","cause":"/_none","index":3}\n',
    )
    judge = step.upstream.faults
    assert judge(good) == []
    assert judge(Reply(200, "OK", good.headers, good.body))
    assert judge(Reply(404, "", good.headers, good.body.replace(b"3}", b"4}")))
    assert judge(Reply(404, "", good.headers, good.body.rstrip()))
    assert judge(Reply(404, "", good.headers[1:], good.body))
    assert judge(Reply(404, "", (*good.headers, ("X-Raft-Index", "9")), good.body))

"""Watches on connections and servers that do not last."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.etcdctl.fake import HANG, Answer, Asked, FakeServer, always, file_event, reply
from tests.etcdctl.runner import Ctl
from tests.support.waiting import wait_until

STARTED = b"HTTP/1.1 200 OK\r\nX-Etcd-Index: 41\r\nTransfer-Encoding: chunked\r\n\r\n"
EMPTY = Answer(STARTED + b"0\r\n\r\n")
CUT = Answer(STARTED, "close")
LATER = STARTED.replace(b"41", b"70")
TORN = Answer(STARTED + b'50\r\n{"action":"set","node":{"ke', "close")


def in_turn(*answers: Answer) -> Callable[[Asked], Answer]:
    """One answer after the other; after the last one nothing is said any more."""
    left = iter(answers)
    return lambda _: next(left, HANG)


def event(value: str, index: int) -> Answer:
    """A watch's event."""
    return reply(file_event(value, index, "set"), headers=f"X-Etcd-Index: {index - 1}\r\n")


def wait_indexes(server: FakeServer) -> list[str]:
    """What each watch asked for."""
    return [asked.target.partition("waitIndex=")[2] for asked in server.asked]


@pytest.mark.parametrize("ending", [EMPTY, CUT, TORN], ids=["empty", "cut", "torn"])
def test_a_watch_that_ends_without_an_event_goes_on_where_it_was(ending: Answer) -> None:
    with FakeServer(in_turn(ending, ending, event("v", 50))) as server:
        assert Ctl.ours(server.url).run("--no-sync", "watch", "/k") == (0, "v\n", "")
        # The first one had no index; the server said that it stood at 41 when it accepted it.
        assert wait_indexes(server) == ["", "42", "42"]


def test_after_each_event_the_next_index_is_asked_for() -> None:
    cut, empty = Answer(LATER, "close"), Answer(LATER + b"0\r\n\r\n")
    answers = in_turn(event("a", 50), cut, event("b", 70), empty, event("c", 71))
    with FakeServer(answers) as server:
        with Ctl.ours(server.url).start("--no-sync", "watch", "-f", "/k", "--after-index", "9") as watch:
            assert [watch.line(), watch.line(), watch.line()] == ["a\n", "b\n", "c\n"]
            assert watch.interrupt() == (0, "", "")
        assert wait_indexes(server)[:5] == ["10", "51", "51", "71", "71"]


def test_a_watch_moves_to_another_member() -> None:
    with FakeServer(always(event("v", 50))) as good, FakeServer(always(CUT)) as cutting:
        for _ in range(4):
            assert Ctl.ours(f"{cutting.url},{good.url}").run("--no-sync", "watch", "/k") == (0, "v\n", "")
        assert len(good.asked) == 4


def test_no_member_left_is_unreachable() -> None:
    with (
        FakeServer(always(CUT)) as server,
        Ctl.ours(server.url).start("--no-sync", "watch", "/k") as watch,
    ):
        wait_until(lambda: bool(server.asked))
        server.stop_listening()
        code, out, err = watch.ended()
    assert (code, out) == (2, "")
    assert "connection refused" in err


def test_errors_end_a_watch() -> None:
    cleared = {
        "errorCode": 401,
        "message": "The event in requested index is outdated and cleared",
        "index": 99,
    }
    with FakeServer(
        lambda _: reply({**cleared, "cause": "the requested history has been cleared"}, 400)
    ) as server:
        code, out, err = Ctl.ours(server.url).run("--no-sync", "watch", "/k", "--after-index", "1")
        assert (code, out) == (4, "")
        assert err.startswith("Error:  401: The event in requested index is outdated and cleared (")
        code, _, err = Ctl.ours(server.url).run("--no-sync", "exec-watch", "/k", "--", "true")
        assert (code, err.startswith("Error:  401: ")) == (4, True)


def test_an_expired_directory_is_known_by_what_it_was() -> None:
    """Servers up to 2.3 leave `dir` out of the event itself."""
    gone = {"action": "expire", "node": {"key": "/k/d", "modifiedIndex": 50, "createdIndex": 40}}
    expired = reply(
        {**gone, "prevNode": {"key": "/k/d", "dir": True, "modifiedIndex": 40, "createdIndex": 40}}
    )
    with FakeServer(in_turn(expired, event("v", 51))) as server:
        assert Ctl.ours(server.url).run("--no-sync", "watch", "-r", "/k") == (0, "[set] /k\nv\n", "")

"""Where a request goes when endpoints fail, without I/O: every course of events, and what is told of it."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest

from coreos_py.client import (
    EtcdError,
    OutcomeUnknownError,
    ServerError,
    UnavailableError,
    WriteInDoubtError,
    requests,
)
from coreos_py.client._wire import Head, Reply
from coreos_py.client.endpoints import Cluster, parse_endpoint
from coreos_py.client.errors import AttemptError, ConnectionLostError, DeadlineExceededError
from coreos_py.client.failover import Ask, Attempts, plan
from coreos_py.client.requests import Request

REQUESTS = {
    "get": requests.get("/k"),
    "set": requests.set_value("/k", b"v"),
    "create": requests.create("/k", b"v"),
}
ERROR = b'{"errorCode":105,"message":"Key already exists","cause":"/k","index":5}'


class Course(NamedTuple):
    """One thing that can become of an exchange, and whether the server has carried it out."""

    name: str
    result: Reply | AttemptError
    is_done: bool = False


def lost(*, reused: bool) -> AttemptError:
    """The connection ended before an answer."""
    return ConnectionLostError("EOF", reused=reused)


COURSES = [
    Course("answered", Reply(Head(200, {}), b"{}"), is_done=True),
    Course("refused by the store", Reply(Head(412, {}), ERROR)),
    Course("not connected", AttemptError("connection refused", connected=False, sent=False)),
    Course("no handshake", AttemptError("tls", connected=True, sent=False)),
    Course("lost and done", lost(reused=False), is_done=True),
    Course("lost", lost(reused=False)),
    Course("closed at rest", lost(reused=True)),
    Course("closed after it was done", lost(reused=True), is_done=True),
    Course("timed out and done", Reply(Head(500, {}), b'{"message":"timed out"}'), is_done=True),
    Course("a proxy's page", Reply(Head(502, {}), b"<html>")),
    Course("out of time", DeadlineExceededError(connected=False, sent=False)),
    Course("out of time and done", DeadlineExceededError(connected=True, sent=True), is_done=True),
]


class Played(NamedTuple):
    """How a request went over two endpoints."""

    asks: list[Ask]
    sent: int
    done: int
    outcome: Reply | EtcdError


def play(request: Request, courses: tuple[Course, ...]) -> Played:
    """Follow the plan; the exchanges go as `courses` say, and then everything is answered."""
    cluster = Cluster([parse_endpoint("http://a:1"), parse_endpoint("http://b:2")])
    steps = plan(request, cluster)
    left = iter(courses)
    asks, sent, done = [], 0, 0
    ask = next(steps)
    while True:
        asks.append(ask)
        course = next(left, COURSES[0])
        if ask.is_fresh and isinstance(course.result, ConnectionLostError) and course.result.reused:
            # A new connection has not been used before.
            course = course._replace(result=lost(reused=False))
        done += course.is_done
        sent += isinstance(course.result, Reply) or course.result.sent
        try:
            if isinstance(course.result, Reply):
                ask = steps.send(course.result)
            else:
                ask = steps.throw(course.result)
        except StopIteration as end:
            return Played(asks, sent, done, end.value.reply)
        except EtcdError as error:
            return Played(asks, sent, done, error)


def wrong(request: Request, courses: tuple[Course, ...]) -> str:
    """What is not as promised; empty when all is."""
    played = play(request, courses)
    is_unknown = isinstance(played.outcome, OutcomeUnknownError)
    if not request.repeatable and played.sent > 1:
        return "sent twice"
    if not request.repeatable and not all(ask.is_fresh for ask in played.asks):
        return "sent where an end of the connection would leave it in doubt"
    is_write = request.method != "GET"
    if isinstance(played.outcome, EtcdError) and played.done and not is_unknown and is_write:
        return "carried out, and reported as failed"
    if isinstance(played.outcome, Reply) and played.outcome.head.status == 412 and played.done and is_write:
        return "carried out, and reported as refused"
    if is_unknown and not (is_write and played.sent):
        return "in doubt without a reason"
    return ""


def all_wrong(name: str) -> list[str]:
    """Every course of events of up to three exchanges that is reported wrongly."""
    request = REQUESTS[name]
    return [
        f"{name}: {', '.join(course.name for course in courses)}: {text}"
        for courses in itertools.product(COURSES, repeat=3)
        if (text := wrong(request, courses))
    ]


@pytest.mark.parametrize("name", REQUESTS)
def test_no_course_of_events_is_reported_wrongly(name: str) -> None:
    assert all_wrong(name) == []


def test_the_end_of_the_time_tells_what_had_failed_before() -> None:
    """And whether anybody was connected to, not only whether the last one was."""
    by_name = {course.name: course for course in COURSES}
    for name, reason, connected in (
        ("not connected", "connection refused", False),
        ("no handshake", "tls", True),
        ("a proxy's page", "answers client: server error, HTTP status 502", True),
    ):
        outcome = play(requests.get("/k"), (by_name[name], by_name["out of time"])).outcome
        assert isinstance(outcome, DeadlineExceededError)
        assert outcome.connected is connected
        assert len(outcome.reasons) == 1
        assert reason in outcome.reasons[0]
        assert str(outcome) == f"context deadline exceeded\nerror #0: {outcome.reasons[0]}"


def test_control_what_forgets_lost_answers_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempts, "note_lost", lambda self, failure: None)
    for name in ("set", "create"):
        assert any("carried out, and reported as failed" in text for text in all_wrong(name))
    assert all_wrong("get") == []


def test_control_what_trusts_a_second_refusal_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Attempts, "check", lambda self, reply: None)
    assert any("reported as refused" in text for text in all_wrong("set"))


def by_name(*names: str) -> tuple[Course, ...]:
    """Courses of these names."""
    return tuple(course for name in names for course in COURSES if course.name == name)


def test_what_the_caller_sees() -> None:
    away = play(REQUESTS["create"], by_name("not connected", "not connected")).outcome
    assert isinstance(away, UnavailableError)
    assert (away.reasons, away.reached) == (("connection refused",) * 2, False)
    late = play(REQUESTS["create"], by_name("timed out and done")).outcome
    # Both: what the server said, and that nobody knows.
    assert isinstance(late, WriteInDoubtError)
    assert isinstance(late, ServerError)
    assert (str(late), late.status) == ("timed out", 500)
    assert not isinstance(play(REQUESTS["get"], by_name("a proxy's page") * 2).outcome, OutcomeUnknownError)


def redirected(name: str, location: str) -> list[Ask]:
    """The exchanges of a request whose first answer is a redirect."""
    course = Course("redirected", Reply(Head(307, {"location": location}), b""))
    return play(REQUESTS[name], (course,)).asks


def test_a_redirect_leads_on_and_the_password_stays() -> None:
    stranger = redirected("set", "http://c:3/v2/keys/k?x=1")[1]
    assert (stranger.endpoint.url, stranger.request.target) == ("http://c:3", "/v2/keys/k?x=1")
    assert not stranger.has_credentials
    for other in ("http://a:1/v2/keys/k", "http://b:2/v2/keys/k", "/v2/keys/k/"):
        assert all(ask.has_credentials for ask in redirected("set", other))


def test_the_leader_that_a_redirect_names_is_asked_first_from_then_on() -> None:
    first, second = parse_endpoint("http://a:1"), parse_endpoint("http://b:2")
    cluster = Cluster([first, second])
    cluster.put_first(first)
    steps = plan(REQUESTS["set"], cluster)
    assert next(steps).endpoint == first
    assert steps.send(Reply(Head(307, {"location": "http://b:2/v2/keys/k"}), b"")).endpoint == second
    with pytest.raises(StopIteration):
        steps.send(COURSES[0].result)  # type: ignore[arg-type]
    assert cluster.in_turn() == [second, first]

"""What is deliberately not there says so, and refusals explain themselves when asked to."""

from __future__ import annotations

import json

import pytest

from coreos_py.etcd.endpoints import router
from coreos_py.etcd.endpoints.reply import JSON, TEXT, Reply
from tests.etcd.fakes import FakeMember, FakeRequest, fake_context
from tests.structure.project import ROOT

APP = [("Content-Type", "application/json")]


def ask(request: FakeRequest, *, upstream: bool = False, member: FakeMember | None = None) -> Reply:
    return router.answer(request, fake_context(member, upstream=upstream))


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD"])
@pytest.mark.parametrize("path", ["/mod", "/mod/", "/mod/v2/lock/my", "/mod/v2/leader/my", "/mod/dashboard/"])
def test_the_modules_of_04_are_absent_and_say_so(method: str, path: str) -> None:
    reply = ask(FakeRequest(method, path))
    assert (reply.status, reply.header("Content-Type")) == (404, TEXT)
    assert b"deliberately absent" in reply.body
    assert b"ttl on /v2/keys" in reply.body
    assert ask(FakeRequest(method, path), upstream=True).body == b"404 page not found\n"


def test_what_only_begins_like_a_module_is_nothing() -> None:
    assert ask(FakeRequest("GET", "/module")).body == b"404 page not found\n"


def test_the_map_lists_them() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    _, _, absent = text.partition("## Deliberately absent")
    assert "`/mod/v2`" in absent


@pytest.mark.parametrize(
    ("request_", "status", "message", "reason"),
    [
        (FakeRequest("GET", "/nothing"), 404, "404 page not found", "notFound"),
        (FakeRequest("POST", "/version"), 405, "Method Not Allowed", "methodNotAllowed"),
        (FakeRequest("GET", "/v2/members/x"), 404, "Not found", "notFound"),
        (FakeRequest("POST", "/v2/members", headers=APP), 400, "unexpected end of JSON input", "badRequest"),
        (FakeRequest("POST", "/v2/members"), 415, "Bad Content-Type , accept application/json",
         "unsupportedMediaType"),
        (FakeRequest("GET", "/%zz"), 400, "malformed path in the request line", "badRequest"),
    ],
)  # fmt: skip
def test_refusals_with_detail(request_: FakeRequest, status: int, message: str, reason: str) -> None:
    without = ask(request_)
    request_.query = "x=1&detail=true"
    reply = ask(request_)
    assert (reply.status, reply.header("Content-Type")) == (status, JSON)
    assert json.loads(reply.body) == {"message": message, "errorCode": status, "reason": reason}
    for name, value in without.headers:
        assert name == "Content-Type" or reply.header(name) == value
    assert ask(request_, upstream=True) == ask(FakeRequest(request_.method, request_.path,
        headers=request_.headers), upstream=True)  # fmt: skip


def test_an_unhealthy_member_says_so_in_words() -> None:
    reply = ask(FakeRequest(path="/health", query="detail=true"), member=FakeMember({"leader_id": 0}))
    assert json.loads(reply.body)["reason"] == "unavailable"


@pytest.mark.parametrize(
    "query", ["", "detail=false", "detail=", "detail=1", "undetailed=true", "detail=%zz"]
)
def test_nothing_changes_for_who_does_not_ask(query: str) -> None:
    plain = ask(FakeRequest("GET", "/v2/members/x"))
    assert ask(FakeRequest("GET", "/v2/members/x", query)) == plain
    assert ask(FakeRequest("GET", "/version", "detail=true")) == ask(FakeRequest("GET", "/version"))

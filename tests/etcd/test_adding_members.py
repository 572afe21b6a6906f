"""POST and DELETE of /v2/members: what the cluster says of a change becomes the reply."""

from __future__ import annotations

import json

import pytest

from tests.etcd.fakes import NEW_ID, FakeMember
from tests.etcd.test_endpoints import APP, ID, ask

LAST_VOTER = (
    "etcdserver: this is the last member that votes, and a cluster cannot be without one: "
    "stop the process and delete its data directory instead"
)


@pytest.mark.parametrize(
    ("outcome", "status", "message"),
    [
        (101, 409, "etcdserver: ID exists"),
        (105, 409, "etcdserver: peerURL exists"),
        (107, 409, "etcdserver: ID exists"),
        (300, 503, "etcdserver: read-only: there was no room for it for a moment"),
    ],
)
def test_a_member_that_cannot_be_added(outcome: int, status: int, message: str) -> None:
    member = FakeMember(outcomes=[outcome])
    reply = ask("POST", "/v2/members", b'{"peerURLs":["http://127.0.0.1:9"]}', APP, member=member)
    assert (reply.status, json.loads(reply.body)) == (status, {"message": message})


def test_a_member_is_added() -> None:
    member = FakeMember()
    body = b'{"name":"x","peerURLs":["http://127.0.0.1:9"]}'
    reply = ask("POST", "/v2/members", body, f"{APP}; charset=utf-8", member=member)
    shown = f'{{"id":"{NEW_ID:x}","name":"","peerURLs":["http://127.0.0.1:9"],"clientURLs":[]}}\n'
    assert (reply.status, reply.body.decode()) == (201, shown)
    assert member.asked == [("add_member", ["http://127.0.0.1:9"])]


@pytest.mark.parametrize(
    ("sent", "outcome", "status", "message"),
    [
        ("dead", 107, 410, "Member permanently removed: dead"),
        (f"00{ID}", 108, 409, LAST_VOTER),
        (ID, 107, 410, f"Member permanently removed: {ID}"),
        (ID, 100, 404, f"No such member: {ID}"),
    ],
)
def test_a_member_that_cannot_be_removed(sent: str, outcome: int, status: int, message: str) -> None:
    reply = ask("DELETE", f"/v2/members/{sent}", member=FakeMember(outcomes=[outcome]))
    assert (reply.status, json.loads(reply.body)) == (status, {"message": message})

"""The endpoints beside /v2/keys: exact bytes, as recorded from etcd 2.3.8 and 3.4."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from coreos_py import __version__
from coreos_py.etcd.endpoints import router
from coreos_py.etcd.endpoints.go_time import duration_text, time_text
from coreos_py.etcd.endpoints.reply import JSON, TEXT, Reply, go_json
from tests.etcd.fakes import CLUSTER_ID, MEMBER_ID, STATS, FakeMember, FakeRequest, fake_context

ID = f"{MEMBER_ID:x}"
MEMBER_JSON = (
    f'{{"id":"{ID}","name":"m1","peerURLs":["http://127.0.0.1:2380","http://127.0.0.1:7001"],'
    '"clientURLs":["http://127.0.0.1:4001","http://127.0.0.1:2379"]}'
)


def ask(
    method: str,
    path: str,
    body: bytes = b"",
    content_type: str = "",
    *,
    member: FakeMember | None = None,
    upstream: bool = False,
    query: str = "",
) -> Reply:
    headers = [("Content-Type", content_type)] if content_type else []
    request = FakeRequest(method, path, query, headers, body)
    return router.answer(request, fake_context(member, upstream=upstream))


def test_version_is_23_shaped_with_ours_beside() -> None:
    reply = ask("GET", "/version")
    ours = f'{{"etcdserver":"2.3.8","etcdcluster":"2.3.0","coreos_py":"{__version__}"}}'
    assert (reply.status, reply.header("Content-Type"), reply.body) == (200, JSON, ours.encode())
    assert ask("GET", "/version", upstream=True).body == b'{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}'


def test_version_before_the_cluster_has_decided() -> None:
    assert (
        b'"etcdcluster":"not_decided"'
        in ask("GET", "/version", member=FakeMember({"cluster_version": ""})).body
    )


def test_health() -> None:
    reply = ask("GET", "/health")
    assert (reply.status, reply.header("Content-Type"), reply.body) == (200, TEXT, b'{"health": "true"}')


@pytest.mark.parametrize(
    "sick",
    [
        {"leader_id": 0},
        {"read_only": "disk full"},
        {"poisoned": "fsync failed"},
        {"oldest_proposal_ms": 7_000},
    ],
)
def test_unhealthy(sick: dict[str, object]) -> None:
    reply = ask("GET", "/health", member=FakeMember(sick))
    assert (reply.status, reply.body) == (503, b'{"health": "false"}\n')


def test_a_write_that_is_still_in_time_is_no_illness() -> None:
    assert ask("GET", "/health", member=FakeMember({"oldest_proposal_ms": 6_999})).status == 200


def test_machines() -> None:
    reply = ask("GET", "/v2/machines")
    assert (reply.status, reply.header("Content-Type")) == (200, TEXT)
    assert reply.body == b"http://127.0.0.1:2379, http://127.0.0.1:4001"
    assert ask("HEAD", "/v2/machines").status == 200


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("HEAD", "/version", "GET"),
        ("POST", "/version", "GET"),
        ("HEAD", "/health", "GET"),
        ("POST", "/v2/machines", "GET,HEAD"),
        ("POST", "/v2/stats/self", "GET"),
        ("HEAD", "/v2/stats/store", "GET"),
        ("PUT", "/v2/stats/leader", "GET"),
        ("POST", "/debug/vars", "GET"),
        ("GET", "/config/local/log", "PUT"),
        ("PATCH", "/v2/members", "GET,POST,DELETE,PUT"),
        ("HEAD", "/v2/members", "GET,POST,DELETE,PUT"),
        ("DELETE", "/metrics", "GET,HEAD"),
        ("POST", "/v2/auth/enable", "GET,PUT,DELETE"),
        ("PUT", "/v2/auth/users", "GET"),
        ("POST", "/v2/auth/roles/r", "GET,PUT,DELETE"),
    ],
)
def test_methods_that_are_not_allowed(method: str, path: str, allow: str) -> None:
    reply = ask(method, path)
    assert (reply.status, reply.header("Allow"), reply.body) == (405, allow, b"Method Not Allowed\n")
    assert reply.header("Content-Type") == TEXT
    assert reply.header("X-Etcd-Cluster-Id") is None


@pytest.mark.parametrize(
    "path",
    ["/", "/nothing", "/version/", "/health/", "/metrics/", "/v2/machines/", "/v2/stats", "/v2/stats/",
     "/v2/leader", "/v1/keys", "/debug/pprof/", "/v2/members2", "/v2/auth", "/v2/auth/", "/Version",
     "/%00", "/%ff"],
)  # fmt: skip
def test_paths_that_do_not_exist(path: str) -> None:
    reply = ask("GET", path)
    assert (reply.status, reply.header("Content-Type"), reply.body) == (404, TEXT, b"404 page not found\n")


@pytest.mark.parametrize("path", ["", "x", "*", "http://[::1/version", "/%", "/%zz", "/version%2"])
def test_malformed_paths(path: str) -> None:
    assert ask("GET", path).status == 400


def test_escaped_paths_are_the_same_paths() -> None:
    assert ask("GET", "/%76ersion").status == 200


@pytest.mark.parametrize(
    ("path", "query", "location"),
    [
        ("//version", "", "/version"),
        ("//v2/keys/a", "wait=true", "/v2/keys/a?wait=true"),
        ("/x/../v2//keys/a%20b", "", "/v2/keys/a%20b"),
        ("/./health", "", "/health"),
        ("/v2/auth/users//", "", "/v2/auth/users/"),
        ("/v2/auth/roles//r", "", "/v2/auth/roles/r"),
        ("/v2/auth/users/al/../%2e", "", "/v2/auth/users"),
        ("/v2/members//", "", "/v2/members/"),
    ],
)
def test_doubled_slashes_lead_to_what_was_meant(path: str, query: str, location: str) -> None:
    reply = ask("PUT", path, query=query)
    assert (reply.status, reply.header("Location")) == (308, location)
    reply = ask("PUT", path, query=query, upstream=True)
    assert (reply.status, reply.header("Location")) == (301, location)


@pytest.mark.parametrize("path", ["/v2/auth/users/..", "/v2/auth/users/%2e%2e", "/v2/auth/users/al/../.."])
def test_dots_are_no_name(path: str) -> None:
    member = FakeMember()
    reply = ask("PUT", path, b'{"user":"..","password":"p"}', member=member)
    assert (reply.status, reply.body, member.asked) == (404, b"404 page not found\n", [])


def test_members() -> None:
    for path in ("/v2/members", "/v2/members/"):
        reply = ask("GET", path)
        assert (reply.status, reply.header("Content-Type")) == (200, JSON)
        assert reply.header("X-Etcd-Cluster-Id") == f"{CLUSTER_ID:x}"
        assert reply.body.decode() == f'{{"members":[{MEMBER_JSON}]}}\n'


def test_the_leader() -> None:
    assert ask("GET", "/v2/members/leader").body.decode() == f"{MEMBER_JSON}\n"
    nobody = ask("GET", "/v2/members/leader", member=FakeMember({"leader_id": 0}))
    assert (nobody.status, nobody.body) == (503, b'{"message":"During election"}')


APP = "application/json"


@pytest.mark.parametrize(
    ("method", "path", "content_type", "body", "status", "message"),
    [
        ("GET", f"/v2/members/{ID}", "", b"", 404, "Not found"),
        ("GET", "/v2/members/leader/", "", b"", 404, "Not found"),
        ("POST", "/v2/members", "text/plain", b"{}", 415,
         "Bad Content-Type text/plain, accept application/json"),
        ("POST", "/v2/members", "", b"{}", 415, "Bad Content-Type , accept application/json"),
        ("POST", "/v2/members", APP, b"", 400, "unexpected end of JSON input"),
        ("POST", "/v2/members", APP, b"{", 400, "unexpected end of JSON input"),
        ("POST", "/v2/members", APP, b'{"peerURLs":["http://h:1"]}x', 400,
         "invalid character 'x' after top-level value"),
        ("POST", "/v2/members", APP, b"x", 400, "invalid character 'x' looking for beginning of value"),
        ("POST", "/v2/members", APP, b"\xff", 400, "invalid UTF-8 in JSON input"),
        ("POST", "/v2/members", APP, b"[" * 100_000, 400, "exceeded max depth"),
        ("POST", "/v2/members", APP, b"1" * 5_000, 400, "number out of range"),
        ("POST", "/v2/members", APP, b'{"peerURLs":5}', 400,
         "json: cannot unmarshal number into Go value of type []string"),
        ("POST", "/v2/members", APP, b'{"peerURLs":[null]}', 400,
         "json: cannot unmarshal null into Go value of type string"),
        ("POST", "/v2/members", APP, b"[]", 400, "json: cannot unmarshal array into Go value of type object"),
        ("POST", "/v2/members", APP, b"null", 400, "no valid URLs given"),
        ("POST", "/v2/members", APP, b"{}", 400, "no valid URLs given"),
        ("POST", "/v2/members", APP, b'{"peerURLs":[]}', 400, "no valid URLs given"),
        ("POST", "/v2/members", APP, b'{"peerURLs":["http://h:1/x"]}', 400,
         "URL must not contain a path: http://h:1/x"),
        ("POST", "/v2/members", APP, b'{"peerURLs":["http://h"]}', 400,
         'URL address does not have the form "host:port": http://h'),
        ("POST", "/v2/members", APP, b'{"peerURLs":["ftp://h:1"]}', 400,
         "URL scheme must be http or https: ftp://h:1"),
        ("POST", "/v2/members", APP, b'{"peerurls":["http://127.0.0.1:2380"]}', 409,
         "etcdserver: peerURL exists"),
        ("DELETE", "/v2/members/zz", "", b"", 404, "No such member: zz"),
        ("DELETE", "/v2/members/1234", "", b"", 404, "No such member: 1234"),
        ("DELETE", f"/v2/members/{'f' * 17}", "", b"", 404, f"No such member: {'f' * 17}"),
        ("PUT", "/v2/members/dead", APP, b'{"peerURLs":["http://127.0.0.1:9"]}', 404, "No such member: dead"),
        ("PUT", "/v2/members/1234", APP, b'{"peerURLs":["http://127.0.0.1:9"]}', 404, "No such member: 1234"),
        ("PUT", "/v2/members/zz", APP, b"{", 404, "No such member: zz"),
        ("PUT", "/v2/members/1234", APP, b"{}", 400, "no valid URLs given"),
    ],
)  # fmt: skip
def test_members_refusals(
    method: str, path: str, content_type: str, body: bytes, status: int, message: str
) -> None:
    reply = ask(method, path, body, content_type)
    assert reply.status == status
    assert reply.body == go_json({"message": message})
    assert reply.header("Content-Type") == JSON
    assert reply.header("X-Etcd-Cluster-Id") == f"{CLUSTER_ID:x}"


@pytest.mark.parametrize(
    ("problem", "status", "message"),
    [
        (0, 204, ""),
        (100, 404, f"No such member: {ID}"),
        (105, 409, "etcdserver: peerURL exists"),
        (107, 404, f"No such member: {ID}"),
        (209, 500, "etcdserver: the store refused the change with error 209"),
    ],
)
def test_what_the_store_says_of_new_peer_urls_is_answered(problem: int, status: int, message: str) -> None:
    """All checks had been passed: another change came in between."""
    member = FakeMember(outcomes=[problem])
    body = b'{"peerURLs":["http://127.0.0.1:9"]}'
    reply = ask("PUT", f"/v2/members/{ID}", body, APP, member=member)
    assert member.asked == [("update_member", int(ID, 16), ["http://127.0.0.1:9"])]
    assert reply.status == status
    assert reply.body == (go_json({"message": message}) if message else b"")


def test_half_a_character_in_a_peer_url_is_a_character_all_the_same() -> None:
    """JSON can write half of a surrogate pair, which is no text; Go makes U+FFFD of it."""
    member = FakeMember()
    assert (
        ask("PUT", f"/v2/members/{ID}", b'{"peerURLs":["http://a\\ud800:9"]}', APP, member=member).status
        == 204
    )
    assert member.asked == [("update_member", int(ID, 16), ["http://a\ufffd:9"])]


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v2/members"), ("PUT", "/v2/members/")])
def test_members_without_an_id(method: str, path: str) -> None:
    reply = ask(method, path)
    assert (reply.status, reply.header("Allow"), reply.body) == (405, None, b"Method Not Allowed\n")


def test_stats_self() -> None:
    assert ask("GET", "/v2/stats/self").body.decode() == (
        f'{{"name":"m\\u003c1\\u003e","id":"{ID}","state":"StateLeader",'
        '"startTime":"2026-11-25T10:00:22.2336848Z","leaderInfo":{'
        f'"leader":"{ID}","uptime":"17.693836256s","startTime":"2026-11-25T10:00:22.335486905Z"}},'
        '"recvAppendRequestCnt":0,"sendAppendRequestCnt":0}'
    )


def test_stats_self_without_a_leader() -> None:
    reply = json.loads(ask("GET", "/v2/stats/self", member=FakeMember({"leader_id": 0})).body)
    assert reply["leaderInfo"] == {"leader": "", "uptime": "", "startTime": "0001-01-01T00:00:00Z"}


def test_stats_of_traffic() -> None:
    followers = {
        7: {"latency_ms": (1.5, 2.0, 0.5, 1.0, 3.0), "success": 4, "fail": 1},
        8: {"latency_ms": (0.0, 0.0, 0.0, 0.0, 0.0), "success": 0, "fail": 9},
    }
    traffic = {"received": (3, 1.5, 200.0), "sent": (4, 0.0, 0.0), "followers": followers}
    member = FakeMember(traffic=traffic)
    shown = json.loads(ask("GET", "/v2/stats/self", member=member).body)
    # A rate of 0 is left out.
    assert {name: value for name, value in shown.items() if name.startswith(("recv", "send"))} == {
        "recvAppendRequestCnt": 3,
        "recvPkgRate": 1.5,
        "recvBandwidthRate": 200.0,
        "sendAppendRequestCnt": 4,
    }
    first, second = json.loads(ask("GET", "/v2/stats/leader", member=member).body)["followers"].values()
    names = ("current", "average", "standardDeviation", "minimum", "maximum")
    assert first == {
        "latency": dict(zip(names, (1.5, 2.0, 0.5, 1.0, 3.0), strict=True)),
        "counts": {"fail": 1, "success": 4},
    }
    assert (second["latency"]["minimum"], second["counts"]["fail"]) == (9223372036854776000, 9)


def test_stats_leader() -> None:
    assert ask("GET", "/v2/stats/leader").body.decode() == f'{{"leader":"{ID}","followers":{{}}}}'
    other = ask("GET", "/v2/stats/leader", member=FakeMember({"leader_id": 1}))
    assert (other.status, other.body) == (403, b'{"message":"not current leader"}')


def test_stats_store() -> None:
    reply = ask("GET", "/v2/stats/store")
    assert (reply.status, reply.header("Content-Type")) == (200, JSON)
    assert list(json.loads(reply.body)) == list(STATS)
    assert not reply.body.endswith(b"\n")


def test_debug_vars() -> None:
    reply = ask("GET", "/debug/vars")
    assert reply.header("Content-Type") == "application/json; charset=utf-8"
    assert reply.body.startswith(b'{\n"cmdline": ["etcd","--name","m\\u003c1\\u003e"],\n')
    assert reply.body.endswith(b"}\n}\n")
    variables = json.loads(reply.body)
    assert variables["file_descriptor_limit"] == 20_000
    assert variables["memstats"]["Alloc"] > 1_000_000
    assert variables["raft.status"] == {
        "id": ID,
        "term": 2,
        "vote": ID,
        "commit": 9,
        "lead": ID,
        "raftState": "StateLeader",
        "progress": {ID: {"match": 9, "next": 10, "state": "StateReplicate"}},
    }


def test_metrics_can_be_parsed_and_have_etcds_names() -> None:
    reply = ask("GET", "/metrics")
    assert reply.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }
    assert samples["etcd_store_reads_total",] == 7
    assert samples["etcd_store_watchers",] == 2
    assert samples["etcd_server_pending_proposal_total",] == 1
    assert samples["etcd_wal_fsync_durations_seconds_bucket", "0.001"] == 3
    assert samples["etcd_wal_fsync_durations_seconds_bucket", "+Inf"] == 6
    assert samples["etcd_wal_fsync_durations_seconds_count",] == 6
    assert samples["etcd_wal_fsync_durations_seconds_sum",] == 0.01
    assert samples["etcd_http_requests_total",] == 11
    assert samples["etcd_http_connections",] == 3
    assert samples["etcd_server_has_leader",] == 1
    assert samples["etcd_server_id", ID] == 1
    assert samples["process_resident_memory_bytes",] > 0


def test_only_metrics_and_lists_of_users_and_roles_are_slow_to_read() -> None:
    slow = [path for path in router.ROUTES if router.is_slow(FakeRequest(path=path))]
    assert slow == ["/metrics", "/v2/auth/users", "/v2/auth/roles"]
    assert not router.is_slow(FakeRequest(path="/nothing"))


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0s"), (1, "1ns"), (1_500, "1.5µs"), (334_500_000, "334.5ms"), (1_000_000_000, "1s"),
     (17_693_836_256, "17.693836256s"), (594_004_888_647, "9m54.004888647s"), (3_600_000_000_000, "1h0m0s"),
     (90_061_500_000_000, "25h1m1.5s")],
)  # fmt: skip
def test_go_durations(ns: int, text: str) -> None:
    assert duration_text(ns) == text


def test_go_times() -> None:
    assert time_text(0) == "1970-01-01T00:00:00Z"
    assert time_text(1_500_000_000) == "1970-01-01T00:00:01.5Z"


METHODS = st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "X"])
PATHS = st.one_of(
    st.sampled_from([*router.ROUTES, "/v2/members/", "/v2/members/leader", f"/v2/members/{ID}"]),
    st.builds("/v2/members/{}".format, st.text()),
    st.builds("/{}".format, st.text()),
).filter(lambda path: path != "/config/local/log")
CONTENT_TYPES = st.one_of(st.just(APP), st.text())


@given(METHODS, PATHS, st.one_of(st.binary(), st.builds(go_json, st.text())), CONTENT_TYPES)
def test_nothing_that_a_client_sends_raises(method: str, path: str, body: bytes, content_type: str) -> None:
    reply = ask(method, path, body, content_type)
    assert reply.status in (200, 201, 204, 308, 400, 404, 405, 409, 415, 501)
    assert all(value.isprintable() or name == "X" for name, value in reply.headers)

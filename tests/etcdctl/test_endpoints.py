"""Where etcdctl connects to: flags, variables, and what may be written as an endpoint."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreos_py.client.endpoints import Cluster, Endpoint, parse_endpoint, parse_endpoints, shuffled
from coreos_py.client.errors import ConfigurationError
from tests.etcdctl.fake import Answer, Asked, FakeServer, file_event, reply
from tests.etcdctl.runner import Ctl


def ok(_: Asked) -> Answer:
    """Every key holds `v`."""
    return reply(file_event("v"))


def denied(_: Asked) -> Answer:
    """Credentials are asked for."""
    error = {"errorCode": 110, "message": "The request requires user authentication", "index": 0}
    return reply({**error, "cause": "Insufficient credentials"}, 401)


def test_the_scheme_may_be_left_out() -> None:
    with FakeServer(ok) as server:
        port = server.url.rpartition(":")[2]
        for endpoint in (
            f"localhost:{port}",
            f"127.0.0.1:{port}",
            f"http://localhost:{port}/",
            f"HTTP://localhost:{port}",
        ):
            assert Ctl.ours(endpoint).run("get", "/k") == (0, "v\n", ""), endpoint


def test_every_flag_and_variable_names_endpoints() -> None:
    bad = "http://127.0.0.1:1"
    with FakeServer(ok) as server:
        for flag in ("--endpoints", "--endpoint", "--peers", "-C", "-endpoints"):
            assert Ctl.ours().run(flag, server.url, "get", "/k").out == "v\n", flag
            assert Ctl.ours().run("get", "/k", flag, server.url).out == "v\n", flag
        for name in ("ETCDCTL_ENDPOINTS", "ETCDCTL_ENDPOINT", "ETCDCTL_PEERS"):
            assert Ctl.ours().run("get", "/k", variables={name: server.url}).out == "v\n", name
        order = {"ETCDCTL_ENDPOINTS": server.url, "ETCDCTL_ENDPOINT": bad, "ETCDCTL_PEERS": bad}
        assert Ctl.ours().run("get", "/k", variables=order).out == "v\n"
        assert Ctl.ours(server.url).run("get", "/k", variables={"ETCDCTL_ENDPOINTS": bad}).out == "v\n"
        assert (
            Ctl.ours().run("--endpoints", "", "get", "/k", variables={"ETCDCTL_PEERS": server.url}).out
            == "v\n"
        )


def test_a_path_in_front_is_kept() -> None:
    with FakeServer(ok) as server:
        assert Ctl.ours(f"{server.url}/proxy/").run("set", "/k", "v").code == 0
        assert [asked.target for asked in server.asked] == ["/proxy/v2/members", "/proxy/v2/keys/k"]


def test_credentials() -> None:
    with FakeServer(ok) as server:
        ctl = Ctl.ours(server.url)
        ctl.run("--no-sync", "--username", "root:p:w\u00fc", "get", "/k")
        ctl.run("--no-sync", "get", "/k", variables={"ETCDCTL_USERNAME": "root:"})
        asked = ctl.run("--no-sync", "-u", "root", "set", "/k", stdin=b"secret\nvalue\n")
        assert (asked.code, asked.err) == (0, "Password: \n")
        ctl.run("--no-sync", "get", "/k")
        sent = [asked.headers.get("authorization", "") for asked in server.asked]
        decoded = [base64.b64decode(header.removeprefix("Basic ")).decode() for header in sent]
        assert decoded == ["root:p:w\u00fc", "root:", "root:secret", ""]
        assert server.asked[2].body == "value=value%0A"


def test_refused_credentials_are_3_j284() -> None:
    with FakeServer(denied) as server:
        text = "Error:  110: The request requires user authentication (Insufficient credentials) [0]\n"
        assert Ctl.ours(server.url).run("--username", "bob:bad", "set", "/k", "z") == (3, "", text)
    with FakeServer(lambda _: reply({"message": "Insufficient credentials"}, 401)) as server:
        assert Ctl.ours(server.url).run("get", "/k") == (3, "", "Error:  Insufficient credentials\n")


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("localhost:2379", Endpoint("http", "localhost", 2379, "")),
        ("http://h", Endpoint("http", "h", 80, "")),
        ("https://h/a/b/", Endpoint("https", "h", 443, "/a/b")),
        ("[::1]:4001", Endpoint("http", "::1", 4001, "")),
        ("https://[fe80::1]", Endpoint("https", "fe80::1", 443, "")),
    ],
)
def test_good_endpoints(text: str, endpoint: Endpoint) -> None:
    assert parse_endpoint(text) == endpoint
    assert parse_endpoint(endpoint.url) == endpoint


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "ftp://h",
        "h:0",
        "h:65536",
        "h:x",
        "::1",
        "[::1",
        "[::1]x",
        "u:p@h:1",
        "h:1?q",
        "h h",
        "h:\u0663",
    ],
)
def test_bad_endpoints(text: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_endpoint(text)
    code, out, err = Ctl.ours(text or " ").run("get", "/k")
    assert (code, out, err.count("\n")) == (1, "", 1)


@settings(deadline=None)
@given(st.text())
def test_any_text_is_an_endpoint_or_refused(text: str) -> None:
    try:
        endpoint = parse_endpoint(text)
    except ConfigurationError:
        return
    assert parse_endpoint(endpoint.url) == endpoint
    assert "\r" not in endpoint.url
    assert " " not in endpoint.url


def test_lists() -> None:
    assert [found.port for found in parse_endpoints("a:1, b:2,,a:1")] == [1, 2]
    with pytest.raises(ConfigurationError):
        parse_endpoints(" , ")


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), max_size=9))
def test_shuffling_keeps_everything(ports: list[int]) -> None:
    endpoints = [Endpoint("http", "h", port, "") for port in ports]
    assert sorted(shuffled(endpoints)) == sorted(endpoints)


def test_what_a_member_list_means() -> None:
    def learned(given: Endpoint, *advertised: str) -> list[Endpoint]:
        cluster = Cluster([given])
        cluster.learn(given, advertised)
        return cluster.in_turn()

    plain, other, secure = (parse_endpoint(text) for text in ("a:1", "b:2", "https://c:3"))
    assert learned(plain, "http://b:2", "http://a:1") == [plain, other]
    assert learned(plain, "http://b:2") == [other, plain]
    assert learned(plain, "nonsense://") == [plain]
    # Whoever asked for TLS is not led to plain http.
    assert learned(secure, "http://b:2") == [secure]
    assert learned(plain, "https://c:3") == [secure, plain]


def test_who_is_no_member_any_more_is_forgotten() -> None:
    given, first, second = (parse_endpoint(text) for text in ("a:1", "b:2", "c:3"))
    cluster = Cluster([given])
    cluster.learn(given, ["http://b:2", "http://c:3"])
    assert set(cluster.in_turn()) == {given, first, second}
    cluster.learn(second, ["http://c:3"])
    assert cluster.in_turn() == [second, given]
    # It would not get the password any more; who was given always does.
    assert [cluster.knows(one) for one in (given, first, second)] == [True, False, True]
    # A list that says nothing leaves everything as it is.
    cluster.learn(second, [])
    assert cluster.in_turn() == [second, given]
    assert cluster.knows(second)


@pytest.mark.parametrize(
    "text",
    [
        "http://root:s3c/ret@h",
        "root:s3cret://x@h",
        "http://root:80/s3cret@h",
        "http://root:s3c,ret@h",
        "http://root:s3c?ret@h",
        "https://a@s3cret@h",
        "http://[s3cret@h",
        "http://a:1,root:s3c/ret@h",
    ],
)
def test_what_stands_before_an_at_sign_is_not_printed(text: str) -> None:
    for read in (parse_endpoint, parse_endpoints):
        with pytest.raises(ConfigurationError) as refused:
            read(text)
        for part in ("s3c", "ret", "root"):
            assert part not in str(refused.value)
        assert '"***@h"' in str(refused.value)

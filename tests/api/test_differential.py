"""The same requests to ours (`--compat upstream`) and to Debian's etcd 3.4: the replies must be the same.

Indexes are taken relative to the start of an example, the clock is taken out, and listings are asked for
sorted, as etcd's order is random otherwise. Everything else is compared byte by byte.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.server import Kind, Server
from tests.support.wire import FORM, Connection, Reply

Servers = Callable[[Kind], Server]
Tamper = Callable[[Reply], Reply]
_NUMBERS = itertools.count(1)
#: Headers whose value must agree (indexes are made relative first).
HEADERS = ("Content-Type", "Allow", "Location", "X-Etcd-Index")
#: Headers of which only the presence must agree.
PRESENCE = ("X-Etcd-Cluster-Id", "X-Raft-Index", "X-Raft-Term")
TTL_SLACK_S = 60


@dataclass(frozen=True)
class Request:
    """A request below an example's directory; ``{+k}`` in it stands for the start index plus k."""

    method: str
    key: str
    query: tuple[str, ...] = ()
    body: str | None = None
    content_type: str = FORM

    def send(self, conn: Connection, directory: str, base: int) -> Reply:
        def place(text: str) -> str:
            return re.sub(r"\{\+(\d+)\}", lambda match: str(base + int(match[1])), text)

        target = f"/v2/keys{directory}{self.key}" + ("?" + place("&".join(self.query)) if self.query else "")
        body = place(self.body).encode() if self.body is not None else None
        headers = (("Content-Type", self.content_type),) if body is not None else ()
        return conn.request(self.method, target, body, headers)


def normal(reply: Reply, base: int) -> dict[str, object]:
    """A reply without what may differ between two right servers."""

    def relative(match: re.Match[str]) -> str:
        number = int(match[2])
        return f"{match[1]}{number - base if base <= number < 1 << 63 else number}"

    body = reply.body.decode()
    body = re.sub(r'("(?:modifiedIndex|createdIndex|index)":)(\d+)', relative, body)
    body = re.sub(r"(/)(\d{20})", relative, body)
    body = re.sub(r"(\[|!= )(\d+)", relative, body)
    body = re.sub(
        r'"expiration":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,8}[1-9])?Z"', '"expiration":"T"', body
    )
    ttls = [int(found) for found in re.findall(r'"ttl":(-?\d+)', body)]
    body = re.sub(r'"ttl":-?\d+', '"ttl":T', body)
    index = reply.header("X-Etcd-Index")
    headers: dict[str, object] = {name: reply.header(name) for name in HEADERS}
    headers["Location"] = re.sub(r"(Index=)(\d+)", relative, reply.header("Location") or "")
    headers["X-Etcd-Index"] = (
        None if index is None else (int(index) - base if int(index) >= base else int(index))
    )
    headers |= {name: reply.header(name) is not None for name in PRESENCE}
    return {"status": reply.status, "headers": headers, "body": body, "ttls": ttls}


def difference(left: dict[str, object], right: dict[str, object]) -> str | None:
    """The first difference of two normal replies in words."""
    for name in ("status", "headers", "body"):
        if left[name] != right[name]:
            return f"{name}: {left[name]!r} != {right[name]!r}"
    left_ttls, right_ttls = left["ttls"], right["ttls"]
    assert isinstance(left_ttls, list)
    assert isinstance(right_ttls, list)
    far = [pair for pair in zip(left_ttls, right_ttls, strict=True) if abs(pair[0] - pair[1]) > TTL_SLACK_S]
    return f"ttl: {far}" if far else None


@contextmanager
def pair_of(left: Server, right: Server) -> Iterator[tuple[Connection, Connection]]:
    with left.connect() as one, right.connect() as other:
        yield one, other


def compare(pair: tuple[Connection, Connection], requests: list[Request]) -> None:
    """Send all requests to both servers; AssertionError at the first difference."""
    directory = f"/diff{next(_NUMBERS)}"
    bases = [conn.get("/_none").etcd_index for conn in pair]
    for request in requests:
        left, right = (request.send(conn, directory, base) for conn, base in zip(pair, bases, strict=True))
        found = difference(normal(left, bases[0]), normal(right, bases[1]))
        assert found is None, f"{request}: {found}"


segments = st.sampled_from(["a", "b", "_h", "c%20d", "%C3%A9", "%3C%26%3E", "e%2Ff", "x;y"])
#: A few keys that most requests meet at, so that operations act on what earlier ones made.
busy = st.sampled_from(["/a", "/a", "/b", "/b", "/a/b", "/_h", "/_h/a", ""])
keys = st.one_of(
    busy,
    busy,
    busy,
    st.lists(segments, max_size=3).map(lambda parts: "".join("/" + part for part in parts)),
    st.sampled_from(["/a/", "/a//b", "/a/../b", "/a/./b", "//", "/%2e%2e/x"]),
)
truths = st.sampled_from(["true", "false", "1", "T", "True", "", "yes", "tRue"])
indexes = st.sampled_from(
    ["{+0}", "{+1}", "{+2}", "{+3}", "0", "abc", "-1", "1.0", "+1", "99999999999999999999"]
)
texts = st.sampled_from(
    ["", "v", "w", "%3Ca%26%22%5C%0A", "a+b", "%E2%80%A8%7F", "%FF%FE", "%01", "%zz", "a%3Bb"]
)
values = st.one_of(texts, texts, st.just("v"), st.just("w"))
ttls = st.sampled_from(["", "100000", "200000", "-1", "1.5", "abc", "0x10"])
parameters = st.one_of(
    values.map("value={}".format),
    ttls.map("ttl={}".format),
    truths.map("prevExist={}".format),
    st.sampled_from(["prevExist=true", "prevExist=false", "dir=true", "recursive=true"]),
    values.map("prevValue={}".format),
    indexes.map("prevIndex={}".format),
    indexes.map("waitIndex={}".format),
    truths.map("dir={}".format),
    truths.map("recursive={}".format),
    truths.map("refresh={}".format),
    truths.map("quorum={}".format),
    truths.map("stream={}".format),
    truths.map("noValueOnSuccess={}".format),
    st.sampled_from(["sorted=maybe", "wait=maybe", "unknown=1", "value", "=", "&", "Value=2"]),
)
queries = st.lists(parameters, max_size=3).map(tuple)


@st.composite
def requests_(draw: st.DrawFn) -> Request:
    method = draw(
        st.sampled_from(["PUT"] * 6 + ["POST"] * 2 + ["DELETE"] * 3 + ["GET"] * 4 + ["HEAD", "PATCH"])
    )
    query = draw(queries)
    if method in ("GET", "HEAD"):
        # First wins: the listing is sorted whatever else is asked.
        query = ("sorted=true", *query)
    body = None
    kind = FORM
    if method in ("PUT", "POST", "DELETE", "PATCH"):
        body = draw(
            st.one_of(
                st.none(), st.lists(parameters, max_size=3).map("&".join), values.map("value={}".format)
            )
        )
        kind = draw(
            st.sampled_from([FORM] * 5 + [FORM + "; charset=utf-8", "application/json", "text/plain"])
        )
    return Request(method, draw(keys), query, body, kind)


EXAMPLES = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def twin_oracle(tmp_path_factory: pytest.TempPathFactory, module_servers: Servers) -> Iterator[Server]:
    """A second etcd 3.4."""
    module_servers(Kind.ETCD34)
    server = Server(Kind.ETCD34, tmp_path_factory.mktemp("twin")).start()
    try:
        yield server
        server.stop()
    finally:
        server.discard()


@given(requests=st.lists(requests_(), min_size=1, max_size=20))
@EXAMPLES
def test_ours_answers_like_etcd(module_servers: Servers, requests: list[Request]) -> None:
    with pair_of(module_servers(Kind.UPSTREAM), module_servers(Kind.ETCD34)) as pair:
        compare(pair, requests)


@pytest.mark.long
@given(requests=st.lists(requests_(), min_size=1, max_size=40))
@settings(EXAMPLES, max_examples=int(os.environ.get("COREOS_EXAMPLES", "10000")))
def test_ours_answers_like_etcd_for_long(module_servers: Servers, requests: list[Request]) -> None:
    with pair_of(module_servers(Kind.UPSTREAM), module_servers(Kind.ETCD34)) as pair:
        compare(pair, requests)


@given(requests=st.lists(requests_(), min_size=1, max_size=20))
@settings(EXAMPLES, max_examples=40)
def test_control_the_oracle_agrees_with_itself(
    module_servers: Servers, twin_oracle: Server, requests: list[Request]
) -> None:
    """Two etcd 3.4 whose indexes differ: the comparison must not cry wolf."""
    twin_oracle.request("PUT", "/v2/keys/ahead", b"value=1")
    with pair_of(twin_oracle, module_servers(Kind.ETCD34)) as pair:
        compare(pair, requests)


def _swap(old: bytes, new: bytes) -> Tamper:
    return lambda reply: replace(reply, body=reply.body.replace(old, new))


TAMPERINGS: dict[str, Tamper] = {
    "status": lambda reply: replace(reply, status=200 if reply.status != 200 else 201),
    "value": _swap(b'"value":"v"', b'"value":"V"'),
    "escape": _swap(b"\\u003c", b"<"),
    "no newline": lambda reply: replace(reply, body=reply.body.rstrip(b"\n")),
    "field order": _swap(b'"dir":true,"expiration"', b'"expiration"'),
    "message": _swap(b"Compare failed", b"compare failed"),
    "index": lambda reply: replace(
        reply,
        headers=tuple((k, str(int(v) + 1) if k == "X-Etcd-Index" else v) for k, v in reply.headers),
    ),
    "created": lambda reply: replace(
        reply,
        body=re.sub(rb'("createdIndex":)(\d+)', lambda m: m[1] + str(int(m[2]) + 1).encode(), reply.body),
    ),
    "header": lambda reply: replace(
        reply, headers=tuple(pair for pair in reply.headers if pair[0] != "X-Raft-Term")
    ),
    "ttl": _swap(b'"ttl":100000', b'"ttl":99000'),
}
TRUE_REQUESTS = [
    Request("PUT", "/a", body="value=v"),
    Request("PUT", "/esc", body="value=%3Cb%3E"),
    Request("PUT", "/a", ("prevValue=w",), "value=v"),
    Request("PUT", "/d", ("dir=true",), "ttl=100000"),
    Request("GET", "", ("recursive=true", "sorted=true")),
]


@pytest.mark.parametrize("name", sorted(TAMPERINGS))
def test_control_a_tampered_reply_is_found(module_servers: Servers, name: str) -> None:
    server = module_servers(Kind.ETCD34)
    found = []
    with server.connect() as conn:
        directory = f"/tamper_{name.replace(' ', '_')}"
        base = conn.get("/_none").etcd_index
        for request in TRUE_REQUESTS:
            reply = request.send(conn, directory, base)
            assert difference(normal(reply, base), normal(reply, base)) is None
            found.append(difference(normal(reply, base), normal(TAMPERINGS[name](reply), base)))
    assert any(found), f"a tampered {name} goes unnoticed"

"""The reply reader, in whatever pieces bytes come; and encoding against the standard library."""

from __future__ import annotations

from urllib.parse import parse_qsl, quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreos_py.client._text import clean_key, encode_form, quote_path
from coreos_py.client._wire import ReplyReader, encode_request
from coreos_py.client.errors import InvalidReplyError

bodies = st.binary(max_size=300)


def read(data: bytes, cuts: list[int], *, is_ended: bool = False) -> ReplyReader:
    """A reader that got `data` in pieces, and the end of the connection if `is_ended`."""
    reader = ReplyReader()
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    start = 0
    for end in ends:
        if end > start:
            reader.feed(data[start:end])
        start = end
    if is_ended:
        reader.feed(b"")
    return reader


def chunked(body: bytes, sizes: list[int]) -> bytes:
    """The body in chunks of these sizes, the rest in one."""
    out = b""
    for size in [*sizes, len(body) + 1]:
        piece, body = body[:size], body[size:]
        if piece:
            out += b"%x\r\n%s\r\n" % (len(piece), piece)
    return out + b"0\r\n\r\n"


@settings(deadline=None)
@given(bodies, st.lists(st.integers(0, 500)))
def test_a_body_with_a_length(body: bytes, cuts: list[int]) -> None:
    data = b"HTTP/1.1 201 Created\r\nX-Etcd-Index: 12\r\ncontent-length:%d\r\n\r\n" % len(body) + body
    reader = read(data, cuts)
    assert reader.head is not None
    assert (reader.done, reader.keeps_alive, reader.body) == (True, True, body)
    assert (reader.head.status, reader.head.etcd_index) == (201, 12)


@settings(deadline=None)
@given(bodies, st.lists(st.integers(1, 50)), st.lists(st.integers(0, 500)))
def test_a_chunked_body(body: bytes, sizes: list[int], cuts: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes)
    reader = read(data, cuts)
    assert (reader.done, reader.keeps_alive, reader.body) == (True, True, body)
    assert not read(data[:-1], cuts).done


@settings(deadline=None)
@given(bodies, st.lists(st.integers(0, 500)))
def test_a_body_up_to_the_end(body: bytes, cuts: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\n\r\n" + body
    assert not read(data, cuts).done
    reader = read(data, cuts, is_ended=True)
    assert (reader.done, reader.keeps_alive, reader.body) == (True, False, body)


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200)))
def test_any_bytes_are_read_or_refused(data: bytes, cuts: list[int]) -> None:
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        try:
            reader = read(start + data, cuts, is_ended=True)
        except InvalidReplyError:
            continue
        assert reader.done


def test_control_an_early_end_is_refused() -> None:
    with pytest.raises(InvalidReplyError):
        read(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", [], is_ended=True)


def test_a_request() -> None:
    data = encode_request("PUT", "/v2/keys/a?x=1", "h:1", {"Authorization": "Basic eA=="}, "value=1")
    head = b"PUT /v2/keys/a?x=1 HTTP/1.1\r\nHost: h:1\r\nAuthorization: Basic eA==\r\n"
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nvalue=1"
    assert data == head + form
    assert encode_request("GET", "/", "h:1", {}, None) == b"GET / HTTP/1.1\r\nHost: h:1\r\n\r\n"


@settings(deadline=None)
@given(st.binary())
def test_paths_are_quoted_as_the_standard_library_does(path: bytes) -> None:
    assert quote_path(path) == quote(path)
    assert unquote_to_bytes(quote_path(path)) == path


@settings(deadline=None)
@given(st.dictionaries(st.text(st.sampled_from("abc"), min_size=1), st.text()))
def test_forms_are_read_back(fields: dict[str, str]) -> None:
    wanted = [(name, fields[name]) for name in sorted(fields)]
    assert parse_qsl(encode_form({**fields}), keep_blank_values=True, strict_parsing=bool(fields)) == wanted


@settings(deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "..", ".", "", "...", "a b"])))
def test_clean_keys_are_clean(parts: list[str]) -> None:
    key = clean_key("/".join(parts))
    assert key.startswith("/")
    assert key == clean_key(key) == clean_key(f"{key}/")
    assert not {"", ".", ".."} & set(key[1:].split("/")) or key == "/"


@pytest.mark.parametrize(
    ("key", "clean"),
    [("", "/"), ("a", "/a"), ("//a//b/", "/a/b"), ("/a/../b", "/b"), ("/../../a", "/a"), ("/a/./b/..", "/a")],
)
def test_clean_key(key: str, clean: str) -> None:
    assert clean_key(key) == clean

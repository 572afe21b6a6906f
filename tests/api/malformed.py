"""Malformed requests as data: what is sent, and what may come back.

`replies` is how many replies are waited for; None reads until the server closes. `half_close` ends our side
of a plain connection, which turns a truncated request from "still coming" into "broken".
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOST = b"Host: 127.0.0.1\r\n"
FORM_TYPE = b"Content-Type: application/x-www-form-urlencoded\r\n"
ANY_4XX = frozenset(range(400, 500))
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    """One malformed request. `statuses` are the correct ones; `must_reply` forbids a silent close."""

    name: str
    pieces: tuple[bytes, ...]
    statuses: frozenset[int] = field(default=ANY_4XX)
    replies: int | None = 1
    must_reply: bool = True
    half_close: bool = False
    head_only: bool = False
    names: bytes = b""
    """Text that the reply's body has to contain, such as the limit that was exceeded."""


def _only(*statuses: int) -> frozenset[int]:
    return frozenset(statuses)


def _get(target: bytes, more: bytes = b"") -> tuple[bytes, ...]:
    return (b"GET " + target + b" HTTP/1.1\r\n" + HOST + more + b"\r\n",)


def _put(body: bytes, more: bytes = FORM_TYPE, target: bytes = b"/v2/keys/mal") -> tuple[bytes, ...]:
    length = f"Content-Length: {len(body)}\r\n".encode()
    return (b"PUT " + target + b" HTTP/1.1\r\n" + HOST + more + length + b"\r\n", body)


def _chunked(body: bytes, more: bytes = FORM_TYPE) -> tuple[bytes, ...]:
    head = b"PUT /v2/keys/mal HTTP/1.1\r\n" + HOST + more + b"Transfer-Encoding: chunked\r\n\r\n"
    return (head, body)


METHODS = [
    Case(f"method {method.decode()}", (method + b" /v2/keys/x HTTP/1.1\r\n" + HOST + b"\r\n",), _only(405))
    for method in (b"PATCH", b"TRACE", b"PROPFIND", b"LINK", b"get", b"FOOBAR")
] + [
    Case("method CONNECT", (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",)),
    Case("method with a bracket", (b"GE[T /v2/keys HTTP/1.1\r\n" + HOST + b"\r\n",), _only(400, 405)),
    Case("method of 100 KiB", (b"G" * 102400 + b" /v2/keys HTTP/1.1\r\n" + HOST + b"\r\n",)),
    Case("method empty", (b" /v2/keys HTTP/1.1\r\n" + HOST + b"\r\n",), _only(400)),
    Case("PATCH on members", (b"PATCH /v2/members HTTP/1.1\r\n" + HOST + b"\r\n",), _only(405)),
    Case("PUT on version", _put(b"x=1", target=b"/version"), _only(405)),
    Case("DELETE on health", (b"DELETE /health HTTP/1.1\r\n" + HOST + b"\r\n",), _only(405)),
    Case(
        "POST on stats",
        (b"POST /v2/stats/store HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",),
        _only(405),
    ),
]

PATHS = [
    Case("path unknown", _get(b"/nope"), _only(404)),
    Case("path of another version", _get(b"/v3/keys/a"), _only(404)),
    Case("path that begins alike", _get(b"/v2/keysfoo"), _only(404)),
    Case("path out of the key space", _get(b"/v2/keys/../../etc/passwd"), _only(400, 404)),
    Case("path with an encoded climb", _get(b"/v2/keys/%2e%2e/%2e%2e/version"), _only(400, 404)),
    Case("path with a bad escape", _get(b"/v2/keys/%zz"), _only(400)),
    Case("path with half an escape", _get(b"/v2/keys/a%4"), _only(400)),
    Case("path with a lone per cent", _get(b"/v2/keys/%"), _only(400)),
    Case("path elsewhere with a bad escape", _get(b"/v2/members/%zz"), _only(400, 404)),
    Case("path without a slash", _get(b"v2/keys"), _only(400, 404)),
    Case("path empty", (b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",), _only(400)),
    Case("path with a raw blank", _get(b"/v2/keys/a b"), _only(400, 505)),
    Case("path with a control byte", _get(b"/v2/keys/a\x01b"), _only(400)),
    Case("path with a NUL", _get(b"/v2/keys/a\x00b"), _only(400)),
    Case("path with raw high bytes", _get(b"/v2/keys/none\xff\xfe"), _only(400, 404)),
    Case("path with an encoded NUL", _get(b"/v2/keys/none%00"), _only(400, 404)),
    Case("path with encoded high bytes", _get(b"/v2/keys/none%ff%fe"), _only(400, 404)),
    Case("path with a fragment", _get(b"/v2/keys/none#frag"), _only(400, 404)),
    Case("path as a whole URL", _get(b"http://127.0.0.1/v2/keys/none"), _only(400, 404)),
    Case("path as a broken URL", _get(b"http://[::1/v2/keys/none"), _only(400)),
    Case("path with 20,000 levels", _get(b"/v2/keys" + b"/a" * 20_000), _only(404, 414)),
    Case("key over the limit", _get(b"/v2/keys/" + b"k" * 70_000), _only(414), names=b"65536"),
    Case(
        "key over the limit on PUT",
        _put(b"value=1", target=b"/v2/keys/" + b"k" * 70_000),
        _only(414),
        names=b"65536",
    ),
    Case(
        "key over the limit on POST",
        (b"POST /v2/keys/" + b"k" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",),
        _only(414),
        names=b"65536",
    ),
]

NUMBERS = (
    [
        Case(f"{name}={text}", _get(b"/v2/keys/x?" + name.encode() + b"=" + text.encode()), _only(400))
        for name in ("waitIndex", "prevIndex")
        for text in (
            "-1",
            "+1",
            "1.5",
            "0x10",
            "1e3",
            "abc",
            "%20",
            "18446744073709551616",
            "9" * 400,
            "%00",
        )
    ]
    + [
        Case(f"ttl={text[:30]}", _put(b"value=1&ttl=" + text.encode()), _only(400))
        for text in (
            "-1",
            "1.5",
            "abc",
            "0x10",
            "1e3",
            "%20",
            "+5",
            "18446744073709551616",
            "9" * 400,
            "99999999999",
            "NaN",
        )
    ]
    + [
        Case(f"{name}={text}", _get(b"/v2/keys/x?" + name.encode() + b"=" + text.encode()), _only(400))
        for name in ("recursive", "sorted", "wait", "dir", "quorum", "stream")
        for text in ("", "yes", "2", "tRue", "%00")
    ]
    + [
        Case(f"{name}={text}", _put(b"value=1&" + name.encode() + b"=" + text.encode()), _only(400))
        for name in ("prevExist", "refresh", "noValueOnSuccess")
        for text in ("", "yes", "2")
    ]
    + [
        Case("wait on PUT", _put(b"value=1&wait=true"), _only(400)),
        Case("wait on DELETE", (b"DELETE /v2/keys/x?wait=true HTTP/1.1\r\n" + HOST + b"\r\n",), _only(400)),
        Case(
            "wait on HEAD",
            (b"HEAD /v2/keys/x?wait=true HTTP/1.1\r\n" + HOST + b"\r\n",),
            _only(400),
            head_only=True,
        ),
        Case("refresh with a value", _put(b"value=1&ttl=5&refresh=true"), _only(400)),
        Case("refresh without a ttl", _put(b"refresh=true"), _only(400)),
    ]
)

FORMS = [
    Case("form with a bad escape", _put(b"value=%zz"), _only(400)),
    Case("form with half an escape", _put(b"value=%4"), _only(400)),
    Case("form with a bad name", _put(b"val%ue=1"), _only(400)),
    Case("query with a bad escape", _get(b"/v2/keys/x?recursive=%zz"), _only(400)),
    Case(
        "body of JSON",
        _put(b'{"value":"x"}', b"Content-Type: application/json\r\n"),
        _only(400, 415),
        names=b"json",
    ),
    Case(
        "body of multipart",
        _put(b"--x\r\n\r\n--x--", b"Content-Type: multipart/form-data; boundary=x\r\n"),
        _only(400, 415),
    ),
    Case("body without a type", _put(b"value=1", b""), _only(400, 415)),
    Case("body with a nonsense type", _put(b"value=1", b"Content-Type: ;;;/\xff\r\n"), _only(400, 415)),
    Case(
        "members with nonsense",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 3\r\n\r\n{{\xff",
        ),
        _only(400),
    ),
    Case(
        "members with the wrong types",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b'Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{"peerURLs":12}',
        ),
        _only(400),
    ),
    Case(
        "members with deep nesting",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
            + b"[" * 100_000,
        ),
        _only(400),
    ),
    Case(
        "log level with nonsense",
        (
            b"PUT /config/local/log HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 4\r\n\r\nnope",
        ),
        _only(400),
    ),
]

OVERSIZE = [
    Case(
        "body over the limit, announced",
        (b"PUT /v2/keys/mal HTTP/1.1\r\n" + HOST + FORM_TYPE + b"Content-Length: 10485761\r\n\r\n",),
        _only(413),
        names=b"10485760",
    ),
    Case("body over the limit, sent", _put(b"value=" + b"x" * (10 * MIB)), _only(413), names=b"10485760"),
    Case(
        "body over the limit, in chunks",
        _chunked(
            b"100000\r\n" + b"x" * MIB + b"\r\n" + (b"100000\r\n" + b"y" * MIB + b"\r\n") * 10 + b"0\r\n\r\n"
        ),
        _only(413),
        names=b"10485760",
    ),
    Case(
        "body over the limit, 100-continue",
        (
            b"PUT /v2/keys/mal HTTP/1.1\r\n"
            + HOST
            + FORM_TYPE
            + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n",
        ),
        _only(413, 417),
    ),
    Case(
        "length of more than 64 bits",
        (
            b"PUT /v2/keys/mal HTTP/1.1\r\n"
            + HOST
            + FORM_TYPE
            + b"Content-Length: 99999999999999999999999\r\n\r\n",
        ),
        _only(400, 413),
    ),
    Case("one header of 2 MiB", _get(b"/v2/keys/x", b"X-Big: " + b"h" * (2 * MIB) + b"\r\n"), _only(431)),
    Case(
        "10,000 headers", _get(b"/v2/keys/x", b"".join(b"X-%d: 1\r\n" % n for n in range(10_000))), _only(431)
    ),
    Case("target of 2 MiB", _get(b"/v2/keys/" + b"k" * (2 * MIB)), _only(414, 431)),
    Case("query of 2 MiB", _get(b"/v2/keys/x?a=" + b"k" * (2 * MIB)), _only(414, 431)),
    Case("first line without an end", (b"G" * (2 * MIB),)),
]

FRAMING = [
    Case("no host", (b"GET /v2/keys HTTP/1.1\r\n\r\n",), _only(400)),
    Case("two hosts", (b"GET /v2/keys HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",), _only(400)),
    Case("host with a blank", (b"GET /v2/keys HTTP/1.1\r\nHost: a b\r\n\r\n",), _only(400)),
    Case("no version", (b"GET /v2/keys\r\n" + HOST + b"\r\n",), _only(400)),
    Case("version 2.0", (b"GET /v2/keys HTTP/2.0\r\n" + HOST + b"\r\n",), _only(400)),
    Case("version 9.9", (b"GET /v2/keys HTTP/9.9\r\n" + HOST + b"\r\n",), _only(400)),
    Case("version of letters", (b"GET /v2/keys HTTP/x.y\r\n" + HOST + b"\r\n",), _only(400)),
    Case("protocol of another name", (b"GET /v2/keys FTP/1.1\r\n" + HOST + b"\r\n",), _only(400)),
    Case("header without a colon", _get(b"/v2/keys", b"nonsense\r\n"), _only(400)),
    Case("header with a blank before the colon", _get(b"/v2/keys", b"X-A : 1\r\n"), _only(400)),
    Case("header with an empty name", _get(b"/v2/keys", b": 1\r\n"), _only(400)),
    Case("header with a NUL", _get(b"/v2/keys", b"X-A: a\x00b\r\n"), _only(400)),
    Case("header with a bare CR", _get(b"/v2/keys", b"X-A: a\rb\r\n"), _only(400)),
    Case("header folded", _get(b"/v2/keys", b"X-A: a\r\n b\r\n"), _only(400)),
    Case(
        "length not a number",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Content-Length: abc\r\n\r\n",),
        _only(400),
    ),
    Case(
        "length negative",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Content-Length: -5\r\n\r\n",),
        _only(400),
    ),
    Case(
        "length with a plus",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Content-Length: +5\r\n\r\nvalue",),
        _only(400),
    ),
    Case(
        "length in hex",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Content-Length: 0x5\r\n\r\nvalue",),
        _only(400),
    ),
    Case(
        "length given twice",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nvalue=",),
        _only(400),
    ),
    Case(
        "length as a list",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Content-Length: 5, 6\r\n\r\nvalue=",),
        _only(400),
    ),
    Case(
        "unknown expectation",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Expect: the-unexpected\r\nContent-Length: 0\r\n\r\n",),
        _only(417),
    ),
    Case(
        "unknown transfer coding",
        (b"PUT /v2/keys/m HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n",),
        _only(400),
    ),
    Case(
        "preface of HTTP/2",
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",),
        must_reply=False,
        replies=None,
        half_close=True,
    ),
]

SMUGGLING = [
    Case(
        f"smuggling: {name}",
        (
            b"PUT /v2/keys/smug HTTP/1.1\r\n"
            + HOST
            + FORM_TYPE
            + headers
            + b"\r\n"
            + b"0\r\n\r\nPUT /v2/keys/smuggled HTTP/1.1\r\n"
            + HOST
            + b"Content-Length: 0\r\n\r\n",
        ),
        _only(400),
        replies=None,
    )
    for name, headers in {
        "length and chunked": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "chunked and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "chunked in a list": b"Transfer-Encoding: chunked, chunked\r\n",
        "identity and chunked": b"Transfer-Encoding: identity, chunked\r\n",
        "chunked with a tab": b"Transfer-Encoding:\tchunked\x0b\r\n",
        "xchunked": b"Transfer-Encoding: xchunked\r\n",
        "blank before the colon": b"Transfer-Encoding : chunked\r\n",
        "two lengths": b"Content-Length: 0\r\nContent-Length: 44\r\n",
        "folded coding": b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 5\r\n",
        "underscore length": b"Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    }.items()
]

CHUNKS = [
    Case(f"chunks: {name}", _chunked(body), _only(400), replies=1)
    for name, body in {
        "size not hex": b"zz\r\nvalue=1\r\n0\r\n\r\n",
        "size negative": b"-7\r\nvalue=1\r\n0\r\n\r\n",
        "size with a plus": b"+7\r\nvalue=1\r\n0\r\n\r\n",
        "size with 0x": b"0x7\r\nvalue=1\r\n0\r\n\r\n",
        "size empty": b"\r\nvalue=1\r\n0\r\n\r\n",
        "data longer than its size": b"3\r\nvalue=1\r\n0\r\n\r\n",
        "bare LF after the size": b"7\nvalue=1\n0\n\n",
        "size over 64 bits": b"fffffffffffffffff\r\nvalue=1\r\n0\r\n\r\n",
        "NUL in the size": b"7\x00\r\nvalue=1\r\n0\r\n\r\n",
    }.items()
] + [
    Case("chunks: size of 60 bits", _chunked(b"fffffffffffffff\r\nvalue=1"), _only(400, 413)),
    Case(
        "chunks: extension of 2 MiB",
        _chunked(b"7;" + b"e" * (2 * MIB) + b"\r\nvalue=1\r\n0\r\n\r\n"),
        _only(400, 431),
    ),
    Case(
        "chunks: trailers of 2 MiB",
        _chunked(b"7\r\nvalue=1\r\n0\r\nX: " + b"t" * (2 * MIB) + b"\r\n\r\n"),
        _only(400, 431),
    ),
]

TRUNCATED = [
    Case(f"truncated: {name}", (data,), replies=None, must_reply=False, half_close=True)
    for name, data in {
        "nothing at all": b"",
        "one byte": b"G",
        "inside the method": b"PU",
        "inside the target": b"GET /v2/ke",
        "inside the version": b"GET /v2/keys HTTP/1",
        "after the first line": b"GET /v2/keys HTTP/1.1\r\n",
        "inside a header": b"GET /v2/keys HTTP/1.1\r\nHos",
        "before the last line end": b"GET /v2/keys HTTP/1.1\r\nHost: x\r\n\r",
        "inside the body": b"PUT /v2/keys/tr HTTP/1.1\r\n"
        + HOST
        + FORM_TYPE
        + b"Content-Length: 50\r\n\r\nvalue=1",
        "inside a chunk": _chunked(b"10\r\nval")[0] + b"10\r\nval",
        "before the last chunk": _chunked(b"")[0] + b"7\r\nvalue=1\r\n",
        "inside the trailers": _chunked(b"")[0] + b"7\r\nvalue=1\r\n0\r\nX-A: ",
    }.items()
]

BINARY = [
    Case(
        "binary: a TLS hello",
        (bytes.fromhex("16030100c8010000c40303") + bytes(range(189)),),
        replies=None,
        must_reply=False,
        half_close=True,
    ),
    Case("binary: SSH", (b"SSH-2.0-OpenSSH_9.2\r\n",), replies=None, must_reply=False, half_close=True),
    Case("binary: zeroes", (b"\0" * 5000,), replies=None, must_reply=False, half_close=True),
    Case(
        "binary: high bytes",
        (b"\xff\xfe\xfd\r\n\r\n" * 500,),
        replies=None,
        must_reply=False,
        half_close=True,
    ),
    Case(
        "binary: every byte",
        (bytes(range(256)) * 10 + b"\r\n\r\n",),
        replies=None,
        must_reply=False,
        half_close=True,
    ),
    Case(
        "binary: msgpack",
        (b"\x93\x01\xc4\x05hello\xc0\r\n\r\n",),
        replies=None,
        must_reply=False,
        half_close=True,
    ),
    Case("binary: line ends", (b"\r\n" * 5000,), replies=None, must_reply=False, half_close=True),
]

ALL_CASES = [
    *METHODS,
    *PATHS,
    *NUMBERS,
    *FORMS,
    *OVERSIZE,
    *FRAMING,
    *SMUGGLING,
    *CHUNKS,
    *TRUNCATED,
    *BINARY,
]

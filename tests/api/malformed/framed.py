"""Requests whose framing is malformed: too long, contradictory, cut short, or not HTTP at all."""

from __future__ import annotations

from tests.api.malformed.case import FORM_TYPE, HOST, MIB, Case, chunked, get, only, put


def put_with(headers: bytes, body: bytes = b"") -> tuple[bytes, ...]:
    """A PUT with exactly these headers about its body, and what follows them."""
    return (b"PUT /v2/keys/mal HTTP/1.1\r\n" + HOST + headers + b"\r\n" + body,)


OVERSIZE = [
    Case(
        "body over the limit, announced",
        put_with(FORM_TYPE + b"Content-Length: 10485761\r\n"),
        only(413),
        names=b"10485760",
    ),
    Case("body over the limit, sent", put(b"value=" + b"x" * (10 * MIB)), only(413), names=b"10485760"),
    Case(
        "body over the limit, in chunks",
        chunked(
            b"100000\r\n" + b"x" * MIB + b"\r\n" + (b"100000\r\n" + b"y" * MIB + b"\r\n") * 10 + b"0\r\n\r\n"
        ),
        only(413),
        names=b"10485760",
    ),
    Case(
        "body over the limit, 100-continue",
        put_with(FORM_TYPE + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n"),
        only(413, 417),
    ),
    Case(
        "length of more than 64 bits",
        put_with(FORM_TYPE + b"Content-Length: 99999999999999999999999\r\n"),
        only(400, 413),
    ),
    Case("one header of 2 MiB", get(b"/v2/keys/x", b"X-Big: " + b"h" * (2 * MIB) + b"\r\n"), only(431)),
    Case(
        "10,000 headers", get(b"/v2/keys/x", b"".join(b"X-%d: 1\r\n" % n for n in range(10_000))), only(431)
    ),
    Case("target of 2 MiB", get(b"/v2/keys/" + b"k" * (2 * MIB)), only(414, 431)),
    Case("query of 2 MiB", get(b"/v2/keys/x?a=" + b"k" * (2 * MIB)), only(414, 431)),
    Case("first line without an end", (b"G" * (2 * MIB),)),
]

FRAMING = [
    Case("no host", (b"GET /v2/keys HTTP/1.1\r\n\r\n",), only(400)),
    Case("two hosts", (b"GET /v2/keys HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",), only(400)),
    Case("host with a blank", (b"GET /v2/keys HTTP/1.1\r\nHost: a b\r\n\r\n",), only(400)),
    Case("no version", (b"GET /v2/keys\r\n" + HOST + b"\r\n",), only(400)),
    Case("version 2.0", (b"GET /v2/keys HTTP/2.0\r\n" + HOST + b"\r\n",), only(400)),
    Case("version 9.9", (b"GET /v2/keys HTTP/9.9\r\n" + HOST + b"\r\n",), only(400)),
    Case("version of letters", (b"GET /v2/keys HTTP/x.y\r\n" + HOST + b"\r\n",), only(400)),
    Case("protocol of another name", (b"GET /v2/keys FTP/1.1\r\n" + HOST + b"\r\n",), only(400)),
    Case("header without a colon", get(b"/v2/keys", b"nonsense\r\n"), only(400)),
    Case("header with a blank before the colon", get(b"/v2/keys", b"X-A : 1\r\n"), only(400)),
    Case("header with an empty name", get(b"/v2/keys", b": 1\r\n"), only(400)),
    Case("header with a NUL", get(b"/v2/keys", b"X-A: a\x00b\r\n"), only(400)),
    Case("header with a bare CR", get(b"/v2/keys", b"X-A: a\rb\r\n"), only(400)),
    Case("header folded", get(b"/v2/keys", b"X-A: a\r\n b\r\n"), only(400)),
    Case("length not a number", put_with(b"Content-Length: abc\r\n"), only(400)),
    Case("length negative", put_with(b"Content-Length: -5\r\n"), only(400)),
    Case("length with a plus", put_with(b"Content-Length: +5\r\n", b"value"), only(400)),
    Case("length in hex", put_with(b"Content-Length: 0x5\r\n", b"value"), only(400)),
    Case("length given twice", put_with(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"value="), only(400)),
    Case("length as a list", put_with(b"Content-Length: 5, 6\r\n", b"value="), only(400)),
    Case("unknown expectation", put_with(b"Expect: the-unexpected\r\nContent-Length: 0\r\n"), only(417)),
    Case("unknown transfer coding", put_with(b"Transfer-Encoding: gzip\r\n"), only(400)),
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
        put_with(
            FORM_TYPE + headers,
            b"0\r\n\r\nPUT /v2/keys/smuggled HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",
        ),
        only(400),
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
    Case(f"chunks: {name}", chunked(body), only(400), replies=1)
    for name, body in {
        "size not hex": b"zz\r\nvalue=1\r\n0\r\n\r\n",
        "size negative": b"-7\r\nvalue=1\r\n0\r\n\r\n",
        "size with a plus": b"+7\r\nvalue=1\r\n0\r\n\r\n",
        "size with 0x": b"0x7\r\nvalue=1\r\n0\r\n\r\n",
        "size empty": b"\r\nvalue=1\r\n0\r\n\r\n",
        "data longer than its size": b"3\r\nvalue=1\r\n0\r\n\r\n",
        "bare LF after the size": b"7\nvalue=1\n0\n\n",
        "NUL in the size": b"7\x00\r\nvalue=1\r\n0\r\n\r\n",
    }.items()
] + [
    Case("chunks: size of 68 bits", chunked(b"fffffffffffffffff\r\nvalue=1"), only(400, 413)),
    Case("chunks: size of 60 bits", chunked(b"fffffffffffffff\r\nvalue=1"), only(400, 413)),
    Case(
        "chunks: extension of 2 MiB",
        chunked(b"7;" + b"e" * (2 * MIB) + b"\r\nvalue=1\r\n0\r\n\r\n"),
        only(400, 431),
    ),
    Case(
        "chunks: trailers of 2 MiB",
        chunked(b"7\r\nvalue=1\r\n0\r\nX: " + b"t" * (2 * MIB) + b"\r\n\r\n"),
        only(400, 431),
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
        "inside the body": put_with(FORM_TYPE + b"Content-Length: 50\r\n", b"value=1")[0],
        "inside a chunk": chunked(b"10\r\nval")[0] + b"10\r\nval",
        "before the last chunk": chunked(b"")[0] + b"7\r\nvalue=1\r\n",
        "inside the trailers": chunked(b"")[0] + b"7\r\nvalue=1\r\n0\r\nX-A: ",
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

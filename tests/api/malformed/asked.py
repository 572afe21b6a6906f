"""Well-framed requests that ask for something malformed: methods, paths, numbers, forms."""

from __future__ import annotations

from tests.api.malformed.case import HOST, Case, get, only, put

METHODS = [
    Case(f"method {method.decode()}", (method + b" /v2/keys/x HTTP/1.1\r\n" + HOST + b"\r\n",), only(405))
    for method in (b"PATCH", b"TRACE", b"PROPFIND", b"LINK", b"get", b"FOOBAR")
] + [
    Case("method CONNECT", (b"CONNECT a:1 HTTP/1.1\r\n" + HOST + b"\r\n",)),
    Case("method with a bracket", (b"GE[T /v2/keys HTTP/1.1\r\n" + HOST + b"\r\n",), only(400, 405)),
    Case("method of 100 KiB", (b"G" * 102400 + b" /v2/keys HTTP/1.1\r\n" + HOST + b"\r\n",)),
    Case("method empty", (b" /v2/keys HTTP/1.1\r\n" + HOST + b"\r\n",), only(400)),
    Case("PATCH on members", (b"PATCH /v2/members HTTP/1.1\r\n" + HOST + b"\r\n",), only(405)),
    Case("PUT on version", put(b"x=1", target=b"/version"), only(405)),
    Case("DELETE on health", (b"DELETE /health HTTP/1.1\r\n" + HOST + b"\r\n",), only(405)),
    Case(
        "POST on stats",
        (b"POST /v2/stats/store HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",),
        only(405),
    ),
]

PATHS = [
    Case("path unknown", get(b"/nope"), only(404)),
    Case("path of another version", get(b"/v3/keys/a"), only(404)),
    Case("path that begins alike", get(b"/v2/keysfoo"), only(404)),
    Case("path out of the key space", get(b"/v2/keys/../../etc/passwd"), only(400, 404)),
    Case("path with an encoded climb", get(b"/v2/keys/%2e%2e/%2e%2e/version"), only(400, 404)),
    Case("path with a bad escape", get(b"/v2/keys/%zz"), only(400)),
    Case("path with half an escape", get(b"/v2/keys/a%4"), only(400)),
    Case("path with a lone per cent", get(b"/v2/keys/%"), only(400)),
    Case("path elsewhere with a bad escape", get(b"/v2/members/%zz"), only(400, 404)),
    Case("path without a slash", get(b"v2/keys"), only(400, 404)),
    Case("path empty", (b"GET  HTTP/1.1\r\n" + HOST + b"\r\n",), only(400)),
    Case("path with a raw blank", get(b"/v2/keys/a b"), only(400, 505)),
    Case("path with a control byte", get(b"/v2/keys/a\x01b"), only(400)),
    Case("path with a NUL", get(b"/v2/keys/a\x00b"), only(400)),
    Case("path with raw high bytes", get(b"/v2/keys/none\xff\xfe"), only(400, 404)),
    Case("path with an encoded NUL", get(b"/v2/keys/none%00"), only(400, 404)),
    Case("path with encoded high bytes", get(b"/v2/keys/none%ff%fe"), only(400, 404)),
    Case("path with a fragment", get(b"/v2/keys/none#frag"), only(400, 404)),
    Case("path as a whole URL", get(b"http://127.0.0.1/v2/keys/none"), only(400, 404)),
    Case("path as a broken URL", get(b"http://[::1/v2/keys/none"), only(400, 404)),
    Case("path with 20,000 levels", get(b"/v2/keys" + b"/a" * 20_000), only(404, 414)),
    Case("key over the limit", get(b"/v2/keys/" + b"k" * 70_000), only(414), names=b"65536"),
    Case(
        "key over the limit on PUT",
        put(b"value=1", target=b"/v2/keys/" + b"k" * 70_000),
        only(414),
        names=b"65536",
    ),
    Case(
        "key over the limit on POST",
        (b"POST /v2/keys/" + b"k" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\n\r\n",),
        only(414),
        names=b"65536",
    ),
]

NUMBERS = (
    [
        Case(f"{name}={text}", get(b"/v2/keys/x?" + name.encode() + b"=" + text.encode()), only(400))
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
        Case(f"ttl={text[:30]}", put(b"value=1&ttl=" + text.encode()), only(400))
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
        Case(f"{name}={text}", get(b"/v2/keys/x?" + name.encode() + b"=" + text.encode()), only(400))
        for name in ("recursive", "sorted", "wait", "dir", "quorum", "stream")
        for text in ("", "yes", "2", "tRue", "%00")
    ]
    + [
        Case(f"{name}={text}", put(b"value=1&" + name.encode() + b"=" + text.encode()), only(400))
        for name in ("prevExist", "refresh", "noValueOnSuccess")
        for text in ("", "yes", "2")
    ]
    + [
        Case("wait on PUT", put(b"value=1&wait=true"), only(400)),
        Case("wait on DELETE", (b"DELETE /v2/keys/x?wait=true HTTP/1.1\r\n" + HOST + b"\r\n",), only(400)),
        Case(
            "wait on HEAD",
            (b"HEAD /v2/keys/x?wait=true HTTP/1.1\r\n" + HOST + b"\r\n",),
            only(400),
            head_only=True,
        ),
        Case("refresh with a value", put(b"value=1&ttl=5&refresh=true"), only(400)),
        Case("refresh without a ttl", put(b"refresh=true"), only(400)),
    ]
)

FORMS = [
    Case("form with a bad escape", put(b"value=%zz"), only(400)),
    Case("form with half an escape", put(b"value=%4"), only(400)),
    Case("form with a bad name", put(b"val%ue=1"), only(400)),
    Case("query with a bad escape", get(b"/v2/keys/x?recursive=%zz"), only(400)),
    Case(
        "body of JSON",
        put(b'{"value":"x"}', b"Content-Type: application/json\r\n"),
        only(400, 415),
        names=b"json",
    ),
    Case(
        "body of multipart",
        put(b"--x\r\n\r\n--x--", b"Content-Type: multipart/form-data; boundary=x\r\n"),
        only(400, 415),
    ),
    Case("body without a type", put(b"value=1", b""), only(400, 415)),
    Case("body with a nonsense type", put(b"value=1", b"Content-Type: ;;;/\xff\r\n"), only(400, 415)),
    Case(
        "members with nonsense",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 3\r\n\r\n{{\xff",
        ),
        only(400),
    ),
    Case(
        "members with the wrong types",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b'Content-Type: application/json\r\nContent-Length: 15\r\n\r\n{"peerURLs":12}',
        ),
        only(400),
    ),
    Case(
        "members with deep nesting",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n"
            + b"[" * 60_000,
        ),
        only(400),
    ),
    Case(
        "members with more than any list of URLs takes",
        (
            b"POST /v2/members HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
            + b"[" * 100_000,
        ),
        only(413),
        names=b"65536",
    ),
    Case(
        "log level with nonsense",
        (
            b"PUT /config/local/log HTTP/1.1\r\n"
            + HOST
            + b"Content-Type: application/json\r\nContent-Length: 4\r\n\r\nnope",
        ),
        only(400),
    ),
]

"""Which headers go on. Names keep the capitals that they came with."""

from collections.abc import Iterable

Headers = list[tuple[bytes, bytes]]

# Of one connection only (RFC 9110, 7.6.1, and those of older times).
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
    }
)
# The body is sent on as a whole, when it has come.
_ANEW = frozenset({b"host", b"content-length", b"expect", b"x-forwarded-for"})


def value_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes:
    """The first value of a header, empty without it; `name` in lower case."""
    return next((value for key, value in headers if key.lower() == name), b"")


def for_member(headers: Headers, *, authority: str, remote: str, body: bytes | None) -> Headers:
    """A client's headers as a member gets them. `remote` is the client's address without its port."""
    kept = _end_to_end(headers)
    before = [value for name, value in kept if name.lower() == b"x-forwarded-for"]
    on = [(b"Host", authority.encode())]
    on += [(name, value) for name, value in kept if name.lower() not in _ANEW]
    on.append((b"X-Forwarded-For", b", ".join([*before, remote.encode()])))
    if body is not None:
        on.append((b"Content-Length", b"%d" % len(body)))
    return on


def for_client(headers: Headers, own: Headers) -> Headers:
    """A member's headers as the client gets them, with the proxy's own in place of those of the same name."""
    replaced = {name.lower() for name, _ in own}
    return [(name, value) for name, value in _end_to_end(headers) if name.lower() not in replaced] + own


def _end_to_end(headers: Headers) -> Headers:
    named = {
        word.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for word in value.split(b",")
    }
    dropped = _HOP_BY_HOP | named
    return [(name, value) for name, value in headers if name.lower() not in dropped]

"""Replies in etcd's shapes: JSON in Go's spelling, plain text, and who has a newline at the end."""

import json
from dataclasses import dataclass

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
_GO_ESCAPES = {
    ord("&"): "\\u0026",
    ord("<"): "\\u003c",
    ord(">"): "\\u003e",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
    0x7F: "\x7f",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers beside those that the front adds (length, date, connection), and the body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, None without it."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def go_json(value: object) -> bytes:
    """JSON as Go's encoder writes it: no blanks, members in the given order, <, > and & escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.translate(_GO_ESCAPES).encode("utf-8", "replace")


def as_json(status: int, value: object, *, newline: bool = False, cluster: str | None = None) -> Reply:
    """A JSON reply. `cluster`: the id for X-Etcd-Cluster-Id, where the endpoint has that header."""
    return with_json(status, go_json(value), newline=newline, cluster=cluster)


def with_json(status: int, text: bytes, *, newline: bool = False, cluster: str | None = None) -> Reply:
    """The same for what is JSON already."""
    headers = [("Content-Type", JSON)]
    if cluster is not None:
        headers.append(("X-Etcd-Cluster-Id", cluster))
    return Reply(status, tuple(headers), text + (b"\n" if newline else b""))


def as_text(status: int, text: str, *headers: tuple[str, str]) -> Reply:
    """A plain-text reply, as it stands."""
    return Reply(status, (*headers, ("Content-Type", TEXT)), text.encode())


def not_found() -> Reply:
    """A path that does not exist."""
    return as_text(404, "404 page not found\n")


def method_not_allowed(*allowed: str) -> Reply:
    """A method that the path does not have."""
    headers = (("Allow", ",".join(allowed)),) if allowed else ()
    return as_text(405, "Method Not Allowed\n", *headers)

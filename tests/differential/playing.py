"""Sends one request to several servers and gives what each answered."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from tests.differential.exact import Answer, answer
from tests.support.server import Server
from tests.support.wire import FORM, Connection, Headers, Reply

#: How long an event that no write caused is waited for.
SILENCE_S = 0.3


@dataclass(frozen=True)
class Request:
    """One request. A watch has `nudges`: what is sent, on another connection, once it has been accepted."""

    method: str
    target: str
    body: bytes | None = None
    content_type: str = FORM
    authorization: str = ""
    nudges: tuple[Request, ...] = ()

    @property
    def headers(self) -> Headers:
        """Headers beside those that every request has; an empty one is not sent."""
        kind = self.content_type if self.body is not None else ""
        return (("Content-Type", kind), ("Authorization", self.authorization))

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body!r} as {self.content_type}"
        nudges = "".join(f", then {nudge}" for nudge in self.nudges)
        return f"{self.method} {self.target}{body}{nudges}"


class Player:
    """One server with a connection that is kept."""

    def __init__(self, server: Server, stack: ExitStack) -> None:
        self._server = server
        self._stack = stack
        self._conn = stack.enter_context(server.connect())

    def play(self, request: Request) -> list[Answer | None]:
        """Answers to the request and to its nudges, in that order."""
        if not request.nudges:
            return [answer(self._ask(request))]
        with self._server.connect() as watching:
            watching.send(_bytes(request))
            head = watching.read_head()
            nudged = [answer(self._ask(nudge)) for nudge in request.nudges]
            return [_event(watching, head), *nudged]

    def _ask(self, request: Request) -> Reply:
        reply = self._conn.request(request.method, request.target, request.body, request.headers)
        if not reply.keeps_alive:
            self._conn = self._stack.enter_context(self._server.connect())
        return reply


def _bytes(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1", "Host: 127.0.0.1"]
    if request.authorization:
        lines.append(f"Authorization: {request.authorization}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _event(watching: Connection, head: Reply) -> Answer | None:
    """The rest of a watch's reply, or None when nothing comes."""
    is_held = (head.header("Transfer-Encoding") or "").lower() == "chunked"
    if is_held and watching.is_quiet(SILENCE_S):
        return None
    return answer(watching.read_body(head))


def play(players: Sequence[Player], request: Request) -> list[list[Answer | None]]:
    """What each server answers."""
    return [player.play(request) for player in players]

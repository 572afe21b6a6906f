"""Whether a server treated a malformed request properly: a correct 4xx or a clean close, in time."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tests.support.wire import BadReply, Connection, PeerClosed, Reply

#: A refusal has to come within this, whatever the request; the suite's servers have short limits.
HANG_S = 10.0


@dataclass(frozen=True)
class Outcome:
    """What came back for some bytes.

    `ending`: `closed` (orderly), `reset`, `open` (all expected replies came, connection alive), `hang`
    (nothing more came in time) or `garbage` (not HTTP).
    """

    replies: list[Reply] = field(default_factory=list)
    ending: str = "open"
    partial: bytes = b""


def exchange(
    connect: Callable[[], Connection],
    pieces: Iterable[bytes],
    *,
    replies: int | None = None,
    pause_s: float = 0.0,
    half_close: bool = False,
    deadline_s: float = HANG_S,
    head_only: bool = False,
) -> Outcome:
    """Send the pieces (pausing between them), then read `replies` replies, or until the close if None.

    A server may answer and close before it has read everything; the answer counts then.
    """
    got: list[Reply] = []
    deadline = time.monotonic() + deadline_s
    with connect() as conn:
        try:
            for number, piece in enumerate(pieces):
                if number and pause_s:
                    time.sleep(pause_s)
                conn.send(piece)
            if half_close:
                conn.half_close()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            pass  # The server has stopped reading; what it said is read below.
        except OSError:
            pass  # Half-closing a connection that is gone already.
        while replies is None or len(got) < replies:
            conn.socket.settimeout(max(0.05, deadline - time.monotonic()))
            try:
                got.append(conn.read_reply(head_only=head_only))
            except PeerClosed as closed:
                return Outcome(got, "reset" if closed.reset else "closed", closed.partial)
            except TimeoutError:
                return Outcome(got, "hang", conn.buffer)
            except BadReply as bad:
                return Outcome(got, "garbage", str(bad).encode())
            except ssl.SSLError as error:
                return Outcome(got, "closed" if "EOF" in str(error) else "reset", str(error).encode())
        return Outcome(got, "open")


def faults(outcome: Outcome, *, statuses: frozenset[int] = frozenset(range(400, 500))) -> list[str]:
    """What is wrong with how a malformed request was answered; empty when nothing is.

    Without a reply, an orderly close is right. A reset is not: it can destroy a reply on its way.
    """
    found = []
    for reply in outcome.replies:
        if reply.status >= 500:
            found.append(f"status {reply.status}: {reply.body[:200]!r}")
        elif reply.status not in statuses:
            found.append(f"status {reply.status}, expected one of {sorted(statuses)[:12]}")
        if b"Traceback" in reply.body or b"panicked" in reply.body:
            found.append(f"a stack trace in the reply: {reply.body[:500]!r}")
    if outcome.ending == "hang":
        found.append(f"no answer in time (have {outcome.partial[:100]!r})")
    if outcome.ending == "garbage":
        found.append(f"not HTTP: {outcome.partial[:200]!r}")
    if outcome.ending == "reset":
        found.append("connection reset")
    if outcome.ending == "closed" and outcome.partial:
        found.append(f"closed inside a reply: {outcome.partial[:200]!r}")
    return found

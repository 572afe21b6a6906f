"""One blocking HTTP/1.1 connection.

`http.client` would do, at 20 ms of imports; this is what is left when only etcd has to be understood.
"""

from __future__ import annotations

import _thread
import os
import select
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from coreos_py.client._lookup import find_addresses
from coreos_py.client._tls import handshake_failure
from coreos_py.client._wire import Reply, ReplyReader, encode_request
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.errors import (
    AttemptError,
    ConnectionLostError,
    DeadlineExceededError,
    InvalidReplyError,
)
from coreos_py.client.requests import Request

if TYPE_CHECKING:
    import ssl

_RECEIVE_BYTES = 256 * 1024
_TIMEOUT_MAX_S = 1_000_000.0
_TUNNEL_BYTES_MAX = 16 * 1024


class Deadline:
    """A point on the monotonic clock; None means never."""

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds

    def sooner(self, seconds: float | None) -> Deadline:
        """The one that begins now, or this one if it comes first."""
        return Deadline(self.limit_s(seconds))

    def left_s(self) -> float | None:
        """Seconds left, at least 0; None when there is no end."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def limit_s(self, seconds: float | None) -> float | None:
        """The shorter of `seconds` and what is left."""
        left = self.left_s()
        if seconds is None or left is None:
            return left if seconds is None else seconds
        return min(seconds, left)


class Connection:
    """A connection to one endpoint, opened at once and kept for further requests while `alive`."""

    def __init__(
        self,
        endpoint: Endpoint,
        tls: Callable[[], ssl.SSLContext],
        timeout_s: float | None,
        deadline: Deadline,
        http_proxy: Endpoint | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.alive = True
        self._reused = False
        self._reader = ReplyReader()
        self._process_id = os.getpid()
        # A proxy finds in a plain request where it is to go; TLS passes through it untouched.
        self._base = endpoint.url if http_proxy and endpoint.scheme == "http" else endpoint.base
        self._socket = _open(endpoint, tls, timeout_s, deadline, http_proxy)

    def close(self) -> None:
        """Close it; closing twice is fine."""
        self.alive = False
        self._socket.close()

    def is_open(self) -> bool:
        """Whether it is ours to use. A process that was forked has a copy, on which both would read."""
        return self.alive and self._process_id == os.getpid()

    def is_fit(self) -> bool:
        """Whether it can carry another request, as far as can be seen: an end at rest makes it readable."""
        if not self.is_open():
            return False
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        return not poll.poll(0)

    def exchange(
        self, request: Request, headers: dict[str, str], timeout_s: float | None, deadline: Deadline
    ) -> Reply:
        """Send one request and wait for its whole reply, or for the headers only of a watch that is accepted.

        `timeout_s` limits the wait for the headers (not for `is_wait` requests), `deadline` everything.
        Raises `AttemptError`; after that the connection is closed.
        """
        path = self._base + request.target
        data = encode_request(
            request.method, path, self.endpoint.authority, headers, request.form, request.content_type
        )
        self._reader = reader = ReplyReader()
        head_by = Deadline(deadline.limit_s(None if request.is_wait else timeout_s))
        with _Guard(self, deadline):
            self._socket.settimeout(_positive(head_by.left_s()))
            refused = self._send(data)
            while not reader.done:
                self._socket.settimeout(_positive((head_by if reader.head is None else deadline).left_s()))
                received = self._socket.recv(_RECEIVE_BYTES)
                if not received and refused is not None and not reader.started:
                    raise refused
                reader.feed(received)
                if request.is_wait and reader.head is not None and reader.head.status == 200:
                    break
        assert reader.head is not None
        self._reused = True
        if request.is_wait and reader.head.status == 200:
            # All of it may have come together; `next_line` gives it, and lets the connection rest after it.
            return Reply(reader.head, b"")
        self._rest()
        return Reply(reader.head, reader.body)

    def next_line(self, deadline: Deadline) -> bytes | None:
        """The next line of a watch's body; None when it has ended as it should.

        Raises `AttemptError`; after that the connection is closed, unless it is `DeadlineExceededError`: then
        nothing has been taken, and it can be asked again.
        """
        is_late = False
        with _Guard(self, deadline):
            while (line := self._reader.take_line()) is None and not self._reader.done:
                self._socket.settimeout(_positive(deadline.left_s()))
                try:
                    received = self._socket.recv(_RECEIVE_BYTES)
                except TimeoutError:
                    is_late = deadline.left_s() == 0
                    if not is_late:
                        raise
                    break
                self._reader.feed(received)
        if is_late:
            raise DeadlineExceededError(connected=True, sent=True)
        if line is None:
            self._rest()
        return line

    def _rest(self) -> None:
        self.alive = self._reader.keeps_alive
        if not self.alive:
            self._socket.close()

    def failure(self, error: OSError | InvalidReplyError, deadline: Deadline) -> AttemptError:
        """What an error of an exchange means for the request."""
        reader = self._reader
        if isinstance(error, TimeoutError):
            if deadline.left_s() == 0:
                return DeadlineExceededError(connected=True, sent=True)
            return _broken(reader, f"client: endpoint {self.endpoint.url} exceeded header timeout")
        if isinstance(error, InvalidReplyError):
            reason = str(error)
        else:
            # A server that refuses our certificate tells so, with TLS 1.3, only at the first read.
            is_tls = self.endpoint.scheme == "https"
            reason = handshake_failure(error) if is_tls else _system_text(error)
        if reader.started:
            return _broken(reader, reason)
        return ConnectionLostError(reason, reused=self._reused)

    def _send(self, data: bytes) -> OSError | None:
        """Send everything.

        A server that refuses a big body closes early. Its answer may still be there to read: the failure
        is returned, not raised.
        """
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            return error
        return None


class Held:
    """The place of one connection: that of a client's operations, or that of a watch.

    Who uses it does so in a `with`. Another thread at the same time would take the first one's answer for its
    own; it is refused.
    """

    def __init__(self) -> None:
        self.connection: Connection | None = None
        # Not a lock: a keyboard interrupt at the wrong moment would leave it taken for ever. Two threads that
        # begin within the same instant may both get in. The process counts too: after a fork the other
        # thread is not there.
        self._user: tuple[int, int] | None = None

    def __enter__(self) -> None:
        me = (os.getpid(), _thread.get_ident())
        if self._user is not None and self._user != me and self._user[0] == me[0]:
            raise RuntimeError(
                "in use by another thread: a blocking client, and each of its watches, is for one at a time"
            )
        self._user = me

    def __exit__(self, *_: object) -> None:
        self._user = None

    def close(self) -> None:
        """Close what is there."""
        if self.connection is not None:
            self.connection.close()


class _Guard:
    """Turns the errors of an exchange into `AttemptError`; whatever it is, the connection is closed."""

    def __init__(self, connection: Connection, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if error is None:
            return
        self._connection.close()
        if isinstance(error, (OSError, InvalidReplyError)):
            raise self._connection.failure(error, self._deadline) from error


def _broken(reader: ReplyReader, reason: str) -> AttemptError:
    return AttemptError(reason, connected=True, sent=True, answered=reader.head is not None)


def _open(
    endpoint: Endpoint,
    tls: Callable[[], ssl.SSLContext],
    timeout_s: float | None,
    deadline: Deadline,
    http_proxy: Endpoint | None,
) -> socket.socket:
    first = http_proxy or endpoint
    try:
        found = find_addresses(first.host, first.port, _positive(deadline.limit_s(timeout_s)))
    except TimeoutError as error:
        if deadline.left_s() == 0:
            raise DeadlineExceededError(connected=False, sent=False) from error
        reason = f"dial tcp: lookup {first.host}: i/o timeout"
        raise AttemptError(reason, connected=False, sent=False) from error
    failure: AttemptError | None = None
    for family, kind, protocol, _, address in found:
        limit = Deadline(deadline.limit_s(timeout_s))
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as error:
            failure = AttemptError(f"dial tcp: {_system_text(error)}", connected=False, sent=False)
            continue
        where = _where(address)
        try:
            connection.settimeout(_positive(limit.left_s()))
            connection.connect(address)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # A watch may be silent for days: a server that lost its power is noticed after about a minute.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        except TimeoutError as error:
            connection.close()
            if deadline.left_s() == 0:
                raise DeadlineExceededError(connected=False, sent=False) from error
            failure = AttemptError(f"dial tcp {where}: i/o timeout", connected=False, sent=False)
            continue
        except OSError as error:
            connection.close()
            failure = AttemptError(
                f"dial tcp {where}: connect: {_system_text(error)}", connected=False, sent=False
            )
            continue
        except BaseException:
            connection.close()
            raise
        if endpoint.scheme == "http":
            return connection
        if http_proxy is not None:
            _tunnel(connection, endpoint, limit)
        return _secure(connection, endpoint, tls, limit, deadline)
    raise failure or AttemptError(f"dial tcp: lookup {first.host}: no such host", connected=False, sent=False)


def _tunnel(plain: socket.socket, endpoint: Endpoint, limit: Deadline) -> None:
    """Have the proxy at the other end connect to the endpoint."""
    reply = b""
    try:
        plain.settimeout(_positive(limit.left_s()))
        plain.sendall(encode_request("CONNECT", endpoint.authority, endpoint.authority, {}, None))
        # Byte by byte: what follows belongs to TLS.
        while not reply.endswith(b"\r\n\r\n") and len(reply) < _TUNNEL_BYTES_MAX:
            plain.settimeout(_positive(limit.left_s()))
            byte = plain.recv(1)
            if not byte:
                break
            reply += byte
    except OSError as error:
        plain.close()
        raise AttemptError(f"proxyconnect tcp: {_system_text(error)}", connected=True, sent=False) from error
    except BaseException:
        plain.close()
        raise
    line = reply.partition(b"\r\n")[0].decode("latin-1")
    if line.split(" ")[1:2] != ["200"]:
        plain.close()
        raise AttemptError(f"proxyconnect tcp: {line or 'EOF'}", connected=True, sent=False)


def _secure(
    plain: socket.socket,
    endpoint: Endpoint,
    tls: Callable[[], ssl.SSLContext],
    limit: Deadline,
    deadline: Deadline,
) -> socket.socket:
    try:
        plain.settimeout(_positive(limit.left_s()))
        return tls().wrap_socket(plain, server_hostname=endpoint.host)
    except TimeoutError as error:
        plain.close()
        if deadline.left_s() == 0:
            raise DeadlineExceededError(connected=True, sent=False) from error
        raise AttemptError("net/http: TLS handshake timeout", connected=True, sent=False) from error
    except OSError as error:
        plain.close()
        raise AttemptError(handshake_failure(error), connected=True, sent=False) from error
    except BaseException:
        plain.close()
        raise


def _where(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"


def _positive(seconds: float | None) -> float | None:
    """A value for `settimeout`, which takes 0 for "do not block" and fails on more than 24 days."""
    return None if seconds is None else min(max(seconds, 0.000_001), _TIMEOUT_MAX_S)


def _system_text(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

"""One blocking HTTP/1.1 connection.

`http.client` would do, at 20 ms of imports; this is what is left when only etcd has to be understood.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from coreos_py.client._lookup import find_addresses
from coreos_py.client._tls import handshake_failure
from coreos_py.client._wire import Head, ReplyReader, encode_request
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


class Deadline:
    """A point on the monotonic clock; None means never."""

    def __init__(self, seconds: float | None) -> None:
        self._at = None if seconds is None else time.monotonic() + seconds

    def left_s(self) -> float | None:
        """Seconds left, at least 0; None when there is no end."""
        return None if self._at is None else max(0.0, self._at - time.monotonic())

    def limit_s(self, seconds: float | None) -> float | None:
        """The shorter of `seconds` and what is left."""
        left = self.left_s()
        if seconds is None or left is None:
            return left if seconds is None else seconds
        return min(seconds, left)


class Reply(NamedTuple):
    """A complete reply."""

    head: Head
    body: bytes


class Connection:
    """A connection to one endpoint, opened at once and kept for further requests while `alive`."""

    def __init__(
        self,
        endpoint: Endpoint,
        tls: Callable[[], ssl.SSLContext],
        timeout_s: float | None,
        deadline: Deadline,
    ) -> None:
        self.endpoint = endpoint
        self.alive = True
        self._socket = _open(endpoint, tls, timeout_s, deadline)

    def close(self) -> None:
        """Close it; closing twice is fine."""
        self.alive = False
        self._socket.close()

    def exchange(
        self,
        request: Request,
        headers: dict[str, str],
        timeout_s: float | None,
        deadline: Deadline,
        on_head: Callable[[Head], None] | None = None,
    ) -> Reply:
        """Send one request and wait for its whole reply.

        `timeout_s` limits the wait for the headers (not for `is_wait` requests), `deadline` everything.
        Raises `AttemptError`; after that the connection is closed.
        """
        try:
            return self._exchange(request, headers, timeout_s, deadline, on_head)
        except BaseException:
            self.close()
            raise

    def _exchange(
        self,
        request: Request,
        headers: dict[str, str],
        timeout_s: float | None,
        deadline: Deadline,
        on_head: Callable[[Head], None] | None,
    ) -> Reply:
        path = self.endpoint.base + request.target
        data = encode_request(
            request.method, path, self.endpoint.authority, headers, request.form, request.content_type
        )
        reader = ReplyReader()
        head_by = Deadline(deadline.limit_s(None if request.is_wait else timeout_s))
        try:
            self._socket.settimeout(_positive(head_by.left_s()))
            refused = self._send(data)
            while not reader.done:
                awaits_head = reader.head is None
                self._socket.settimeout(_positive((head_by if awaits_head else deadline).left_s()))
                received = self._socket.recv(_RECEIVE_BYTES)
                if not received and refused is not None and not reader.started:
                    raise refused
                reader.feed(received)
                if awaits_head and reader.head is not None and on_head is not None:
                    on_head(reader.head)
        except TimeoutError as error:
            if deadline.left_s() == 0:
                raise DeadlineExceededError(connected=True, sent=True) from error
            raise self._broken(
                reader, f"client: endpoint {self.endpoint.url} exceeded header timeout"
            ) from error
        except InvalidReplyError as error:
            raise self._lost(reader, str(error)) from error
        except OSError as error:
            # A server that refuses our certificate tells so, with TLS 1.3, only at the first read.
            is_tls = self.endpoint.scheme == "https"
            raise self._lost(reader, handshake_failure(error) if is_tls else _system_text(error)) from error
        assert reader.head is not None
        self.alive = reader.keeps_alive
        if not self.alive:
            self._socket.close()
        return Reply(reader.head, reader.body)

    @staticmethod
    def _broken(reader: ReplyReader, reason: str) -> AttemptError:
        return AttemptError(reason, connected=True, sent=True, answered=reader.head is not None)

    @staticmethod
    def _lost(reader: ReplyReader, reason: str) -> AttemptError:
        if reader.started:
            return Connection._broken(reader, reason)
        return ConnectionLostError(reason, connected=True, sent=True)

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


def _open(
    endpoint: Endpoint, tls: Callable[[], ssl.SSLContext], timeout_s: float | None, deadline: Deadline
) -> socket.socket:
    try:
        found = find_addresses(endpoint.host, endpoint.port, _positive(deadline.limit_s(timeout_s)))
    except TimeoutError as error:
        if deadline.left_s() == 0:
            raise DeadlineExceededError(connected=False, sent=False) from error
        reason = f"dial tcp: lookup {endpoint.host}: i/o timeout"
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
        return (
            connection if endpoint.scheme == "http" else _secure(connection, endpoint, tls, limit, deadline)
        )
    raise failure or AttemptError(
        f"dial tcp: lookup {endpoint.host}: no such host", connected=False, sent=False
    )


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

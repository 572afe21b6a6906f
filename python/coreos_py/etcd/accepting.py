"""Accepting connections, also when descriptors run out."""

import errno
import os
import socket
from collections.abc import Callable

import trio

from coreos_py import logs
from coreos_py.etcd.listeners import Listener
from coreos_py.etcd.urls import join_host_port

_LOG = logs.Log("etcd")
# Connections taken before other tasks get their turn.
_BATCH = 64
_PAUSE_S = 0.1
_OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
_REFUSAL_TEXT = b"too many open files: the limit of the process is reached\n"
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(_REFUSAL_TEXT), _REFUSAL_TEXT)
)


class Spare:
    """A descriptor kept in reserve, to be able to refuse a connection when there are no others left."""

    def __init__(self) -> None:
        self._descriptor: int | None = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def refuse_one(self, listener: socket.socket) -> None:
        """Accept one connection with the reserve, tell its client, close it."""
        self.close()
        try:
            connection, _ = listener.accept()
            with connection:
                connection.setblocking(False)
                connection.send(_REFUSAL)
                connection.shutdown(socket.SHUT_WR)
        except OSError as error:
            _LOG.debug("cannot refuse a connection", reason=error)
        try:
            self._descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            # Another thread was faster; the next attempt to accept fails again and comes back here.
            _LOG.debug("no descriptor in reserve", reason=error)

    def close(self) -> None:
        """Give the reserve up."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


async def accept_forever(
    listener: Listener, take: Callable[[socket.socket, str], None], places: trio.Semaphore | None = None
) -> None:
    """Hand every connection with its client's address to `take`, which must not raise.

    With `places` a connection waits in the kernel until there is one for it; `take` has it given back.
    """
    spare = Spare()
    try:
        while True:
            await trio.lowlevel.wait_readable(listener.socket)
            if places is not None:
                await places.acquire()
            if not _accept_batch(listener, take, spare, places):
                await trio.sleep(_PAUSE_S)
    finally:
        spare.close()


def _accept_batch(
    listener: Listener,
    take: Callable[[socket.socket, str], None],
    spare: Spare,
    places: trio.Semaphore | None,
) -> bool:
    """Take what waits, the first one on the caller's place. False: something a pause may cure is wrong."""
    has_place = True
    try:
        for _ in range(_BATCH):
            if not has_place and places is not None:
                try:
                    places.acquire_nowait()
                except trio.WouldBlock:
                    return True
            has_place = True
            try:
                connection, peer = listener.socket.accept()
            except BlockingIOError:
                return True
            except ConnectionAbortedError:
                continue
            except OSError as error:
                _LOG.warn("cannot accept a connection", url=listener.url, reason=error.strerror)
                if error.errno in _OUT_OF_DESCRIPTORS:
                    spare.refuse_one(listener.socket)
                return False
            take(connection, join_host_port(peer[0].removeprefix("::ffff:"), peer[1]))
            has_place = False
        return True
    finally:
        if has_place and places is not None:
            places.release()

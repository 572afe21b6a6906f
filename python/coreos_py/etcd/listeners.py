"""Listening sockets of URLs: bound before the member is opened, so that a busy port costs nothing."""

import errno
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from coreos_py import logs
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.port_holder import describe_holder
from coreos_py.etcd.urls import Url, join_host_port

_LOG = logs.Log("etcd")
# Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
_BACKLOG = 4096
_KEEPALIVE_S = 30
_EVERY_ADDRESS = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Listener:
    """A bound socket of a URL."""

    url: Url
    socket: socket.socket

    @property
    def address(self) -> str:
        """`ip:port` as bound."""
        host, port, *_ = self.socket.getsockname()
        return join_host_port(host, port)


def addresses(host: str) -> list[tuple[socket.AddressFamily, str]]:
    """Families and numeric addresses to bind for a host, the indispensable one first."""
    if host == "localhost":
        return [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    if host == "":
        family = socket.AF_INET6 if socket.has_dualstack_ipv6() else socket.AF_INET
        return [(family, "::" if family is socket.AF_INET6 else "0.0.0.0")]
    return [(socket.AF_INET6 if ":" in host else socket.AF_INET, host)]


def bind_all(urls: Sequence[Url]) -> list[Listener]:
    """Bind every address of every URL. StartError names a busy port's holder; nothing stays bound then.

    `[::]` takes IPv4 too, as it does for etcd, unless another URL has the port on an IPv4 address. An address
    that another URL's "every address" includes gets no socket of its own, which could not listen.
    """
    bound: list[Listener] = []
    taken: dict[tuple[str, int], Url] = {}
    every = _on_every_address(urls)
    ipv4_ports = {
        url.port for url in urls if any(family is socket.AF_INET for family, _ in addresses(url.host))
    }
    try:
        for url in urls:
            for number, (family, host) in enumerate(addresses(url.host)):
                first = taken.get((host, url.port))
                if first is None and every.get((family, url.port)) != url:
                    first = every.get((family, url.port))
                if first is not None and first.scheme == url.scheme:
                    continue
                if first is not None:
                    raise StartError(f"cannot listen on {url}: {first} has the same address")
                if url.port != 0:
                    taken[host, url.port] = url
                is_dual = host == "::" and url.port not in ipv4_ports
                listener = _bind(url, family, host, is_needed=number == 0, is_dual=is_dual)
                if listener is not None:
                    bound.append(listener)
    except BaseException:
        close_all(bound)
        raise
    return bound


def _on_every_address(urls: Sequence[Url]) -> dict[tuple[socket.AddressFamily, int], Url]:
    """By family and port, the first URL that is for every address of the family."""
    found: dict[tuple[socket.AddressFamily, int], Url] = {}
    for url in urls:
        for family, host in addresses(url.host):
            if host in _EVERY_ADDRESS and url.port != 0:
                found.setdefault((family, url.port), url)
    return found


def listen_all(listeners: Sequence[Listener]) -> None:
    """Let clients in."""
    for listener in listeners:
        host, port, *_ = listener.socket.getsockname()
        _explain(partial(listener.socket.listen, _BACKLOG), listener.url, host, port)


def close_all(listeners: Sequence[Listener]) -> None:
    """Close the sockets; clients that wait to be accepted are reset."""
    for listener in listeners:
        listener.socket.close()


def _bind(
    url: Url, family: socket.AddressFamily, host: str, *, is_needed: bool, is_dual: bool
) -> Listener | None:
    try:
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    except OSError as error:
        if is_needed:
            raise StartError(f"cannot listen on {url}: {error.strerror}") from error
        return None
    try:
        _prepare(sock, family, is_dual=is_dual)
        _explain(partial(sock.bind, (host, url.port)), url, host, url.port)
    except StartError as error:
        sock.close()
        if is_needed:
            raise
        # Name look-ups give 127.0.0.1 as well; without IPv6 there is nothing to say.
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
            _LOG.warn("not listening on the IPv6 address of localhost", reason=error)
        return None
    except BaseException:
        sock.close()
        raise
    return Listener(url, sock)


def _prepare(sock: socket.socket, family: socket.AddressFamily, *, is_dual: bool) -> None:
    """Options; accepted sockets inherit those of TCP."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family is socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if is_dual else 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_S)


def _explain(act: Callable[[], None], url: Url, host: str, port: int) -> None:
    try:
        act()
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} is already in use by {describe_holder(host, port)}"
        raise StartError(f"cannot listen on {url}: {reason}") from error

"""The proxy as a process: what is opened, in which order, and how it ends."""

import random
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence

import trio

from coreos_py import logs
from coreos_py.etcd.accepting import accept_forever
from coreos_py.etcd.bootstrap.network import RealNetwork
from coreos_py.etcd.bootstrap.plans import RunProxy
from coreos_py.etcd.descriptors import RESERVED
from coreos_py.etcd.end_signals import EndSignals
from coreos_py.etcd.ending import DRAIN_S, guard, received, stop_at_signal
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.hosts import accepted_hosts
from coreos_py.etcd.listeners import Listener, close_all, listen_all
from coreos_py.etcd.notify import notify
from coreos_py.etcd.proxy.counters import Counters
from coreos_py.etcd.proxy.director import Director
from coreos_py.etcd.proxy.downstream import ClientLimits, Downstream
from coreos_py.etcd.proxy.forwarding import Forwarder
from coreos_py.etcd.proxy.guard import Guard
from coreos_py.etcd.proxy.refreshing import Refresher
from coreos_py.etcd.proxy.state import State
from coreos_py.etcd.proxy.upstream import Upstream, seconds
from coreos_py.etcd.settings import Settings
from coreos_py.etcd.tls import ReloadingContext
from coreos_py.etcd.tls_connection import handshake

_LOG = logs.Log("etcd")
_REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nConnection: close\r\n\r\n%s"
)


def run_proxy(
    settings: Settings,
    plan: RunProxy,
    clients: Sequence[Listener],
    tls: ReloadingContext | None,
    descriptor_limit: int,
    environ: Mapping[str, str],
    signals: EndSignals,
) -> None:
    """Serve on bound listeners until SIGTERM, SIGINT or SIGHUP. StartError when there is nobody to ask."""
    state = State(settings.data_dir)
    peer_urls = state.load()
    if peer_urls:
        _LOG.info("proxy: using peer urls from the data directory", urls=",".join(peer_urls))
    else:
        peer_urls = plan.peer_urls
        if not peer_urls:
            raise StartError(
                f"the proxy in {settings.data_dir} knows no peers: give --initial-cluster, or remove its "
                "directory proxy to let it begin anew"
            )
        _LOG.info("proxy: using peer urls of the flags", urls=",".join(peer_urls))
        try:
            # At once: from now on the directory is a proxy's, whoever answers.
            state.save(peer_urls)
        except OSError as error:
            raise StartError(f"cannot write to the data directory {settings.data_dir}: {error}") from error
    service = _Service(settings, tls, descriptor_limit, is_readonly=plan.is_readonly)
    service.run(clients, state, peer_urls, environ, signals)


class _Service:
    def __init__(
        self, settings: Settings, tls: ReloadingContext | None, descriptor_limit: int, *, is_readonly: bool
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._is_readonly = is_readonly
        # Each connection of a client may have one to a member.
        possible = max(1, (descriptor_limit - RESERVED) // 2)
        self._connections_max = min(settings.max_connections or possible, possible)
        self._accepting: list[trio.CancelScope] = []
        self._open: set[Downstream] = set()
        self._connections = 0
        self._all_gone = trio.Event()
        self._is_ending = False
        network = RealNetwork(settings)
        self._peers = self._upstream(network.context(settings.peer_tls))
        self._members = self._upstream(network.context(settings.tls))

    def _upstream(self, tls: ssl.SSLContext) -> Upstream:
        times = self._settings.proxy
        return Upstream(
            tls,
            dial_s=seconds(times.dial_ms),
            write_s=seconds(times.write_ms),
            read_s=seconds(times.read_ms),
        )

    def run(
        self,
        clients: Sequence[Listener],
        state: State,
        peer_urls: tuple[str, ...],
        environ: Mapping[str, str],
        signals: EndSignals,
    ) -> None:
        """Until a signal."""
        signals.keep()
        trio.run(self._main, clients, state, peer_urls, environ, signals, strict_exception_groups=True)

    async def _main(
        self,
        clients: Sequence[Listener],
        state: State,
        peer_urls: tuple[str, ...],
        environ: Mapping[str, str],
        end_signals: EndSignals,
    ) -> None:
        settings = self._settings
        director = Director(settings.proxy.failure_wait_ms / 1000, chance=random.Random())
        every_s = settings.proxy.refresh_ms / 1000
        refresher = Refresher(director, state, self._peers, peer_urls, every_s)
        with received(end_signals) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve, clients, director, refresher, environ, nursery)
                number = await anext(signals)
                _LOG.info("stopping", signal=signal.Signals(number).name)
                notify(environ, "STOPPING=1")
                self._is_ending = True
                for scope in self._accepting:
                    scope.cancel()
                await trio.lowlevel.checkpoint()
                close_all(clients)
                await self._drain(signals)
                nursery.cancel_scope.cancel()
        self._peers.close()
        self._members.close()

    async def _serve(
        self,
        clients: Sequence[Listener],
        director: Director,
        refresher: Refresher,
        environ: Mapping[str, str],
        nursery: trio.Nursery,
    ) -> None:
        settings = self._settings
        await refresher.refresh()
        hosts = accepted_hosts(settings, socket.gethostname())
        guarding = Guard(hosts, settings.cors, takes_plain_hosts=settings.hosts is None)
        forwarder = Forwarder(director, self._members, guarding, Counters(), is_readonly=self._is_readonly)
        limits = ClientLimits(
            head_bytes=settings.max_head_bytes,
            body_bytes=settings.max_body_bytes,
            idle_s=settings.idle_timeout_ms / 1000,
            request_s=settings.head_timeout_ms / 1000,
            send_s=settings.idle_timeout_ms / 1000,
        )
        if self._is_ending:
            return
        listen_all(clients)
        for listener in clients:
            nursery.start_soon(self._accept, listener, forwarder, limits, nursery)
            _LOG.info("proxy: listening for clients", url=listener.url, address=listener.address)
        _LOG.info("ready to serve client requests")
        notify(environ, "READY=1\nSTATUS=forwarding to a cluster")
        while True:
            await refresher.run_once()
            self._members.keep_only(director.endpoints)

    async def _accept(
        self, listener: Listener, forwarder: Forwarder, limits: ClientLimits, nursery: trio.Nursery
    ) -> None:
        is_secure = listener.url.scheme == "https"

        async def serve(connection: socket.socket, remote: str) -> None:
            try:
                await self._connection(connection, remote, forwarder, limits, is_secure=is_secure)
            finally:
                self._connections -= 1
                if self._is_ending and self._connections == 0:
                    self._all_gone.set()

        def take(connection: socket.socket, remote: str) -> None:
            if self._connections >= self._connections_max:
                self._refuse(connection, is_secure=is_secure)
                return
            self._connections += 1
            nursery.start_soon(guard, serve, connection, remote)

        with trio.CancelScope() as scope:
            self._accepting.append(scope)
            await accept_forever(listener, take)

    async def _connection(
        self,
        connection: socket.socket,
        remote: str,
        forwarder: Forwarder,
        limits: ClientLimits,
        *,
        is_secure: bool,
    ) -> None:
        transport = trio.SocketStream(trio.socket.from_stdlib_socket(connection))
        try:
            stream: trio.abc.Stream | None = transport
            if is_secure:
                assert self._tls is not None, "https URLs are refused without certificates"
                stream = await handshake(transport, remote, self._tls.current())
            if stream is None or self._is_ending:
                return
            host = remote.rpartition(":")[0].strip("[]")
            client = Downstream(stream, host, limits, forwarder.answer)
            self._open.add(client)
            try:
                await client.run()
                if is_secure:
                    with trio.move_on_after(1.0):
                        await stream.aclose()
            finally:
                self._open.discard(client)
        except* (trio.BrokenResourceError, trio.ClosedResourceError) as lost:
            _LOG.debug("connection lost", remote=remote, reason=[e.__cause__ or e for e in lost.exceptions])
        finally:
            await trio.aclose_forcefully(transport)

    def _refuse(self, connection: socket.socket, *, is_secure: bool) -> None:
        text = f"too many connections: the limit is {self._connections_max} (--max-connections)\n".encode()
        with connection:
            try:
                if not is_secure:
                    connection.setblocking(False)
                    connection.send(_REFUSAL % (len(text), text))
                    connection.shutdown(socket.SHUT_WR)
            except OSError as error:
                _LOG.debug("cannot refuse a connection", reason=error)

    async def _drain(self, signals: AsyncIterator[int]) -> None:
        """Answer what runs, for a while; a second signal cuts it short."""
        for client in tuple(self._open):
            client.drain()
        if not self._connections:
            return
        with trio.move_on_after(DRAIN_S) as limit:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(stop_at_signal, signals, nursery.cancel_scope)
                await self._all_gone.wait()
                nursery.cancel_scope.cancel()
        if limit.cancelled_caught or self._connections:
            _LOG.warn("connections cut off", connections=self._connections)

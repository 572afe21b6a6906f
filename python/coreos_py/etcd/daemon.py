"""A member from its settings to its end: what is opened, in which order, and how it is closed."""

import importlib
import os
import signal
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from coreos_py import __version__, logs
from coreos_py.etcd import bootstrap
from coreos_py.etcd.bootstrap.directory import identity_file
from coreos_py.etcd.descriptors import Limits, raise_limit, share_out
from coreos_py.etcd.end_signals import EndSignals
from coreos_py.etcd.errors import StartError
from coreos_py.etcd.hosts import accepted_hosts
from coreos_py.etcd.listeners import Listener, bind_all, close_all, listen_all
from coreos_py.etcd.peer_port import serve_peers
from coreos_py.etcd.settings import Settings
from coreos_py.etcd.versions import CLUSTER_VERSION

if TYPE_CHECKING:
    from coreos_py._core import Engine, Front
    from coreos_py.etcd.service import Service
    from coreos_py.etcd.tls import ReloadingContext

_LOG = logs.Log("etcd")
# By default they end a process without a word; they do nothing to a Go program, and so to etcd.
_WITHOUT_EFFECT = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)


def run(settings: Settings, argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Be the member until a signal; the exit status. Why it cannot start is one line of the log."""
    signals = EndSignals()
    signals.watch()
    for number in _WITHOUT_EFFECT:
        signal.signal(number, signal.SIG_IGN)
    logs.set_up(settings.log_level, settings.log_format)
    _LOG.info(
        "starting", version=__version__, name=settings.name, data_dir=settings.data_dir, pid=os.getpid()
    )
    for warning in settings.warnings:
        _LOG.warn(warning)
    listeners: list[Listener] = []
    try:
        descriptor_limit = raise_limit()
        tls = _read_certificates(settings)
        # Ports before others hear of this member: a busy one must cost nothing.
        clients = bind_all(settings.listen_client_urls)
        listeners += clients
        peers = bind_all(settings.listen_peer_urls) if settings.proxy.is_off else []
        listeners += peers
        plan = bootstrap.plan(settings)
        if isinstance(plan, bootstrap.RunProxy):
            from coreos_py.etcd.proxy.service import run_proxy

            close_all(peers)
            run_proxy(settings, plan, clients, tls, descriptor_limit, environ, signals)
            _LOG.info("stopped")
            return 0
        if isinstance(plan, bootstrap.Restart) and plan.ignored:
            _LOG.info(
                "going on from the data directory; flags that say how to begin are ignored",
                flags=",".join(plan.ignored),
            )
        is_new = not os.path.exists(identity_file(settings.data_dir))
        engine = _open_beside_loading_trio(settings, plan)
        try:
            limits = share_out(descriptor_limit, settings.max_connections, has_tls=tls is not None)
            service = _make_service(settings, engine, tls, limits, argv)
            listen_all(listeners)
            serve_peers(engine, settings, plan, peers)
            for listener in listeners:
                whom = "clients" if listener in clients else "peers"
                _LOG.info(f"listening for {whom}", url=listener.url, address=listener.address)
            # The engine has copies of its own.
            close_all(peers)
            _announce(is_new=is_new)
            service.run(clients, environ, signals)
        finally:
            signals.close()
            engine.close()
    except StartError as error:
        _LOG.fatal(str(error))
        return 1
    finally:
        close_all(listeners)
    _LOG.info("stopped")
    return 0


def _announce(*, is_new: bool) -> None:
    """Say in etcd's own words what scripts and test suites wait for: two lines of 2.3, one of 3.4."""
    version = CLUSTER_VERSION.rpartition(".")[0]
    if is_new:
        _LOG.info(f"etcdserver: set the initial cluster version to {version}")
    _LOG.info(f"api: enabled capabilities for version {version}")
    _LOG.info("ready to serve client requests")


def open_engine(settings: Settings, plan: bootstrap.MemberPlan) -> "Engine":
    """Recover or create the member. StartError with the engine's own sentence."""
    from coreos_py._core import Engine, EngineError

    try:
        return Engine.open(
            settings.data_dir,
            name=settings.name,
            initial_cluster=[(name, list(urls)) for name, urls in plan.initial_cluster],
            token=plan.token,
            peer_urls=[str(url) for url in settings.advertise_peer_urls],
            client_urls=[str(url) for url in settings.advertise_client_urls],
            joining=plan.joining,
            force_new_cluster=settings.force_new_cluster,
            heartbeat_ms=settings.heartbeat_ms,
            election_ms=settings.election_ms,
            snapshot_count=settings.snapshot_count,
            max_snapshots=settings.max_snapshots,
            history_bytes=settings.history_bytes,
            upstream=settings.upstream,
            fsync=settings.fsync,
        )
    except EngineError as error:
        raise StartError(str(error)) from error


def make_front(engine: "Engine", settings: Settings, max_connections: int) -> "Front":
    """The HTTP front with the settings' limits, but for the connections that there can be."""
    from coreos_py._core import Front

    return Front(
        engine,
        max_head_bytes=settings.max_head_bytes,
        max_body_bytes=settings.max_body_bytes,
        max_key_bytes=settings.max_key_bytes,
        max_connections=max_connections,
        idle_timeout_ms=settings.idle_timeout_ms,
        request_timeout_ms=settings.request_timeout_ms,
        head_timeout_ms=settings.head_timeout_ms,
        cors=list(settings.cors),
        hosts=accepted_hosts(settings, socket.gethostname()),
        plain_hosts=settings.hosts is None,
        upstream=settings.upstream,
    )


def _open_beside_loading_trio(settings: Settings, plan: bootstrap.MemberPlan) -> "Engine":
    """Loading Trio takes about as long as opening a member; both at once take little more than one."""
    loader = threading.Thread(target=importlib.import_module, args=("coreos_py.etcd.service",), daemon=True)
    loader.start()
    engine = open_engine(settings, plan)
    loader.join()
    return engine


def _read_certificates(settings: Settings) -> "ReloadingContext | None":
    """Before ports and data are touched, and others asked: unusable files are the most likely mistake."""
    if settings.peer_tls is not None:
        from coreos_py.etcd.tls import check_files

        check_files(settings.peer_tls)
    if settings.tls is None:
        return None
    from coreos_py.etcd.tls import ReloadingContext

    return ReloadingContext(settings.tls)


def _make_service(
    settings: Settings,
    engine: "Engine",
    tls: "ReloadingContext | None",
    limits: Limits,
    argv: Sequence[str],
) -> "Service":
    from coreos_py.etcd.service import Service

    for note in engine.recovery_notes():
        _LOG.info(note)
    status = engine.status()
    _LOG.info(
        "member ready",
        name=status["name"],
        member_id=f"{status['member_id']:x}",
        cluster_id=f"{status['cluster_id']:x}",
        raft_index=status["raft_index"],
        etcd_index=status["etcd_index"],
        nodes=status["keys"],
    )
    front = make_front(engine, settings, limits.connections)
    return Service(settings, engine, front, tls, limits, argv)

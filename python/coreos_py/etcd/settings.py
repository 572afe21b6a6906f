"""Everything that the daemon can be told, checked as a whole: `parse(argv, environ) -> Settings`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from coreos_py.etcd.command_line import Given, collect, failed_verification
from coreos_py.etcd.flags import ELECTION_MS_MAX, FLAGS, Fate
from coreos_py.etcd.settings_parts import (
    Beginning,
    ProxySettings,
    TlsFiles,
    Values,
    read_beginning,
    read_proxy,
    read_tls,
)
from coreos_py.etcd.urls import Url, is_loopback
from coreos_py.etcd.values import describe

__all__ = ["Beginning", "ProxySettings", "Settings", "Show", "TlsFiles", "parse"]

_HEARTBEATS_PER_ELECTION_MIN = 5
_REQUEST_MS = 5_000
_NO_FSYNC_NOTE = "every acknowledged write can be lost in a crash (--unsafe-no-fsync): never for data"


class Show(Enum):
    """Asked for instead of a start."""

    HELP = auto()
    VERSION = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One member's settings. `snapshot_count` None: by size. `hosts` None: derived from the member's names;
    empty: any host. `beginning`: for a member without data. `tls` is for clients, `peer_tls` for peers.
    """

    name: str
    data_dir: str
    listen_client_urls: tuple[Url, ...]
    advertise_client_urls: tuple[Url, ...]
    listen_peer_urls: tuple[Url, ...]
    advertise_peer_urls: tuple[Url, ...]
    beginning: Beginning
    proxy: ProxySettings
    force_new_cluster: bool
    strict_reconfig_check: bool
    heartbeat_ms: int
    election_ms: int
    snapshot_count: int | None
    max_snapshots: int
    history_bytes: int
    max_connections: int
    max_head_bytes: int
    max_body_bytes: int
    max_key_bytes: int
    idle_timeout_ms: int
    head_timeout_ms: int
    request_timeout_ms: int
    cors: tuple[str, ...]
    hosts: tuple[str, ...] | None
    tls: TlsFiles | None
    peer_tls: TlsFiles | None
    log_level: str
    log_format: str
    upstream: bool
    fsync: bool
    warnings: tuple[str, ...]


def parse(
    argv: Sequence[str],
    environ: Mapping[str, str],
    read_text: Callable[[str], str] = lambda path: Path(path).read_text(encoding="utf-8"),
) -> Settings | Show:
    """Settings of a member from arguments (without the program's name) and environment.

    Pure but for `read_text`, called at most once, for the file of -config. Raises FlagError and nothing else.
    """
    given = collect(argv, environ, read_text)
    if given.wants_help:
        return Show.HELP
    if given.values.get("version"):
        return Show.VERSION
    return _Builder(given).build()


class _Builder:
    """Reads the given values with their defaults, checks them against each other."""

    def __init__(self, given: Given) -> None:
        self.values = given.values
        self.warnings = list(given.warnings)
        parts = Values(given.values, self.warnings)
        self._get, self._optional, self._parts = parts.get, parts.optional, parts

    def build(self) -> Settings:
        self._check_fates()
        proxy = read_proxy(self._parts)
        tls = read_tls(self._parts)
        peer_tls = read_tls(self._parts, "peer-")
        scheme = "https" if tls else "http"
        name = self._get("name", str)
        listen, advertise = self._client_urls(scheme)
        listen_peer, advertise_peer = self._peer_urls("https" if peer_tls else "http")
        heartbeat_ms, election_ms = self._intervals()
        self._check_schemes(listen, tls)
        if proxy.is_off:
            self._check_schemes(listen_peer, peer_tls, "peer-")
        if "data-dir" not in self.values:
            self.warnings.append(f"no data-dir provided, using default data-dir ./{name}.etcd")
        if self._get("unsafe-no-fsync", bool):
            self.warnings.append(_NO_FSYNC_NOTE)
        return Settings(
            name=name,
            data_dir=self._optional("data-dir", str) or f"{name}.etcd",
            listen_client_urls=listen,
            advertise_client_urls=advertise,
            listen_peer_urls=listen_peer,
            advertise_peer_urls=advertise_peer,
            beginning=read_beginning(self._parts),
            proxy=proxy,
            force_new_cluster=self._get("force-new-cluster", bool),
            strict_reconfig_check=self._get("strict-reconfig-check", bool),
            heartbeat_ms=heartbeat_ms,
            election_ms=election_ms,
            snapshot_count=self._optional("snapshot-count", int),
            max_snapshots=self._get("max-snapshots", int),
            history_bytes=self._get("history-bytes", int),
            max_connections=self._get("max-connections", int),
            max_head_bytes=self._get("max-head-bytes", int),
            max_body_bytes=self._get("max-body-bytes", int),
            max_key_bytes=self._get("max-key-bytes", int),
            idle_timeout_ms=self._get("idle-timeout", int),
            head_timeout_ms=self._get("head-timeout", int),
            request_timeout_ms=self._optional("request-timeout", int) or _REQUEST_MS + 2 * election_ms,
            cors=self._get("cors", tuple),
            hosts=self._hosts(),
            tls=tls,
            peer_tls=peer_tls,
            log_level="debug" if self._get("debug", bool) else self._get("log-level", str),
            log_format=self._get("log-format", str),
            upstream=self._get("compat", str) == "upstream",
            fsync=not self._get("unsafe-no-fsync", bool),
            warnings=tuple(self.warnings),
        )

    def _check_fates(self) -> None:
        for name, value in self.values.items():
            flag = FLAGS[name]
            if flag.fate is Fate.IGNORED:
                # Without a note the flag is one of 0.4, and the sentence etcd 2's own.
                what = f"has no effect ({flag.note})" if flag.note else "is no longer supported"
                self.warnings.append(f'flag "-{name}" {what} - ignoring.')
            elif flag.fate is Fate.UNSUPPORTED and describe(value) != flag.default:
                raise failed_verification(f"{flag.dashed} is not supported by this version yet: {flag.note}")
        if not self._get("enable-v2", bool):
            raise failed_verification("--enable-v2=false leaves nothing to serve: there is no v3 API here")

    def _intervals(self) -> tuple[int, int]:
        heartbeat_ms = self._get("heartbeat-interval", int)
        election_ms = self._get("election-timeout", int)
        if election_ms < _HEARTBEATS_PER_ELECTION_MIN * heartbeat_ms:
            raise failed_verification(
                f"--election-timeout[{election_ms}ms] should be at least as 5 times as "
                f"--heartbeat-interval[{heartbeat_ms}ms]"
            )
        if election_ms > ELECTION_MS_MAX:
            raise failed_verification(
                f"--election-timeout[{election_ms}ms] is too long, "
                f"and should be set less than {ELECTION_MS_MAX}ms"
            )
        return heartbeat_ms, election_ms

    def _pair(self, names: tuple[str, str, str, str], scheme: str) -> tuple[tuple[Url, ...], tuple[Url, ...]]:
        """URLs to listen on and to advertise, from the new flags or the addresses of 0.4."""
        listen_flag, advertise_flag, bind_flag, address_flag = names
        self._parts.one_of(listen_flag, bind_flag)
        self._parts.one_of(advertise_flag, address_flag)
        address = self._optional(address_flag, tuple)
        bind = self._optional(bind_flag, tuple)
        advertise = (Url(scheme, *address),) if address else self._parts.urls(advertise_flag)
        if bind:
            host, port = bind
            if port is None:
                port = advertise[0].port
            listen: tuple[Url, ...] = (Url(scheme, host, port),)
            if not address and advertise_flag not in self.values:
                reachable = host if host not in ("0.0.0.0", "::") else "127.0.0.1"
                advertise = (Url(scheme, reachable, port),)
                self.warnings.append(f"-{address_flag} is not given: advertising {advertise[0]}")
        elif address and listen_flag not in self.values:
            host, port = address
            # 0.4 listened on every address; a member that is only for this machine need not.
            everywhere = "::" if ":" in host else "0.0.0.0"
            listen = (Url(scheme, host if is_loopback(host) else everywhere, port),)
        else:
            listen = self._parts.urls(listen_flag)
        for url in listen:
            if not url.is_bindable:
                raise failed_verification(f"expected IP in URL for binding ({url})")
        return listen, advertise

    def _client_urls(self, scheme: str) -> tuple[tuple[Url, ...], tuple[Url, ...]]:
        listens = "listen-client-urls" in self.values
        may_proxy = self._get("proxy", str) != "off" or (
            self.values.get("discovery") and self._get("discovery-fallback", str) == "proxy"
        )
        if listens and not may_proxy and not {"advertise-client-urls", "addr"} & self.values.keys():
            raise failed_verification(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"
            )
        names = ("listen-client-urls", "advertise-client-urls", "bind-addr", "addr")
        return self._pair(names, scheme)

    def _peer_urls(self, scheme: str) -> tuple[tuple[Url, ...], tuple[Url, ...]]:
        names = ("listen-peer-urls", "initial-advertise-peer-urls", "peer-bind-addr", "peer-addr")
        return self._pair(names, scheme)

    def _hosts(self) -> tuple[str, ...] | None:
        if "host-whitelist" in self.values:
            hosts = self._get("host-whitelist", tuple)
            return () if "*" in hosts else hosts
        return () if self._get("compat", str) == "upstream" else None

    def _check_schemes(self, listen: tuple[Url, ...], tls: TlsFiles | None, prefix: str = "") -> None:
        for url in listen:
            if url.scheme == "https" and tls is None:
                raise failed_verification(
                    f"cannot serve {url}: give --{prefix}cert-file and --{prefix}key-file"
                )
            if url.scheme == "http" and tls is not None:
                self.warnings.append(f"{url} is served without TLS although --{prefix}cert-file is given")

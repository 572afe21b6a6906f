"""Everything that the daemon can be told, checked as a whole: `parse(argv, environ) -> Settings`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TypeVar

from coreos_py.etcd.command_line import Given, collect, failed_verification
from coreos_py.etcd.flags import ELECTION_MS_MAX, FLAGS, Fate
from coreos_py.etcd.urls import Url, is_loopback, parse_urls
from coreos_py.etcd.values import describe

T = TypeVar("T")
Cluster = tuple[tuple[str, tuple[str, ...]], ...]

_HEARTBEATS_PER_ELECTION_MIN = 5
_REQUEST_MS = 5_000
_BOOTSTRAP_FLAGS = ("initial-cluster", "discovery", "discovery-srv")
_NO_FSYNC_NOTE = "every acknowledged write can be lost in a crash (--unsafe-no-fsync): never for data"


class Show(Enum):
    """Asked for instead of a start."""

    HELP = auto()
    VERSION = auto()


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the https client URLs. `ca_file` None: the system's authorities."""

    cert_file: str
    key_file: str
    ca_file: str | None
    requires_client_cert: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One member's settings. `snapshot_count` None: by size. `token` None: default, the directory's own is
    taken. `hosts` None: derived from the member's names; empty: any host.
    """

    name: str
    data_dir: str
    listen_client_urls: tuple[Url, ...]
    advertise_client_urls: tuple[Url, ...]
    listen_peer_urls: tuple[Url, ...]
    advertise_peer_urls: tuple[Url, ...]
    initial_cluster: Cluster
    initial_cluster_state: str
    token: str | None
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

    def build(self) -> Settings:
        self._check_fates()
        tls = self._tls()
        scheme = "https" if tls else "http"
        name = self._get("name", str)
        listen, advertise = self._client_urls(scheme)
        listen_peer, advertise_peer = self._peer_urls()
        heartbeat_ms, election_ms = self._intervals()
        state = self._get("initial-cluster-state", str)
        self._check_schemes(listen, tls)
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
            initial_cluster=self._cluster(name, advertise_peer),
            initial_cluster_state=state,
            token=self._optional("initial-cluster-token", str),
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
            log_level="debug" if self._get("debug", bool) else self._get("log-level", str),
            log_format=self._get("log-format", str),
            upstream=self._get("compat", str) == "upstream",
            fsync=not self._get("unsafe-no-fsync", bool),
            warnings=tuple(self.warnings),
        )

    def _optional(self, name: str, kind: type[T]) -> T | None:
        value = self.values.get(name)
        assert value is None or isinstance(value, kind), f"{name} is parsed as {kind.__name__}"
        return value

    def _get(self, name: str, kind: type[T]) -> T:
        value = self.values[name] if name in self.values else FLAGS[name].kind.parse(FLAGS[name].default)
        assert isinstance(value, kind), f"{name} is parsed as {kind.__name__}"
        return value

    def _check_fates(self) -> None:
        if sum(bool(self.values.get(name)) for name in _BOOTSTRAP_FLAGS) > 1:
            raise failed_verification(
                "multiple discovery or bootstrap flags are set. "
                'Choose one of "initial-cluster", "discovery" or "discovery-srv"'
            )
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

    def _one_of(self, new: str, old: str) -> None:
        if new in self.values and old in self.values:
            raise failed_verification(f"Set only one of flags -{new} and -{old}")

    def _urls(self, flag: str) -> tuple[Url, ...]:
        return self._optional(flag, tuple) or parse_urls(FLAGS[flag].default)

    def _pair(self, names: tuple[str, str, str, str], scheme: str) -> tuple[tuple[Url, ...], tuple[Url, ...]]:
        """URLs to listen on and to advertise, from the new flags or the addresses of 0.4."""
        listen_flag, advertise_flag, bind_flag, address_flag = names
        self._one_of(listen_flag, bind_flag)
        self._one_of(advertise_flag, address_flag)
        address = self._optional(address_flag, tuple)
        bind = self._optional(bind_flag, tuple)
        advertise = (Url(scheme, *address),) if address else self._urls(advertise_flag)
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
            listen = self._urls(listen_flag)
        for url in listen:
            if not url.is_bindable:
                raise failed_verification(f"expected IP in URL for binding ({url})")
        return listen, advertise

    def _client_urls(self, scheme: str) -> tuple[tuple[Url, ...], tuple[Url, ...]]:
        listens = "listen-client-urls" in self.values
        if listens and not {"advertise-client-urls", "addr"} & self.values.keys():
            raise failed_verification(
                "--advertise-client-urls is required when --listen-client-urls is set explicitly"
            )
        names = ("listen-client-urls", "advertise-client-urls", "bind-addr", "addr")
        return self._pair(names, scheme)

    def _peer_urls(self) -> tuple[tuple[Url, ...], tuple[Url, ...]]:
        names = ("listen-peer-urls", "initial-advertise-peer-urls", "peer-bind-addr", "peer-addr")
        listen, advertise = self._pair(names, "http")
        for url in (*listen, *advertise):
            if url.scheme != "http":
                raise failed_verification(
                    f"TLS between members ({url}) is not supported by this version yet: use http"
                )
        return listen, advertise

    def _cluster(self, name: str, advertise: tuple[Url, ...]) -> Cluster:
        own = tuple(sorted({str(url) for url in advertise}))
        cluster = self._optional("initial-cluster", tuple)
        if not cluster:
            return ((name, own),)
        members: dict[str, tuple[str, ...]] = dict(cluster)
        if name not in members:
            raise failed_verification(
                f'couldn\'t find local name "{name}" in the initial cluster configuration'
            )
        if len(members) > 1:
            raise failed_verification(
                f"clusters of more than one member (--initial-cluster lists {len(members)}) "
                "are not supported by this version yet"
            )
        if members[name] != own:
            pairs = ",".join(f"{name}={url}" for url in own)
            raise failed_verification(
                f"--initial-cluster must include {pairs} given --initial-advertise-peer-urls={','.join(own)}"
            )
        return cluster

    def _hosts(self) -> tuple[str, ...] | None:
        if "host-whitelist" in self.values:
            hosts = self._get("host-whitelist", tuple)
            return () if "*" in hosts else hosts
        return () if self._get("compat", str) == "upstream" else None

    def _tls(self) -> TlsFiles | None:
        cert, key = self._get("cert-file", str), self._get("key-file", str)
        if bool(cert) != bool(key):
            raise failed_verification(f"KeyFile and CertFile must both be present[key: {key}, cert: {cert}]")
        old, trusted = self._get("ca-file", str), self._get("trusted-ca-file", str)
        requires = self._get("client-cert-auth", bool) or bool(old)
        if not cert:
            if old or trusted or requires:
                raise failed_verification("client certificates need TLS: give --cert-file and --key-file")
            return None
        if old:
            self.warnings.append("--ca-file is deprecated: use --trusted-ca-file and --client-cert-auth")
        if trusted and not requires:
            self.warnings.append("--trusted-ca-file has no effect without --client-cert-auth")
        return TlsFiles(cert, key, trusted or old or None, requires)

    def _check_schemes(self, listen: tuple[Url, ...], tls: TlsFiles | None) -> None:
        for url in listen:
            if url.scheme == "https" and tls is None:
                raise failed_verification(f"cannot serve {url}: give --cert-file and --key-file")
            if url.scheme == "http" and tls is not None:
                self.warnings.append(f"{url} is served without TLS although --cert-file is given")

"""Parts of the settings that stand for themselves: TLS files, how a member begins, the proxy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from coreos_py.etcd.command_line import failed_verification
from coreos_py.etcd.flags import FLAGS
from coreos_py.etcd.urls import Cluster, Url, parse_urls
from coreos_py.etcd.values import describe

T = TypeVar("T")

# Each says by itself who the first members are.
_SOURCES = ("initial-cluster", "discovery", "discovery-srv", "peers", "peers-file")
_ETCDS_SOURCES = _SOURCES[:3]
_BOOTSTRAP_FLAGS = (*_SOURCES, "initial-cluster-state")


class Values:
    """The given values by flag name, read with their types and defaults."""

    def __init__(self, values: Mapping[str, object], warnings: list[str]) -> None:
        self.given = values
        self.warnings = warnings

    def optional(self, name: str, kind: type[T]) -> T | None:
        """The value, None if it was not given."""
        value = self.given.get(name)
        assert value is None or isinstance(value, kind), f"{name} is parsed as {kind.__name__}"
        return value

    def get(self, name: str, kind: type[T]) -> T:
        """The value or its default."""
        value = self.given[name] if name in self.given else FLAGS[name].kind.parse(FLAGS[name].default)
        assert isinstance(value, kind), f"{name} is parsed as {kind.__name__}"
        return value

    def urls(self, name: str) -> tuple[Url, ...]:
        """The same for URLs, whose empty list is the default as well."""
        return self.optional(name, tuple) or parse_urls(FLAGS[name].default)

    def one_of(self, new: str, old: str) -> None:
        """Refuse both together."""
        if new in self.given and old in self.given:
            raise failed_verification(f"Set only one of flags -{new} and -{old}")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of https URLs. `ca_file` None: the system's authorities. `allowed_cn`: the common name that
    clients must have, empty for any.
    """

    cert_file: str
    key_file: str
    ca_file: str | None
    requires_client_cert: bool
    allowed_cn: str = ""


def read_tls(values: Values, prefix: str = "") -> TlsFiles | None:
    """The files of the client URLs, or with `peer-` of the peer URLs."""
    cert, key = values.get(f"{prefix}cert-file", str), values.get(f"{prefix}key-file", str)
    if bool(cert) != bool(key):
        raise failed_verification(f"KeyFile and CertFile must both be present[key: {key}, cert: {cert}]")
    old, trusted = values.get(f"{prefix}ca-file", str), values.get(f"{prefix}trusted-ca-file", str)
    requires = values.get(f"{prefix}client-cert-auth", bool) or bool(old)
    allowed_cn = values.get("peer-cert-allowed-cn", str) if prefix else ""
    # Whoever asks members or a discovery service has use for authorities alone.
    asks_others = values.get("proxy", str) != "off" or bool(values.get("discovery", str))
    if not cert:
        if old or requires or allowed_cn or (trusted and not asks_others):
            whose = "client certificates need" if not prefix else "certificates of peers need"
            raise failed_verification(f"{whose} TLS: give --{prefix}cert-file and --{prefix}key-file")
        return None
    if old:
        values.warnings.append(
            f"--{prefix}ca-file is deprecated: use --{prefix}trusted-ca-file and --{prefix}client-cert-auth"
        )
    # A peer is a client of the others as well, and judges their certificates by these authorities.
    if trusted and not requires and not prefix and not asks_others:
        values.warnings.append("--trusted-ca-file has no effect without --client-cert-auth")
    if prefix and requires and not (trusted or old):
        raise failed_verification("--peer-client-cert-auth needs --peer-trusted-ca-file")
    if allowed_cn and not requires:
        raise failed_verification("--peer-cert-allowed-cn needs --peer-client-cert-auth")
    return TlsFiles(cert, key, trusted or old or None, requires, allowed_cn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How a member without data begins.

    `initial_cluster` None: it alone. `token` None: the default; an existing directory's own is taken.
    `given` are the flags among these that were given, as people type them: a member with data ignores them.
    """

    initial_cluster: Cluster | None
    state: str
    token: str | None
    discovery: str
    discovery_proxy: str
    falls_back_to_proxy: bool
    discovery_srv: str
    discovery_srv_name: str
    peers: tuple[str, ...]
    peers_file: str
    advertises_to_clients: bool
    given: tuple[str, ...]


def read_beginning(values: Values) -> Beginning:
    """From the flags; who the members are is said by at most one of them."""
    chosen = [name for name in _SOURCES if values.given.get(name)]
    if sum(name in _ETCDS_SOURCES for name in chosen) > 1:
        raise failed_verification(
            "multiple discovery or bootstrap flags are set. "
            'Choose one of "initial-cluster", "discovery" or "discovery-srv"'
        )
    if len(chosen) > 1:
        raise failed_verification(f"Set only one of flags -{chosen[0]} and -{chosen[1]}")
    names = [name for name in _BOOTSTRAP_FLAGS if _says_something(values, name)]
    return Beginning(
        initial_cluster=values.optional("initial-cluster", tuple) or None,
        state=values.get("initial-cluster-state", str),
        token=values.optional("initial-cluster-token", str),
        discovery=values.get("discovery", str),
        discovery_proxy=values.get("discovery-proxy", str),
        falls_back_to_proxy=values.get("discovery-fallback", str) == "proxy",
        discovery_srv=values.get("discovery-srv", str),
        discovery_srv_name=values.get("discovery-srv-name", str),
        peers=values.optional("peers", tuple) or (),
        peers_file=values.get("peers-file", str),
        advertises_to_clients=bool(
            "listen-client-urls" not in values.given
            or {"advertise-client-urls", "addr"} & values.given.keys()
        ),
        given=tuple(f"--{name}" for name in names),
    )


def _says_something(values: Values, name: str) -> bool:
    value = values.given.get(name)
    return bool(value) and describe(value) != FLAGS[name].default


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySettings:
    """`mode` off, on or readonly; times in milliseconds, 0 for no limit where one may be missing."""

    mode: str
    failure_wait_ms: int
    refresh_ms: int
    dial_ms: int
    write_ms: int
    read_ms: int
    ca_file: str
    peer_ca_file: str

    @property
    def is_off(self) -> bool:
        """Whether it is a member that is wanted."""
        return self.mode == "off"


def read_proxy(values: Values) -> ProxySettings:
    """From the flags."""
    return ProxySettings(
        mode=values.get("proxy", str),
        failure_wait_ms=values.get("proxy-failure-wait", int),
        refresh_ms=values.get("proxy-refresh-interval", int),
        dial_ms=values.get("proxy-dial-timeout", int),
        write_ms=values.get("proxy-write-timeout", int),
        read_ms=values.get("proxy-read-timeout", int),
        ca_file=values.get("trusted-ca-file", str),
        peer_ca_file=values.get("peer-trusted-ca-file", str),
    )

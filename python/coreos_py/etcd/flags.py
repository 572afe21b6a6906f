"""The one table of the daemon's flags: parsing, environment, help and warnings are all made from it."""

from dataclasses import dataclass
from enum import Enum, auto

from coreos_py.etcd.urls import parse_address, parse_bind_address, parse_cluster, parse_peers, parse_urls
from coreos_py.etcd.values import DURATION, SWITCH, TEXT, UINT, WORDS, Kind, choice, uint

URLS = Kind(parse_urls)
CLUSTER = Kind(parse_cluster)
ADDRESS = Kind(parse_address)
BIND_ADDRESS = Kind(parse_bind_address)
PEERS = Kind(parse_peers)

HEARTBEAT_MS_MAX = 10_000
ELECTION_MS_MAX = 50_000


class Fate(Enum):
    """What giving a flag comes to."""

    ACTS = auto()
    # Warned about: nothing here does what it set.
    IGNORED = auto()
    # Refused, unless the value asks for nothing (it is the default, or switched off).
    UNSUPPORTED = auto()


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `default` is shown in the help; `note` is why it is ignored or unsupported."""

    name: str
    kind: Kind
    default: str
    help: str
    group: str
    fate: Fate = Fate.ACTS
    note: str = ""
    hidden: bool = False
    in_environment: bool = True

    @property
    def env(self) -> str | None:
        """Its environment variable."""
        return "ETCD_" + self.name.upper().replace("-", "_") if self.in_environment else None

    @property
    def dashed(self) -> str:
        """As people type it."""
        return f"--{self.name}"


MEMBER, CLUSTERING, SECURITY, LIMITS = "Member", "Clustering", "Security", "Limits of the client port"
PROXY, LOGGING, COMPATIBILITY, TESTING = "Proxy", "Logging", "Compatibility", "Testing"
OLD, UNSUPPORTED = "Flags of etcd 0.4", "Not supported by this version yet"
IGNORED = "Accepted without effect"

# fmt: off
_ACTING = (
    Flag("name", TEXT, "default", "Name of this member.", MEMBER),
    Flag("data-dir", TEXT, "${name}.etcd", "Folder that holds everything the member must not lose.", MEMBER),
    Flag("listen-client-urls", URLS, "http://localhost:2379,http://localhost:4001",
         "URLs to serve clients on. The host is an IP address, localhost, or empty for every address.",
         MEMBER),
    Flag("advertise-client-urls", URLS, "http://localhost:2379,http://localhost:4001",
         "Client URLs told to the cluster. Needed when --listen-client-urls is given.", MEMBER),
    Flag("listen-peer-urls", URLS, "http://localhost:2380,http://localhost:7001",
         "URLs to serve other members on; /members and /version for tools as well.", MEMBER),
    Flag("snapshot-count", uint(1), "",
         "Snapshot after this many commands. Without it: when the log since the last one has outgrown it.",
         MEMBER),
    Flag("max-snapshots", uint(0, 2**32 - 1), "2", "Snapshot files to keep; etcd keeps 5 (0 keeps all).",
         MEMBER),
    Flag("heartbeat-interval", uint(1, HEARTBEAT_MS_MAX), "100", "Milliseconds between heartbeats.", MEMBER),
    Flag("election-timeout", uint(1), "1000",
         f"Milliseconds without a leader before an election; from 5 heartbeats to {ELECTION_MS_MAX}.",
         MEMBER),
    Flag("history-bytes", uint(0, 2**40), "16777216",
         "Memory for past events to watch from; 1000 are kept if they fit into 128 MiB.", MEMBER),
    Flag("initial-advertise-peer-urls", URLS, "http://localhost:2380,http://localhost:7001",
         "Peer URLs told to the cluster; the member's id is made from them.", CLUSTERING),
    Flag("initial-cluster", CLUSTER, "${name}=${initial-advertise-peer-urls}",
         "Members of a new cluster, or of the one to join, name=url,name=url; a name once for each URL.",
         CLUSTERING),
    Flag("initial-cluster-state", choice("new", "existing"), "new",
         "new, or existing to join a running cluster that this member has been added to.", CLUSTERING),
    Flag("initial-cluster-token", TEXT, "etcd-cluster", "Keeps clusters with equal URLs apart.", CLUSTERING),
    Flag("discovery", TEXT, "", "URL with the token of a new cluster: its members find each other there.",
         CLUSTERING),
    Flag("discovery-proxy", TEXT, "", "HTTP proxy on the way to --discovery, http://host:port.", CLUSTERING),
    Flag("discovery-fallback", choice("proxy", "exit"), "proxy",
         "When the cluster behind --discovery is complete without this member.", CLUSTERING),
    Flag("discovery-srv", TEXT, "", "DNS domain whose SRV records list the members of a new cluster.",
         CLUSTERING),
    Flag("discovery-srv-name", TEXT, "", "Suffix of the SRV service's name.", CLUSTERING),
    Flag("strict-reconfig-check", SWITCH, "true",
         "Refuse changes of members that would leave too few started ones for a majority.", CLUSTERING),
    Flag("force-new-cluster", SWITCH, "false",
         "Go on from the data directory as the only member, without the others. Never leave it on.",
         CLUSTERING),
    Flag("peer-cert-file", TEXT, "", "Certificate chain (PEM) of https peer URLs and to peers.", SECURITY),
    Flag("peer-key-file", TEXT, "", "Private key (PEM) of --peer-cert-file, without a password.", SECURITY),
    Flag("peer-trusted-ca-file", TEXT, "", "Authorities (PEM) that sign peers' certificates.", SECURITY),
    Flag("peer-client-cert-auth", SWITCH, "false", "Require certificates of peers.", SECURITY),
    Flag("peer-cert-allowed-cn", TEXT, "", "Common name (CN) of all peers' certificates.", SECURITY),
    Flag("peer-ca-file", TEXT, "", "Old form of the two above.", SECURITY),
    Flag("cert-file", TEXT, "", "Certificate chain (PEM) for https client URLs.", SECURITY),
    Flag("key-file", TEXT, "", "Private key (PEM) of --cert-file, without a password.", SECURITY),
    Flag("client-cert-auth", SWITCH, "false", "Require client certificates.", SECURITY),
    Flag("trusted-ca-file", TEXT, "", "Authorities (PEM) that sign client certificates.", SECURITY),
    Flag("ca-file", TEXT, "", "Old form of --trusted-ca-file with --client-cert-auth.", SECURITY),
    Flag("cors", WORDS, "", "Origins that browsers may call from, comma-separated, or *.", SECURITY),
    Flag("host-whitelist", WORDS, "",
         "Host names that requests may be addressed to, comma-separated, or * for any. Default: the"
         " member's own names while it listens on loopback addresses only, else any.", SECURITY),
    Flag("max-connections", uint(0, 2**24 - 1), "0", "Open client connections (0: by descriptors).", LIMITS),
    Flag("max-head-bytes", uint(256, 2**30), "1048576", "Request line and headers of one request.", LIMITS),
    Flag("max-body-bytes", uint(1, 48 << 20), "10485760", "Body of one request; 48 MiB at most.", LIMITS),
    Flag("max-key-bytes", uint(1, 2**20), "65536", "Length of one key.", LIMITS),
    Flag("idle-timeout", DURATION, "5m", "Close unused connections after this; watches are spared.", LIMITS),
    Flag("head-timeout", DURATION, "1m", "A request that has begun must have arrived by then.", LIMITS),
    Flag("request-timeout", DURATION, "5s + 2 election timeouts",
         "Answer a write that is not durable by then with error 300 (it may still be carried out).", LIMITS),
    Flag("proxy", choice("off", "on", "readonly"), "off",
         "on: forward everything to the members of a cluster; readonly: only GET.", PROXY),
    Flag("proxy-failure-wait", uint(1, 2**31), "5000", "Milliseconds without a member that failed.", PROXY),
    Flag("proxy-refresh-interval", uint(1, 2**31), "30000", "Milliseconds between member lists.", PROXY),
    Flag("proxy-dial-timeout", uint(0, 2**31), "1000", "Milliseconds to connect (0: no limit).", PROXY),
    Flag("proxy-write-timeout", uint(0, 2**31), "5000", "Milliseconds to send (0: no limit).", PROXY),
    Flag("proxy-read-timeout", uint(0, 2**31), "0",
         "Milliseconds that a member may be silent; watches need 0, no limit.", PROXY),
    Flag("debug", SWITCH, "false", "Log at level debug.", LOGGING),
    Flag("log-level", choice("debug", "info", "warn", "error", "panic", "fatal"), "info",
         "Least important level to log.", LOGGING),
    Flag("log-format", choice("text", "json"), "text", "Lines of key=value pairs or JSON objects.", LOGGING),
    Flag("compat", choice("none", "upstream"), "none",
         "upstream: answer with the known flaws of etcd 2.3, for comparison and old scripts.", COMPATIBILITY),
    Flag("enable-v2", SWITCH, "true", "The v2 API of etcd 3.4; here it is the only one.", COMPATIBILITY),
    Flag("addr", ADDRESS, "", "ip:port to advertise to clients, and by default to listen on.", OLD),
    Flag("bind-addr", BIND_ADDRESS, "", "ip:port, ip or :port to listen on for clients. Default: the port of"
         " -addr on every address, or exactly -addr if that is a loopback address.", OLD),
    Flag("peer-addr", ADDRESS, "", "ip:port to advertise to peers; the initial cluster follows it.", OLD),
    Flag("peer-bind-addr", BIND_ADDRESS, "", "ip:port, ip or :port to listen on for peers.", OLD),
    Flag("peers", PEERS, "", "host:port,host:port: join the cluster of these peers, or begin one if it is"
         " only this member's own.", OLD),
    Flag("peers-file", TEXT, "", "File with the value of -peers, on one line or several.", OLD),
    Flag("config", TEXT, "", "TOML file in the form of etcd 0.4; environment and flags win over it.", OLD),
    Flag("unsafe-no-fsync", SWITCH, "false",
         "Acknowledge writes before they are on the disk: a control for durability tests, never for data.",
         TESTING, hidden=True, in_environment=False),
    Flag("version", SWITCH, "false", "Show the version.", MEMBER, hidden=True, in_environment=False),
)

_UNSUPPORTED = (
    ("peer-auto-tls", SWITCH, "false", "Peer TLS with generated certificates.",
     "give --peer-cert-file and --peer-key-file"),
    ("peer-cert-allowed-hostname", TEXT, "", "Host name that peers must have.", "use --peer-cert-allowed-cn"),
    ("peer-crl-file", TEXT, "", "Revoked certificates of peers.", "revocation lists are not read"),
    ("wal-dir", TEXT, "", "Separate folder for the log.", "the log lives inside --data-dir"),
    ("auto-tls", SWITCH, "false", "Generated client certificates.", "give --cert-file and --key-file"),
    ("client-crl-file", TEXT, "", "Revoked client certificates.", "revocation lists are not read"),
    ("client-cert-allowed-hostname", TEXT, "", "Host name in client certificates.", "names are not checked"),
    ("cipher-suites", TEXT, "", "TLS cipher suites.", "those of the system's OpenSSL are used"),
    ("listen-metrics-urls", TEXT, "", "Extra URLs for /metrics and /health.", "the client URLs serve both"),
    ("config-file", TEXT, "", "YAML file in the form of etcd 3.", "use flags, the environment or -config"),
    ("experimental-enable-v2v3", TEXT, "", "v2 requests on the v3 store.", "there is no v3 store"),
)

_NO_V3 = "there is no v3 API here"
_IGNORED = (
    ("max-wals", UINT, "5", "log segments go when two snapshots cover them"),
    ("pre-vote", SWITCH, "true", "elections are always preceded by a vote that disturbs nobody"),
    ("initial-election-tick-advance", SWITCH, "true", "members of a new cluster hurry anyway"),
    ("log-package-levels", TEXT, "", "use --log-level"),
    ("logger", TEXT, "", "use --log-format"),
    ("log-output", TEXT, "", "logs go to stderr"),
    ("log-outputs", TEXT, "", "logs go to stderr"),
    ("enable-pprof", SWITCH, "false", "there is no Go profiler here"),
    ("metrics", choice("basic", "extensive"), "basic", "everything is always exported"),
    ("quota-backend-bytes", TEXT, "0", _NO_V3),
    ("backend-batch-interval", TEXT, "", _NO_V3),
    ("backend-batch-limit", TEXT, "0", _NO_V3),
    ("max-txn-ops", UINT, "128", _NO_V3),
    ("max-request-bytes", UINT, "1572864", "use --max-body-bytes"),
    ("max-concurrent-streams", UINT, "4294967295", _NO_V3),
    ("grpc-keepalive-min-time", TEXT, "5s", _NO_V3),
    ("grpc-keepalive-interval", TEXT, "2h", _NO_V3),
    ("grpc-keepalive-timeout", TEXT, "20s", _NO_V3),
    ("auto-compaction-retention", TEXT, "0", _NO_V3),
    ("auto-compaction-mode", TEXT, "periodic", _NO_V3),
    ("auth-token", TEXT, "simple", _NO_V3),
    ("auth-token-ttl", UINT, "300", _NO_V3),
    ("bcrypt-cost", UINT, "10", _NO_V3),
    ("experimental-initial-corrupt-check", SWITCH, "false", "the log is always checked at the start"),
    ("experimental-corrupt-check-time", TEXT, "0s", "members compare their states without being asked"),
    ("experimental-backend-bbolt-freelist-type", TEXT, "array", _NO_V3),
    ("experimental-enable-lease-checkpoint", SWITCH, "false", _NO_V3),
    ("experimental-compaction-batch-limit", TEXT, "1000", _NO_V3),
    ("experimental-peer-skip-client-san-verification", SWITCH, "false",
     "peers are known by --peer-cert-allowed-cn"),
    ("experimental-watch-progress-notify-interval", TEXT, "10m", _NO_V3),
    ("experimental-warning-apply-duration", TEXT, "100ms", "slow applies show in /metrics"),
)

# Of etcd 0.4, without a counterpart since 2.0; the warning is etcd 2's own.
_OLD_IGNORED = (
    *((name, SWITCH) for name in ("v", "vv", "vvv", "f", "force", "snapshot")),
    *((name, TEXT) for name in (
        "max-result-buffer", "max-retry-attempts", "retry-interval", "peer-heartbeat-interval",
        "peer-election-timeout", "cluster-active-size", "cluster-remove-delay", "cluster-sync-interval",
        "max-cluster-size", "http-read-timeout", "http-write-timeout", "trace", "cpuprofile", "graphite-host",
    )),
)

# One-letter forms that 0.4 already called deprecated.
ALIASES = {
    "c": "addr", "s": "peer-addr", "d": "data-dir", "n": "name", "C": "peers", "CF": "peers-file",
    "cl": "bind-addr", "sl": "peer-bind-addr", "m": "max-result-buffer", "r": "max-retry-attempts",
}

FLAGS: dict[str, Flag] = {
    flag.name: flag
    for flag in (
        *_ACTING,
        *(Flag(name, kind, default, text, UNSUPPORTED, Fate.UNSUPPORTED, note)
          for name, kind, default, text, note in _UNSUPPORTED),
        *(Flag(name, kind, default, note, IGNORED, Fate.IGNORED, note)
          for name, kind, default, note in _IGNORED),
        *(Flag(name, kind, "", "no longer supported", OLD, Fate.IGNORED) for name, kind in _OLD_IGNORED),
    )
}

# fmt: on

BY_ENV: dict[str, Flag] = {flag.env: flag for flag in FLAGS.values() if flag.env is not None}

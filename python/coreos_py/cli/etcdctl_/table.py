"""The commands and flags of `etcdctl`, as data: parsing and help are made from it."""

from __future__ import annotations

from coreos_py.cli.etcdctl_.command import Command
from coreos_py.cli.etcdctl_.flags import Flag
from coreos_py.cli.etcdctl_.table_admin import AUTH, BACKUP, CLUSTER_HEALTH, IMPORT, MEMBER, ROLE, USER
from coreos_py.client.endpoints import DEFAULT_ENDPOINTS

HELP = Flag(("help", "h"), "show help", "switch")
GLOBAL_FLAGS = (
    Flag(("debug",), "output cURL commands which can be used to reproduce the request", "switch"),
    Flag(("no-sync",), "don't synchronize cluster information before sending request", "switch"),
    Flag(("output", "o"), "output response in the given format (simple, extended or json)", default="simple"),
    Flag(
        ("discovery-srv", "D"),
        "domain name to query for SRV records describing cluster endpoints",
        environment="ETCDCTL_DISCOVERY_SRV",
    ),
    Flag(("insecure-discovery",), "accept insecure SRV records describing cluster endpoints", "switch"),
    Flag(("peers", "C"), "older name of --endpoints", environment="ETCDCTL_PEERS"),
    Flag(("endpoint",), "older name of --endpoints", environment="ETCDCTL_ENDPOINT"),
    Flag(
        ("endpoints",),
        "a comma-delimited list of machine addresses in the cluster",
        default=DEFAULT_ENDPOINTS,
        environment="ETCDCTL_ENDPOINTS",
    ),
    Flag(
        ("cert-file",),
        "identify HTTPS client using this SSL certificate file",
        environment="ETCDCTL_CERT_FILE",
    ),
    Flag(("key-file",), "identify HTTPS client using this SSL key file", environment="ETCDCTL_KEY_FILE"),
    Flag(
        ("ca-file",),
        "verify certificates of HTTPS-enabled servers using this CA bundle",
        environment="ETCDCTL_CA_FILE",
    ),
    Flag(
        ("username", "u"),
        "provide username[:password] and prompt if password is not supplied",
        environment="ETCDCTL_USERNAME",
    ),
    Flag(("timeout",), "connection timeout per request; 0 for none", "duration", default="2s"),
    Flag(
        ("total-timeout",),
        "timeout for the command execution (except watch); 0 for none",
        "duration",
        default="5s",
    ),
    HELP,
)
VERSION = Flag(("version", "v"), "print the version", "switch")

_TTL = Flag(("ttl",), "key time-to-live in seconds", "integer", default="0")
_SORT = Flag(("sort",), "returns result in sorted order", "switch")
_QUORUM = Flag(("quorum", "q"), "require quorum for get request", "switch")
_DASH_NOTE = """\
When <value> begins with '-' and a letter, <value> is interpreted as a flag.
Insert '--' for workaround:

$ {name} -- <key> <value>
$ {name} <key> -- <value>

Without <value> it is read from standard input, unchanged."""

COMMANDS = (
    BACKUP,
    CLUSTER_HEALTH,
    Command(
        "mk",
        "<key> <value>",
        "make a new key with a given value",
        "write",
        (Flag(("in-order",), "create in-order key under directory <key>", "switch"), _TTL),
        _DASH_NOTE.format(name="mk"),
    ),
    Command("mkdir", "<key>", "make a new directory", "directory", (_TTL,)),
    Command(
        "rm",
        "<key>",
        "remove a key or a directory",
        "remove",
        (
            Flag(("dir",), "removes the key if it is an empty directory or a key-value pair", "switch"),
            Flag(("recursive", "r"), "removes the key and all child keys (if it is a directory)", "switch"),
            Flag(("with-value",), "previous value"),
            Flag(("with-index",), "previous index", "index", default="0"),
        ),
    ),
    Command("rmdir", "<key>", "removes the key if it is an empty directory or a key-value pair", "remove"),
    Command("get", "<key>", "retrieve the value of a key", "read", (_SORT, _QUORUM)),
    Command(
        "ls",
        "[key]",
        "retrieve a directory",
        "read",
        (
            _SORT,
            Flag(("recursive", "r"), "returns all key names recursively for the given path", "switch"),
            Flag(("p",), "append slash (/) to directories", "switch"),
            _QUORUM,
        ),
    ),
    Command(
        "set",
        "<key> <value>",
        "set the value of a key",
        "write",
        (
            _TTL,
            Flag(("swap-with-value",), "previous value"),
            Flag(("swap-with-index",), "previous index", "index", default="0"),
        ),
        _DASH_NOTE.format(name="set"),
    ),
    Command(
        "setdir",
        "<key>",
        "create a new directory or update an existing directory TTL",
        "directory",
        (_TTL,),
        "A key with a value is replaced by an empty directory.\n"
        "Without --ttl the directory has no TTL afterwards.",
    ),
    Command(
        "update",
        "<key> <value>",
        "update an existing key with a given value",
        "write",
        (_TTL,),
        _DASH_NOTE.format(name="update"),
    ),
    Command(
        "updatedir",
        "<key>",
        "update an existing directory",
        "directory",
        (_TTL,),
        "--ttl must be given; --ttl 0 removes the TTL.",
    ),
    Command(
        "watch",
        "<key>",
        "watch a key for changes",
        "watch",
        (
            Flag(("forever", "f"), "forever watch a key until CTRL+C", "switch"),
            Flag(("after-index",), "watch after the given index", "index", default="0"),
            Flag(("recursive", "r"), "returns all values for key and child keys", "switch"),
        ),
    ),
    Command(
        "exec-watch",
        "<key> [--] <command> [args...]",
        "watch a key for changes and exec an executable",
        "exec_watch",
        (
            Flag(("after-index",), "watch after the given index", "index", default="0"),
            Flag(("recursive", "r"), "watch all values for key and child keys", "switch"),
        ),
        "The command is run once for each change, one after the other, with ETCD_WATCH_ACTION,\n"
        "ETCD_WATCH_KEY, ETCD_WATCH_VALUE and ETCD_WATCH_MODIFIED_INDEX in its environment.",
        positionals_max=1,
    ),
    MEMBER,
    USER,
    ROLE,
    AUTH,
    IMPORT,
)


def find(name: str) -> Command | None:
    """The command of that name."""
    return next((command for command in COMMANDS if command.name == name), None)

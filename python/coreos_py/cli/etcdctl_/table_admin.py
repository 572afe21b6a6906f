"""The commands for members, users, roles, backup and import, as data."""

from __future__ import annotations

from coreos_py.cli.etcdctl_.command import Command
from coreos_py.cli.etcdctl_.flags import Flag

_ROLES = (Flag(("roles",), "role name; may be repeated, and may be a comma-separated list", "texts"),)
_PERMISSION = (
    Flag(("path",), "path granted or revoked; all that begins so if it ends in *"),
    Flag(("read",), "read-only permission", "switch"),
    Flag(("write",), "write-only permission", "switch"),
    Flag(("readwrite", "rw"), "permission to read and write", "switch"),
)
_PASSWORD_NOTE = "Without a password it is asked for, or read as a line of standard input."

BACKUP = Command(
    "backup",
    "",
    "backup an etcd directory",
    "backup",
    (
        Flag(("data-dir",), "path to the etcd data dir"),
        Flag(("wal-dir",), "not to be used: the log lives inside the data dir"),
        Flag(("backup-dir",), "path to the backup dir, which must not exist or be empty"),
        Flag(("backup-wal-dir",), "not to be used: the log lives inside the backup dir"),
    ),
    "Copies what the member needs, checks the copy, and changes nothing in --data-dir. The member may run.\n"
    "The copy is the same member: start `etcd --data-dir` on it in place of the original, never beside it.",
    is_local=True,
)

CLUSTER_HEALTH = Command(
    "cluster-health",
    "",
    "check the health of the etcd cluster",
    "cluster_health",
    (Flag(("forever", "f"), "forever check the health every 10 second until CTRL+C", "switch"),),
    "The last line says healthy (exit status 0), degraded or unavailable (exit status 5).",
)

MEMBER = Command(
    "member",
    "",
    "member add, remove and list subcommands",
    subcommands=(
        Command("list", "", "enumerate existing cluster members", "member"),
        Command("add", "<name> <peerURL>", "add a new member to the etcd cluster", "member"),
        Command("remove", "<memberID>", "remove an existing member from the etcd cluster", "member"),
        Command(
            "update",
            "<memberID> <peerURLs>",
            "update an existing member in the etcd cluster",
            "member",
            description="<peerURLs> is a comma-separated list.",
        ),
    ),
)

USER = Command(
    "user",
    "",
    "user add, grant and revoke subcommands",
    subcommands=(
        Command(
            "add",
            "<user>[:<password>]",
            "add a new user for the etcd cluster",
            "user",
            description=_PASSWORD_NOTE,
        ),
        Command("get", "<user>", "get details for a user", "user"),
        Command("list", "", "list all current users", "user"),
        Command("remove", "<user>", "remove a user for the etcd cluster", "user"),
        Command("grant", "<user>", "grant roles to an etcd user", "user", _ROLES),
        Command("revoke", "<user>", "revoke roles for an etcd user", "user", _ROLES),
        Command(
            "passwd",
            "<user>",
            "change password for a user",
            "user",
            description="The password is asked for, or read as a line of standard input.",
        ),
    ),
)

ROLE = Command(
    "role",
    "",
    "role add, grant and revoke subcommands",
    subcommands=(
        Command("add", "<role>", "add a new role for the etcd cluster", "role"),
        Command("get", "<role>", "get details for a role", "role"),
        Command("list", "", "list all roles", "role"),
        Command("remove", "<role>", "remove a role from the etcd cluster", "role"),
        Command("grant", "<role>", "grant path matches to an etcd role", "role", _PERMISSION),
        Command("revoke", "<role>", "revoke path matches for an etcd role", "role", _PERMISSION),
    ),
)

AUTH = Command(
    "auth",
    "",
    "overall auth controls",
    subcommands=(
        Command("enable", "", "enable auth access controls", "auth"),
        Command("disable", "", "disable auth access controls", "auth"),
    ),
)

IMPORT = Command(
    "import",
    "",
    "import a snapshot to a cluster",
    "import_snapshot",
    (
        Flag(("snap",), "path to the valid etcd 0.4.x snapshot file"),
        Flag(("hidden",), "hidden key spaces to import from the snapshot; may be repeated", "texts"),
        Flag(("c",), "number of concurrent clients to import the data", "integer", default="10"),
    ),
    "A remaining time to live below 300 s becomes 300 s.",
)

"""Command lines of the v3 API's `etcdctl`, told from mistakes: one line says what comes nearest here."""

from __future__ import annotations

from coreos_py.cli.etcdctl_.exits import error_line

COMMANDS = {
    "put": "set",
    "del": "rm",
    "txn": "set --swap-with-value",
    "completion": "coreos completion",
    "compaction": "",
    "lease": "set --ttl",
    "snapshot": "backup",
    "defrag": "",
    "endpoint": "cluster-health",
    "alarm": "",
    "elect": "",
    "lock": "mk",
    "move-leader": "",
    "make-mirror": "",
    "migrate": "",
    "check": "",
    "version": "--version",
    "auth status": "",
    "member promote": "",
    "role delete": "role remove",
    "role grant-permission": "role grant",
    "role revoke-permission": "role revoke",
    "user delete": "user remove",
    "user grant-role": "user grant",
    "user revoke-role": "user revoke",
}
"""Commands that only the v3 API has, each with what comes nearest to it here, of `etcdctl` unless it says."""

FLAGS = {
    "backup --with-v3": "backup",
    "get --prefix": "ls --recursive",
    "get --from-key": "ls --recursive",
    "get --keys-only": "ls",
    "get --order": "ls --sort",
    "get --sort-by": "ls --sort",
    "get --consistency": "get --quorum",
    "get --limit": "",
    "get --rev": "",
    "get --print-value-only": "get",
    "get --count-only": "",
    "watch --prefix": "watch --recursive",
    "watch --rev": "watch --after-index",
    "watch --prev-kv": "watch --output json",
    "watch --progress-notify": "",
    "watch --interactive": "",
    "watch -i": "",
    "member add --peer-urls": "member add NAME URL",
    "member add --learner": "",
    "member update --peer-urls": "member update ID URL",
    "user add --new-user-password": "user add NAME:PASSWORD",
    "user add --no-password": "",
    "user add --interactive": "user add NAME:PASSWORD",
    "--prefix": "ls --recursive",
    "--cacert": "--ca-file",
    "--cert": "--cert-file",
    "--key": "--key-file",
    "--user": "--username",
    "--password": "--username NAME:PASSWORD",
    "--write-out": "--output",
    "-w": "--output",
    "--dial-timeout": "--timeout",
    "--command-timeout": "--total-timeout",
    "--keepalive-time": "",
    "--keepalive-timeout": "",
    "--insecure-transport": "",
    "--insecure-skip-tls-verify": "",
    "-d": "--discovery-srv",
    "--discovery-srv-name": "",
    "--hex": "",
}
"""The same of its flags, behind the command that they belong to or alone."""

# A second key is the end of a range there.
_RANGES = {"get": "ls --recursive", "watch": "watch --recursive"}


def command_line(name: str) -> str:
    """What to print for a command of the v3 API (with its parent's name in front); empty for any other."""
    return _line(name, COMMANDS[name]) if name in COMMANDS else ""


def flag_line(command: str, name: str) -> str:
    """What to print for one of its flags (without dashes); empty for any other."""
    flag = f"{'-' if len(name) == 1 else '--'}{name}"
    for key in (f"{command} {flag}", flag):
        if key in FLAGS:
            return _line(key, FLAGS[key])
    return ""


def range_line(command: str) -> str:
    """What to print for a second word of a command; empty for those where it is not a range there."""
    return _line(f"{command} KEY KEY", _RANGES[command]) if command in _RANGES else ""


def _line(what: str, nearest: str) -> str:
    program = "" if nearest.startswith("coreos ") else "etcdctl "
    hint = f'; "{program}{nearest}" comes nearest' if nearest else ""
    return error_line(f'"{what}" belongs to the v3 API, and this is the etcdctl of the v2 API{hint}')

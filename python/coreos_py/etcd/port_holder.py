"""Who listens on a port, by /proc: so that "address already in use" says by whom."""

import os
import socket
import struct
from pathlib import Path

_LISTEN = "0A"
_PROC = Path("/proc")


def describe_holder(address: str, port: int, proc: Path = _PROC) -> str:
    """`pid 123 (etcd --name a)`, or why that cannot be said. `address` is numeric."""
    inodes = _listening_inodes(address, port, proc)
    if not inodes:
        return "a process that cannot be seen from here"
    links = {f"socket:[{inode}]" for inode in inodes}
    for folder in sorted(proc.glob("[0-9]*")):
        if _holds(folder, links):
            return f"pid {folder.name} ({_command(folder)})"
    return "a process of another user"


def _listening_inodes(address: str, port: int, proc: Path) -> set[str]:
    wildcards = {"0.0.0.0", "::", address}
    found = set()
    for table, decode in (("tcp", _ipv4), ("tcp6", _ipv6)):
        try:
            rows = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            host, _, port_hex = fields[1].partition(":")
            if fields[3] != _LISTEN or int(port_hex, 16) != port:
                continue
            # Whoever binds every address collides with a holder of any.
            if address in ("0.0.0.0", "::") or decode(host) in wildcards:
                found.add(fields[9])
    return found


def _ipv4(text: str) -> str:
    return socket.inet_ntop(socket.AF_INET, struct.pack("=I", int(text, 16)))


def _ipv6(text: str) -> str:
    words = (int(text[at : at + 8], 16) for at in range(0, 32, 8))
    return socket.inet_ntop(socket.AF_INET6, struct.pack("=4I", *words)).removeprefix("::ffff:")


def _holds(folder: Path, links: set[str]) -> bool:
    try:
        return any(_link(entry) in links for entry in (folder / "fd").iterdir())
    except OSError:
        # It has ended, or belongs to somebody else.
        return False


def _link(entry: Path) -> str:
    try:
        return os.readlink(entry)
    except OSError:
        return ""


def _command(folder: Path) -> str:
    try:
        words = (folder / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return "command unknown"
    text = " ".join(word.decode("utf-8", "replace") for word in words)
    return text if len(text) <= 200 else text[:200] + "…"

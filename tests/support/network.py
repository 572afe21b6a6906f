"""Network namespaces for the members of a cluster, whose links can be cut in one direction.

The namespaces are joined by a bridge in one more. This process reaches all of them through an interface of
its own; nothing else of the machine's network is touched, and all of it goes with the namespaces.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

#: A range for private use; each network has a third number of its own.
_NETWORK = "10.213"
_NUMBERS = range(1, 251)
_TIMEOUT_S = 20


def missing() -> str | None:
    """Why there can be no namespaces here."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for command, package in (("ip", "iproute2"), ("iptables", "iptables"), ("nsenter", "util-linux")):
        if shutil.which(command) is None:
            return f"{command} is not installed ({package})"
    tried = subprocess.run(
        ["unshare", "--net", "true"], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
    )
    return None if tried.returncode == 0 else f"no network namespaces: {tried.stderr.strip()}"


class Network:
    """`hosts` by name, each with an address of its own. Used as a context."""

    def __init__(self, hosts: Sequence[str]) -> None:
        self._hosts = tuple(hosts)
        self._prefix = ""
        self._addresses: dict[str, str] = {}
        self._cuts: set[tuple[str, str]] = set()

    def __enter__(self) -> Network:
        number = _claimed()
        self._prefix = _prefix(number)
        self._addresses = {host: f"{_NETWORK}.{number}.{place}" for place, host in enumerate(self._hosts, 1)}
        try:
            self._make(f"{_NETWORK}.{number}.254/24")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def address(self, host: str) -> str:
        """Its IPv4 address."""
        return self._addresses[host]

    def prefix(self, host: str) -> list[str]:
        """What goes before a command that is to run there; the process keeps its id.

        `ip netns exec` would give it a copy of all mounts too, which keeps others from unmounting theirs.
        """
        return ["nsenter", f"--net=/run/netns/{self._name(host)}"]

    def cut(self, source: str, target: str) -> None:
        """From now on nothing that `source` sends reaches `target`; the other way is open."""
        if (source, target) not in self._cuts:
            self._drop("-A", source, target)
            self._cuts.add((source, target))

    def isolate(self, host: str) -> None:
        """Cut it off from the other hosts, both ways. This process still reaches it."""
        for other in self._addresses:
            if other != host:
                self.cut(host, other)
                self.cut(other, host)

    def mend(self) -> None:
        """Let everything through."""
        while self._cuts:
            self._drop("-D", *self._cuts.pop())

    def _drop(self, action: str, source: str, target: str) -> None:
        # Where it arrives: dropped where it leaves, the sender would be told.
        rule = ["INPUT", "-s", self.address(source), "-j", "DROP"]
        _run(*self.prefix(target), "iptables", "-w", action, *rule)

    def _name(self, host: str) -> str:
        return f"{self._prefix}-{host}"

    def _make(self, own: str) -> None:
        hub = self._name("hub")
        _run("ip", "-n", hub, "link", "add", "bridge", "type", "bridge")
        _run("ip", "-n", hub, "link", "set", "bridge", "up")
        for host, address in self._addresses.items():
            name = self._name(host)
            _run("ip", "netns", "add", name)
            self._plug(host, "eth0", ["netns", name])
            _run("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0")
            _run("ip", "-n", name, "link", "set", "eth0", "up")
            _run("ip", "-n", name, "link", "set", "lo", "up")
        self._plug("own", self._prefix, [])
        _run("ip", "addr", "add", own, "dev", self._prefix)
        _run("ip", "link", "set", self._prefix, "up")

    def _plug(self, port: str, interface: str, where: list[str]) -> None:
        hub = self._name("hub")
        peer = ["peer", "name", port, "netns", hub]
        _run("ip", "link", "add", "name", interface, *where, "type", "veth", *peer)
        _run("ip", "-n", hub, "link", "set", port, "master", "bridge", "up")

    def _remove(self) -> None:
        # This process's end goes at once; with a namespace it would some time after. The claim goes last.
        names = [self._name(host) for host in (*self._hosts, "hub")]
        for words in (["link", "del", self._prefix], *(["netns", "del", name] for name in names)):
            subprocess.run(["ip", *words], capture_output=True, check=False, timeout=_TIMEOUT_S)


def _prefix(number: int) -> str:
    return f"coreos{number}"


def _claimed() -> int:
    """A number that nobody has, whoever else is testing: the name of the bridge's namespace is the claim."""
    for number in _NUMBERS:
        words = ["ip", "netns", "add", f"{_prefix(number)}-hub"]
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
        if done.returncode == 0:
            return number
        assert "File exists" in done.stderr, f"{' '.join(words)}: {done.stderr}"
    raise AssertionError(f"all of {_NETWORK} is in use: see `ip netns`")


def _run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"

"""What browsers may do: the check of the Host header and CORS, by the rules of the member's front."""

from collections.abc import Sequence

from coreos_py.etcd.proxy.headers import Headers
from coreos_py.etcd.urls import is_ip

_METHODS = b"POST, GET, OPTIONS, PUT, DELETE"
_HEADERS = b"accept, content-type, authorization"


class Guard:
    """`hosts` empty: any. `takes_plain_hosts`: also those that DNS cannot rebind."""

    def __init__(self, hosts: Sequence[str], cors: Sequence[str], *, takes_plain_hosts: bool) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._takes_plain_hosts = takes_plain_hosts
        self._cors = frozenset(cors)

    def serves(self, host: bytes) -> bool:
        """Whether requests to this host, as the header has it, are served."""
        if not self._hosts or "*" in self._hosts:
            return True
        name = _without_port(host.decode("latin-1").strip())
        # A page can have its own name resolved to this machine, but not an address and not a bare name.
        return (self._takes_plain_hosts and (is_ip(name) or "." not in name)) or name.lower() in self._hosts

    def cors(self, origin: bytes) -> Headers:
        """Headers for a page of this origin, none when it may not read replies."""
        if "*" in self._cors:
            allowed = b"*"
        elif origin and origin.decode("latin-1") in self._cors:
            allowed = origin
        else:
            return []
        return [
            (b"Access-Control-Allow-Methods", _METHODS),
            (b"Access-Control-Allow-Origin", allowed),
            (b"Access-Control-Allow-Headers", _HEADERS),
        ]


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, colon, _ = host.rpartition(":")
    return name if colon else host

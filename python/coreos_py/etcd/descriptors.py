"""How many descriptors the process may open, and what they are for."""

import resource
from dataclasses import dataclass

from coreos_py.etcd.errors import StartError

# Log, snapshots, listeners, the interpreter, connections of peers: what is not a client's.
RESERVED = 300
# TLS connections that are no client's yet. More handshakes at once would only make each of them slower.
_HANDSHAKES_MAX = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be open at once. Together it is less than the process may open."""

    descriptors: int
    connections: int
    handshakes: int


def raise_limit() -> int:
    """Raise RLIMIT_NOFILE to the hard limit; the limit then. StartError when too little is left to serve."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    limit = 2**31 - 1 if hard == resource.RLIM_INFINITY else hard
    if limit <= RESERVED:
        raise StartError(
            f"the limit of open files is {limit}; more than {RESERVED} are needed (see ulimit -n)"
        )
    return limit


def share_out(descriptors: int, wanted: int, *, has_tls: bool) -> Limits:
    """Client connections as wanted (0: any number), within the descriptors; handshakes only with TLS."""
    possible = descriptors - RESERVED
    handshakes = max(1, min(_HANDSHAKES_MAX, possible // 8)) if has_tls else 0
    connections = max(1, possible - handshakes)
    return Limits(descriptors, min(wanted, connections) if wanted else connections, handshakes)

"""How many descriptors the process may open, and how many of them may be client connections."""

import resource

from coreos_py.etcd.errors import StartError

# Log, snapshots, listeners, the interpreter: what is not a client connection.
RESERVED = 150


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


def connection_limit(wanted: int, descriptor_limit: int) -> int:
    """The number of client connections to allow: as wanted (0: any number), within the descriptors."""
    possible = descriptor_limit - RESERVED
    return min(wanted, possible) if wanted else possible

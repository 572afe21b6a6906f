"""Client side of the etcd v2 API.

`Client` (Trio) and `BlockingClient` have the same operations, results and errors. Nothing is imported before
it is asked for: `etcdctl get` has to start in a few milliseconds, so a name of this package loads its own
module only.

| module | what it holds | does I/O |
|---|---|---|
| `errors` | what can go wrong, as types | no |
| `options` | time limits, TLS, credentials | no |
| `endpoints` | endpoint URLs: parsing, the order in which they are tried, what a member list means | no |
| `keys` | typed results (`Node`, `Event`, `Result`) and their decoding | no |
| `requests` | one function per request to the key space | no |
| `operation` | a request with the reading of its reply | no |
| `members`, `auth` | members, users and roles: requests, typed replies | no |
| `key_operations`, `member_operations`, `auth_operations`, `stats`, `server` | every operation, once | no |
| `_text`, `_json` | percent-encoding, forms, key clean-up; JSON read field by field | no |
| `_wire` | HTTP/1.1 as bytes in, bytes out | no |
| `failover` | how a request goes over the endpoints, and which failure may be tried again | no |
| `steps`, `watching`, `mirror` | what a watch does, as steps; a copy of a tree that follows it | no |
| `_methods`, `_blocking_keys`, `_blocking_groups`, `_async_groups` | from operations to named methods | no |
| `_http`, `_lookup`, `_tls`, `engine`, `blocking_watch`, `blocking` | the blocking client | yes |
| `snapshot_04` | a snapshot file of etcd 0.4 as items to write | no |
| `services` | the endpoints that a domain names (SRV records) | yes |
| `transfer`, `takeover` | taking keys over, with the time that they have left | yes |
| `_connection`, `_pool`, `trio_client`, `trio_watch` | the Trio client | yes |
| `recipes` | lock, lease, leader election on the Trio client | yes |
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coreos_py.client._tls import TlsFiles
    from coreos_py.client.auth import Role, User
    from coreos_py.client.blocking import BlockingClient
    from coreos_py.client.blocking_watch import BlockingWatch
    from coreos_py.client.endpoints import Endpoint
    from coreos_py.client.errors import (
        AccessDeniedError,
        CompareFailedError,
        ConfigurationError,
        DeadlineExceededError,
        DirNotEmptyError,
        EtcdError,
        EventsLostError,
        HistoryClearedError,
        IndexResetError,
        InvalidReplyError,
        KeyExistsError,
        KeyNotFoundError,
        LeadershipLostError,
        LeaseLostError,
        LockLostError,
        NotADirError,
        NotAFileError,
        OutcomeUnknownError,
        ServerError,
        TakenError,
        UnavailableError,
        WriteInDoubtError,
    )
    from coreos_py.client.keys import Event, Node, Result
    from coreos_py.client.members import Member
    from coreos_py.client.mirror import Mirror
    from coreos_py.client.options import Options
    from coreos_py.client.recipes.election import Leader, Observation, Term
    from coreos_py.client.recipes.lease import Lease
    from coreos_py.client.recipes.lock import Held
    from coreos_py.client.server import Version
    from coreos_py.client.stats import FollowerStats, LeaderStats, SelfStats, StoreStats
    from coreos_py.client.steps import Snapshot
    from coreos_py.client.trio_client import Client
    from coreos_py.client.trio_watch import Watch

__all__ = [
    "AccessDeniedError",
    "BlockingClient",
    "BlockingWatch",
    "Client",
    "CompareFailedError",
    "ConfigurationError",
    "DeadlineExceededError",
    "DirNotEmptyError",
    "Endpoint",
    "EtcdError",
    "Event",
    "EventsLostError",
    "FollowerStats",
    "Held",
    "HistoryClearedError",
    "IndexResetError",
    "InvalidReplyError",
    "KeyExistsError",
    "KeyNotFoundError",
    "Leader",
    "LeaderStats",
    "LeadershipLostError",
    "Lease",
    "LeaseLostError",
    "LockLostError",
    "Member",
    "Mirror",
    "Node",
    "NotADirError",
    "NotAFileError",
    "Observation",
    "Options",
    "OutcomeUnknownError",
    "Result",
    "Role",
    "SelfStats",
    "ServerError",
    "Snapshot",
    "StoreStats",
    "TakenError",
    "Term",
    "TlsFiles",
    "UnavailableError",
    "User",
    "Version",
    "Watch",
    "WriteInDoubtError",
]

# Which module has a name.
_NAMES = {
    "_tls": ("TlsFiles",),
    "auth": (
        "Role",
        "User",
    ),
    "blocking": ("BlockingClient",),
    "blocking_watch": ("BlockingWatch",),
    "endpoints": ("Endpoint",),
    "errors": (
        "AccessDeniedError",
        "CompareFailedError",
        "ConfigurationError",
        "DeadlineExceededError",
        "DirNotEmptyError",
        "EtcdError",
        "EventsLostError",
        "HistoryClearedError",
        "IndexResetError",
        "InvalidReplyError",
        "KeyExistsError",
        "KeyNotFoundError",
        "LeadershipLostError",
        "LeaseLostError",
        "LockLostError",
        "NotADirError",
        "NotAFileError",
        "OutcomeUnknownError",
        "ServerError",
        "TakenError",
        "UnavailableError",
        "WriteInDoubtError",
    ),
    "keys": (
        "Event",
        "Node",
        "Result",
    ),
    "members": ("Member",),
    "mirror": ("Mirror",),
    "options": ("Options",),
    "recipes.election": (
        "Leader",
        "Observation",
        "Term",
    ),
    "recipes.lease": ("Lease",),
    "recipes.lock": ("Held",),
    "server": ("Version",),
    "stats": (
        "FollowerStats",
        "LeaderStats",
        "SelfStats",
        "StoreStats",
    ),
    "trio_client": ("Client",),
    "trio_watch": ("Watch",),
    "steps": ("Snapshot",),
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load a public name when it is used for the first time."""
        import importlib

        for module, names in _NAMES.items():
            if name in names:
                found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""The whole border with Rust: one member (`Engine`) and its HTTP front (`Front`).

Nothing here blocks for long except `Engine.open`, `Engine.close`, what changes users, roles and members,
`hash_password` and `verify`/`repair`, which release the GIL. All socket I/O of plain connections happens
inside `Front.turn`, on the thread that calls it. That thread alone may use a `Front`: a call from another one
fails while a turn runs.
"""

from typing import Any, Self, final

__all__ = [
    "AUTH_DOCUMENTS_MAX",
    "AUTH_DOCUMENT_BYTES_MAX",
    "AUTH_LIST_MAX",
    "Engine",
    "EngineError",
    "Front",
    "Request",
    "__version__",
    "hash_password",
    "repair",
    "verify",
]
AUTH_DOCUMENTS_MAX: int
AUTH_DOCUMENT_BYTES_MAX: int
AUTH_LIST_MAX: int
__version__: str

class EngineError(Exception):
    """A member that cannot start or had to stop, or a change that it has not made.

    `args[0]` is one sentence for people; `kind` is one of ``"locked"``, ``"foreign"``, ``"mismatch"``,
    ``"damaged"``, ``"newer"``, ``"io"``, ``"config"``, ``"poisoned"``; of a change ``"refused"`` (it was not
    and will not be made) or ``"timeout"`` (it may still be).
    """

    kind: str

@final
class Engine:
    """One member: log, raft, store and the threads that join them."""

    @staticmethod
    def open(
        data_dir: str,
        *,
        name: str,
        initial_cluster: list[tuple[str, list[str]]],
        token: str | None,
        peer_urls: list[str],
        client_urls: list[str],
        joining: tuple[int, int] | None = None,
        force_new_cluster: bool = False,
        heartbeat_ms: int = 100,
        election_ms: int = 1000,
        snapshot_count: int | None = None,
        max_snapshots: int = 2,
        history_bytes: int = 16777216,
        upstream: bool = False,
        fsync: bool = True,
    ) -> Engine:
        """Lock DATA_DIR, recover or create it; the only voter becomes leader and publishes. Others do so once
        they can talk to each other (`serve_peers`).

        `token` None means the default token and no check against the directory's own. A new directory is that
        of a member of `initial_cluster`, or of the member with the id and the cluster id of `joining`.
        `force_new_cluster` makes a cluster of one from an existing directory.
        """
    def status(self) -> dict[str, Any]:
        """`member_id`, `cluster_id`, `leader_id`, `term`, `raft_index`, `applied`, `commit`, `etcd_index`,
        `state` ("StateLeader", ...), `name`, `start_time_ns`, `leader_since_ns` (0 without a leader),
        `is_removed` (from the cluster), `is_current` (it has caught up since its start), `read_only` (None
        or why), `poisoned` (None or why), `oldest_proposal_ms` (how long the oldest write that is not
        durable yet has been waiting, 0 without any), `cluster_version`, `wal_segments`, `keys`,
        `watchers`."""
    def members(self) -> list[dict[str, Any]]:
        """`id` (int), `name`, `peer_urls`, `client_urls`, `is_learner`, sorted by id."""
    def removed_members(self) -> list[int]:
        """Ids that have left for ever, sorted."""
    def update_member(self, id: int, peer_urls: list[str], *, timeout_ms: int) -> int:
        """New peer URLs. This and the changes below wait until they are durable and applied: 0, or the number
        of the store's error (100 not found, 101 not as expected, 105 exists, 107 not allowed, 209 over a
        limit), or 300: the log had taken it and gave it back, so it was not made. Blocks."""
    def add_member(self, peer_urls: list[str], *, timeout_ms: int) -> tuple[int, int]:
        """A member that learns until it has caught up, then votes: its id, and 0 or an error (101 the id, 105
        a URL exists)."""
    def remove_member(self, id: int, *, timeout_ms: int) -> int:
        """0 or an error: 100 there is none, 107 removed before, 108 it is the last that votes."""
    def serve_peers(
        self,
        sockets: list[tuple[int, bool]],
        *,
        known: list[tuple[int, list[str]]],
        tls: tuple[str, str, str | None, bool, str | None] | None,
        server_version: str,
        cluster_version: str,
        program_version: str | None,
    ) -> None:
        """Serve the peer port on these listening sockets, each with whether it speaks TLS, and talk to the
        other members from now on. Once; the sockets may be closed afterwards. `known`: ids and peer URLs
        of members, for one that joins and has not heard of any. `tls`: files of certificate, key and
        authority, whether callers have to show a certificate of that authority, and the common name that
        it must have. The versions are what `GET /version` says. EngineError with kind ``"config"`` for
        certificates that cannot be used."""
    def hand_over(self) -> None:
        """Give leadership to another member, if this one leads and there is one to take it. Blocks, for an
        election timeout at most."""
    def statistics(self) -> dict[str, Any]:
        """Traffic between members: `sent`, `received` (appends, appends a second, bytes a second);
        `followers` by id, since this member leads: `success`, `fail`, `latency_ms` (current, average,
        standard deviation, minimum (infinite without any), maximum)."""
    def auth(self) -> dict[str, Any]:
        """`enabled`; `users`: by name (roles or None, modified_index); `roles`: by name (read or None, write
        or None, modified_index), without `root`. Both sorted by name. It may be long: for a worker thread.
        The three below are the same with what is asked for alone."""
    def auth_of_user(self, name: str) -> dict[str, Any]:
        """This user, if there is such a one, and those roles of its list that there are."""
    def auth_of_role(self, name: str) -> dict[str, Any]:
        """This role, if there is such a one."""
    def auth_switch(self) -> dict[str, Any]:
        """No users and no roles."""
    def switch_auth(self, on: bool, *, timeout_ms: int) -> int:
        """Judge requests or not: 101 if it is so already, 100 without a user root."""
    def put_user(
        self,
        name: str,
        password_hash: str | None,
        roles: list[str] | None,
        *,
        expected_index: int | None,
        timeout_ms: int,
    ) -> int:
        """A new user, or with `expected_index` (its `modified_index`) another one; hash None keeps it."""
    def delete_user(self, name: str, *, timeout_ms: int) -> int:
        """107 for root while requests are judged."""
    def put_role(
        self,
        name: str,
        read: list[str] | None,
        write: list[str] | None,
        *,
        expected_index: int | None,
        timeout_ms: int,
    ) -> int:
        """A new role, or with `expected_index` another one."""
    def delete_role(self, name: str, *, timeout_ms: int) -> int:
        """107 for root."""
    def store_stats(self) -> dict[str, int]:
        """The sixteen counters of /v2/stats/store by their JSON names, in order."""
    def metrics(self) -> dict[str, Any]:
        """Values by metric name without the prefix ``etcd_``: counters end in ``_total``, gauges are plain
        numbers, and histograms (``*_seconds``) are
        ``{"buckets": [(upper_bound_seconds, cumulative_count), ...], "sum": seconds, "count": n}``."""
    def recovery_notes(self) -> list[str]:
        """What recovery found and did, one line each, for the log."""
    def take_log_lines(self) -> list[str]:
        """What the member's threads had to say since the last call, one line each, for the log."""
    def close(self) -> None:
        """Stop accepting proposals, finish and sync what was proposed, release the lock."""

@final
class Request:
    """A request that needs a Python handler (everything that is not under /v2/keys).

    `headers` are without credentials. For what asks for it (/v2/auth, changes of /v2/members) `user` has
    shown to be this one, and `is_root` may do everything; everybody is root while requests are not judged.
    """

    token: int
    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    remote: str
    user: str | None
    is_root: bool

@final
class Front:
    """HTTP/1.1 connections over one epoll set, and the sans-I/O ones that TLS tasks feed."""

    def __new__(
        cls,
        engine: Engine,
        *,
        max_head_bytes: int = 1048576,
        max_body_bytes: int = 10485760,
        max_key_bytes: int = 65536,
        max_connections: int = 0,
        idle_timeout_ms: int = 300000,
        request_timeout_ms: int = 7000,
        head_timeout_ms: int = 60000,
        cors: list[str] = ...,
        hosts: list[str] = ...,
        plain_hosts: bool = False,
        upstream: bool = False,
    ) -> Self: ...
    def fileno(self) -> int:
        """The epoll descriptor: readable when `turn` has something to do."""
    def adopt(self, fd: int, remote: str) -> None:
        """Take ownership of an accepted, non-blocking stream socket."""
    def turn(self, max_events: int = 256) -> tuple[list[Request], list[int], int]:
        """One round: receive, parse, answer, propose, send. Never blocks.

        Returns requests for Python, ids of fed connections that have output, and the milliseconds after which
        `turn` wants to be called again even without an event (timeouts). Raises EngineError once the
        engine is poisoned.
        """
    def respond(self, token: int, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer a Request. Content-Length, Date and Connection are added; a body is not sent to HEAD."""
    def yield_to(self, fd: int) -> None:
        """End a turn when this descriptor is readable: its reader is a task of the same thread."""
    def open_fed(self, remote: str, certificate: str | None = None) -> int:
        """A connection whose bytes come and go through `feed` and `take_output` (TLS). `certificate`: the
        client's common name, if its certificate may stand for a user."""
    def feed(self, connection: int, data: bytes) -> None:
        """Bytes from the client; empty = the client finished sending. Follow with `turn`."""
    def takes_input(self, connection: int) -> bool:
        """Whether more may be fed; after a no, ask again when there is output."""
    def take_output(self, connection: int) -> tuple[bytes, bool]:
        """What to send now, and whether the connection is to be closed after it."""
    def close_fed(self, connection: int) -> None:
        """The transport is gone."""
    def drain(self) -> None:
        """Answer what is running, close each connection after its reply, end watches."""
    def connections(self) -> int:
        """Open connections, fed ones included."""
    def wants_accept(self) -> bool:
        """False while the connection limit is reached."""
    def counters(self) -> list[tuple[str, int]]:
        """Counts since start: `requests`, `rejected`, `accepted`, `refused`, `slow_watches`,
        `revoked_watches`, `password_checks`."""

def hash_password(password: bytes) -> str:
    """The bcrypt hash of a new password (cost 10). Blocks some 50 ms."""

def verify(data_dir: str) -> dict[str, Any]:
    """Read a data directory without changing it.

    `ok`, `cluster_id`, `member_id`, `segments`, `snapshots` (file, term, index, ok), `first_index`,
    `last_index`, `commit`, `problems` (list of sentences), `torn_tail_bytes`, `would_lose` (entries).
    """

def repair(data_dir: str) -> list[str]:
    """Cut the log at the first damage (the rest is kept beside it as `.broken`); returns what was done."""

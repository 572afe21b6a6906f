"""What an endpoint may look at: the request, the member, and a few facts of the process."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol


class Incoming(Protocol):
    """A request as the front hands it over; path and query are still percent-encoded.

    `is_root`: whoever sends it may do everything, where that matters (/v2/auth, changes of /v2/members).
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    is_root: bool


class Member(Protocol):
    """What the endpoints ask of the engine; the shapes are those of `coreos_py._core.Engine`."""

    def status(self) -> dict[str, Any]:
        """Ids, indexes, state."""

    def members(self) -> list[dict[str, Any]]:
        """All members, sorted by id."""

    def removed_members(self) -> list[int]:
        """Ids that have left for ever."""

    def add_member(self, peer_urls: list[str], *, timeout_ms: int) -> tuple[int, int]:
        """A new one: its id, and 0 or the number of an error."""

    def remove_member(self, id: int, *, timeout_ms: int) -> int:
        """One leaves for ever."""

    def statistics(self) -> dict[str, Any]:
        """Traffic between members."""

    def update_member(self, id: int, peer_urls: list[str], *, timeout_ms: int) -> int:
        """Other peer URLs."""

    def auth(self) -> dict[str, Any]:
        """Users, roles and the switch."""

    def auth_of_user(self, name: str) -> dict[str, Any]:
        """The same with one user and its roles alone."""

    def auth_of_role(self, name: str) -> dict[str, Any]:
        """The same with one role alone."""

    def auth_switch(self) -> dict[str, Any]:
        """The same without users and roles."""

    def switch_auth(self, on: bool, *, timeout_ms: int) -> int:
        """Turn authentication on or off: 0 or the number of an error, as with the changes below."""

    def put_user(
        self,
        name: str,
        password_hash: str | None,
        roles: list[str] | None,
        *,
        expected_index: int | None,
        timeout_ms: int,
    ) -> int:
        """Make a user, or change the one of this index."""

    def delete_user(self, name: str, *, timeout_ms: int) -> int:
        """Delete a user."""

    def put_role(
        self,
        name: str,
        read: list[str] | None,
        write: list[str] | None,
        *,
        expected_index: int | None,
        timeout_ms: int,
    ) -> int:
        """Make a role, or change the one of this index."""

    def delete_role(self, name: str, *, timeout_ms: int) -> int:
        """Delete a role."""

    def store_stats(self) -> dict[str, int]:
        """The sixteen counters, in order."""

    def metrics(self) -> dict[str, Any]:
        """Numbers and histograms by name."""


@dataclass(frozen=True, slots=True)
class Context:
    """Facts and ways to ask. `now_ns` is nanoseconds since 1970; `front_counters` are counts since start.

    The front may be asked on its own thread only, the member on any. `is_strict`: a removal that would leave
    too few members that have started is refused.
    """

    member: Member
    front_counters: Callable[[], Sequence[tuple[str, int]]]
    connections: Callable[[], int]
    now_ns: Callable[[], int]
    cmdline: tuple[str, ...]
    descriptor_limit: int
    request_timeout_ms: int
    upstream: bool
    is_strict: bool = True

    def for_a_worker(self) -> "Context":
        """The same for another thread: the front has been asked now."""
        counters, connections = self.front_counters(), self.connections()
        return replace(self, front_counters=lambda: counters, connections=lambda: connections)

    def cluster_id(self) -> str:
        """The cluster's id as headers and JSON show it."""
        return hex_id(self.member.status()["cluster_id"])


def hex_id(number: int) -> str:
    """An id in lower-case hex without leading zeros."""
    return f"{number:x}"


def header(request: Incoming, name: str) -> str:
    """The first value of a header, empty without it."""
    return next((value for key, value in request.headers if key.lower() == name.lower()), "")

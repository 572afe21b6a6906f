"""The client for plain synchronous code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from coreos_py.client._blocking_keys import Keys, Server
from coreos_py.client._http import Deadline
from coreos_py.client.engine import Engine
from coreos_py.client.options import Options

if TYPE_CHECKING:
    from coreos_py.client._blocking_groups import Auth, Members, Stats

__all__ = ["BlockingClient", "Options"]


class BlockingClient(Keys, Server, Engine):
    """One cluster, one request at a time. Raises `EtcdError`s. Close it, or use it in a `with`.

    It belongs to one thread. Operations have the names, parameters and results of `Client`, without `await`.
    """

    @property
    def members(self) -> Members:
        """The members of the cluster."""
        from coreos_py.client._blocking_groups import Members

        return Members(self)

    @property
    def stats(self) -> Stats:
        """Statistics of the member that answers."""
        from coreos_py.client._blocking_groups import Stats

        return Stats(self)

    @property
    def auth(self) -> Auth:
        """Users, roles, and whether they count."""
        from coreos_py.client._blocking_groups import Auth

        return Auth(self)

    def sync(self, *, leader_first: bool = False) -> None:
        """Replace the endpoints by what the members advertise; those that were given stay, behind them.

        With `leader_first` the leader is asked first from now on, which saves the others forwarding writes. A
        server that has no member list (0.4) or an unreadable one leaves the endpoints as they are.
        """
        super().sync()
        if leader_first:
            self._cluster.put_leader_first(self.members.leader().client_urls)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """All that is done in the `with`, watches included, has this long together: `DeadlineExceededError`.

        It takes the place of `total_timeout_s`, and never outlasts a `with` around it.
        """
        before, watch_before = self._limit, self._watch_limit
        self._limit = self._watch_limit = (before or Deadline(None)).sooner(seconds)
        try:
            yield
        finally:
            self._limit, self._watch_limit = before, watch_before

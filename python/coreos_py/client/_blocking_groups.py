"""The names of the blocking client. `_async_groups` has the same ones; a test compares them."""

from __future__ import annotations

from typing import TypeVar

from coreos_py.client import auth, members, stats
from coreos_py.client._methods import Blocking, Runs
from coreos_py.client.operation import Operation

T = TypeVar("T")


class _Group:
    def __init__(self, client: Runs) -> None:
        self._client = client

    def run(self, operation: Operation[T]) -> T:
        """Carry out one operation."""
        return self._client.run(operation)


class Members(_Group):
    """The members of the cluster."""

    list = Blocking(members.list_members)
    leader = Blocking(members.leader)
    add = Blocking(members.add)
    update = Blocking(members.update)
    remove = Blocking(members.remove)


class Stats(_Group):
    """Statistics of the member that answers."""

    self = Blocking(stats.own)
    store = Blocking(stats.store)
    leader = Blocking(stats.leader)


class Users(_Group):
    """Users."""

    list = Blocking(auth.list_users)
    get = Blocking(auth.get_user)
    create = Blocking(auth.create_user)
    set_password = Blocking(auth.set_password)
    grant = Blocking(auth.grant_roles)
    revoke = Blocking(auth.revoke_roles)
    delete = Blocking(auth.delete_user)


class Roles(_Group):
    """Roles."""

    list = Blocking(auth.list_roles)
    get = Blocking(auth.get_role)
    create = Blocking(auth.create_role)
    grant = Blocking(auth.grant_permissions)
    revoke = Blocking(auth.revoke_permissions)
    delete = Blocking(auth.delete_role)


class Auth(_Group):
    """Users, roles, and whether they count."""

    is_enabled = Blocking(auth.is_enabled)
    enable = Blocking(auth.enable)
    disable = Blocking(auth.disable)

    @property
    def users(self) -> Users:
        """Users."""
        return Users(self._client)

    @property
    def roles(self) -> Roles:
        """Roles."""
        return Roles(self._client)

"""The names of the blocking client. `_async_groups` has the same ones; a test compares them."""

from __future__ import annotations

from typing import TypeVar

from coreos_py.client import auth_operations, member_operations, stats
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

    list = Blocking(member_operations.list_members)
    leader = Blocking(member_operations.leader)
    add = Blocking(member_operations.add)
    update = Blocking(member_operations.update)
    remove = Blocking(member_operations.remove)


class Stats(_Group):
    """Statistics of the member that answers."""

    self = Blocking(stats.own)
    store = Blocking(stats.store)
    leader = Blocking(stats.leader)


class Users(_Group):
    """Users."""

    list = Blocking(auth_operations.list_users)
    get = Blocking(auth_operations.get_user)
    create = Blocking(auth_operations.create_user)
    set_password = Blocking(auth_operations.set_password)
    grant = Blocking(auth_operations.grant_roles)
    revoke = Blocking(auth_operations.revoke_roles)
    delete = Blocking(auth_operations.delete_user)


class Roles(_Group):
    """Roles."""

    list = Blocking(auth_operations.list_roles)
    get = Blocking(auth_operations.get_role)
    create = Blocking(auth_operations.create_role)
    grant = Blocking(auth_operations.grant_permissions)
    revoke = Blocking(auth_operations.revoke_permissions)
    delete = Blocking(auth_operations.delete_role)


class Auth(_Group):
    """Users, roles, and whether they count."""

    is_enabled = Blocking(auth_operations.is_enabled)
    enable = Blocking(auth_operations.enable)
    disable = Blocking(auth_operations.disable)

    @property
    def users(self) -> Users:
        """Users."""
        return Users(self._client)

    @property
    def roles(self) -> Roles:
        """Roles."""
        return Roles(self._client)

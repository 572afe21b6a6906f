"""The names of the Trio client. `_blocking_groups` has the same ones; a test compares them."""

from __future__ import annotations

from typing import TypeVar

from coreos_py.client import auth_operations, key_operations, member_operations, server, stats
from coreos_py.client._methods import Awaited, RunsAsync
from coreos_py.client.operation import Operation

T = TypeVar("T")


class _Group:
    def __init__(self, client: RunsAsync) -> None:
        self._client = client

    async def run(self, operation: Operation[T]) -> T:
        """Carry out one operation."""
        return await self._client.run(operation)


class Keys:
    """Reading and writing keys."""

    get = Awaited(key_operations.get)
    ls = Awaited(key_operations.ls)
    set = Awaited(key_operations.set_key)
    create = Awaited(key_operations.create)
    create_in_order = Awaited(key_operations.create_in_order)
    update = Awaited(key_operations.update)
    compare_and_swap = Awaited(key_operations.compare_and_swap)
    compare_and_delete = Awaited(key_operations.compare_and_delete)
    delete = Awaited(key_operations.delete)
    mkdir = Awaited(key_operations.mkdir)
    rmdir = Awaited(key_operations.rmdir)
    update_dir = Awaited(key_operations.update_dir)
    refresh = Awaited(key_operations.refresh)


class Server:
    """What one server tells about itself."""

    version = Awaited(server.version)
    health = Awaited(member_operations.health)


class Members(_Group):
    """The members of the cluster."""

    list = Awaited(member_operations.list_members)
    leader = Awaited(member_operations.leader)
    add = Awaited(member_operations.add)
    update = Awaited(member_operations.update)
    remove = Awaited(member_operations.remove)


class Stats(_Group):
    """Statistics of the member that answers."""

    self = Awaited(stats.own)
    store = Awaited(stats.store)
    leader = Awaited(stats.leader)


class Users(_Group):
    """Users."""

    list = Awaited(auth_operations.list_users)
    get = Awaited(auth_operations.get_user)
    create = Awaited(auth_operations.create_user)
    set_password = Awaited(auth_operations.set_password)
    grant = Awaited(auth_operations.grant_roles)
    revoke = Awaited(auth_operations.revoke_roles)
    delete = Awaited(auth_operations.delete_user)


class Roles(_Group):
    """Roles."""

    list = Awaited(auth_operations.list_roles)
    get = Awaited(auth_operations.get_role)
    create = Awaited(auth_operations.create_role)
    grant = Awaited(auth_operations.grant_permissions)
    revoke = Awaited(auth_operations.revoke_permissions)
    delete = Awaited(auth_operations.delete_role)


class Auth(_Group):
    """Users, roles, and whether they count."""

    is_enabled = Awaited(auth_operations.is_enabled)
    enable = Awaited(auth_operations.enable)
    disable = Awaited(auth_operations.disable)

    @property
    def users(self) -> Users:
        """Users."""
        return Users(self._client)

    @property
    def roles(self) -> Roles:
        """Roles."""
        return Roles(self._client)

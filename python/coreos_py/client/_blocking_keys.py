"""The names that a blocking client has itself. Apart from the groups, which `etcdctl get` does not load."""

from __future__ import annotations

from coreos_py.client import key_operations, member_operations, server
from coreos_py.client._methods import Blocking


class Keys:
    """Reading and writing keys."""

    get = Blocking(key_operations.get)
    ls = Blocking(key_operations.ls)
    set = Blocking(key_operations.set_key)
    create = Blocking(key_operations.create)
    create_in_order = Blocking(key_operations.create_in_order)
    update = Blocking(key_operations.update)
    compare_and_swap = Blocking(key_operations.compare_and_swap)
    compare_and_delete = Blocking(key_operations.compare_and_delete)
    delete = Blocking(key_operations.delete)
    mkdir = Blocking(key_operations.mkdir)
    rmdir = Blocking(key_operations.rmdir)
    update_dir = Blocking(key_operations.update_dir)
    refresh = Blocking(key_operations.refresh)


class Server:
    """What one server tells about itself."""

    version = Blocking(server.version)
    health = Blocking(member_operations.health)

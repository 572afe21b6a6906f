"""What both clients look like from outside: the same names, light to load, and silent about passwords."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys

import pytest

import coreos_py.client
from coreos_py.client import (
    BlockingClient,
    Client,
    ConfigurationError,
    DeadlineExceededError,
    EtcdError,
    Options,
    OutcomeUnknownError,
    UnavailableError,
    WriteInDoubtError,
)
from coreos_py.client import _async_groups as asynchronous
from coreos_py.client import _blocking_groups as blocking
from coreos_py.client import _blocking_keys as blocking_keys
from coreos_py.client._methods import Awaited, Blocking
from coreos_py.client.auth_operations import create_user, set_password
from coreos_py.client.errors import ConnectionLostError, server_error

NOWHERE = "http://127.0.0.1:1"
GROUPS = ["Keys", "Server", "Members", "Stats", "Users", "Roles", "Auth"]


def methods(group: type) -> dict[str, object]:
    """The operations of a group, each with the function that defines it."""
    return {
        name: found.build for name, found in vars(group).items() if isinstance(found, (Awaited, Blocking))
    }


@pytest.mark.parametrize("name", GROUPS)
def test_both_clients_have_the_same_operations(name: str) -> None:
    other = getattr(blocking_keys if name in ("Keys", "Server") else blocking, name)
    assert methods(getattr(asynchronous, name)) == methods(other)
    assert methods(other)


def public(client: type) -> set[str]:
    """The names that a user of a client sees."""
    return {name for name in dir(client) if not name.startswith("_")}


def test_what_only_one_of_them_has() -> None:
    only_trio = {"campaign", "lease", "lock", "observe", "open", "give_back", "run_hurried", "bears"}
    # A scope of Trio is the other one's `within`; groups are attributes of the Trio client's instances.
    only_blocking = {"auth", "members", "stats", "within", "limit", "close", "call", "send"}
    only_blocking |= {"send_on", "ask_only", "watch_limit"}
    assert public(Client) - public(BlockingClient) == only_trio
    assert public(BlockingClient) - public(Client) == only_blocking


@pytest.mark.parametrize("name", ["watch", "follow", "sync"])
def test_both_take_the_same_words(name: str) -> None:
    first, second = (inspect.signature(getattr(client, name)) for client in (Client, BlockingClient))
    assert first.parameters == second.parameters


def test_methods_explain_themselves() -> None:
    with BlockingClient("http://127.0.0.1:1") as etcd:
        assert list(inspect.signature(etcd.compare_and_swap).parameters)[:2] == ["key", "value"]
        assert "KeyExistsError" in (etcd.create.__doc__ or "")


def test_every_public_name_is_there() -> None:
    for name in coreos_py.client.__all__:
        assert getattr(coreos_py.client, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nonsense'"):
        _ = coreos_py.client.Nonsense  # type: ignore[attr-defined]


def loaded_with(statement: str) -> set[str]:
    """The modules that a statement loads in a fresh interpreter."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_a_name_loads_its_own_module_only() -> None:
    assert "trio" not in loaded_with("from coreos_py.client import BlockingClient, KeyNotFoundError")
    groups = {"coreos_py.client.auth", "coreos_py.client.stats", "coreos_py.client.recipes"}
    assert not groups & loaded_with("from coreos_py.client import BlockingClient")
    assert "trio" in loaded_with("from coreos_py.client import Client")


def test_passwords_are_not_shown() -> None:
    told: list[object] = []
    options = Options(username="u", password="s3cret", trace=lambda *words: told.append(words), timeout_s=1.0)
    with BlockingClient("http://127.0.0.1:1", options) as etcd:
        for operation in (create_user("al", "s3cret"), set_password("al", "s3cret")):
            with pytest.raises(coreos_py.client.EtcdError) as failed:
                etcd.run(operation)
            told += [operation, str(failed.value), repr(failed.value), repr(failed.value.__cause__)]
        told += [etcd, Client("http://127.0.0.1:1", options), options]
    assert "s3cret" not in repr(told)
    assert "'u'" in repr(told)
    # Control: what is looked for would be seen.
    assert "s3cret" in repr(options._asdict())


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as error:
        Client("http://root:s3cret@h:1")
    assert "only scheme, host, port and path" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_settings_that_cannot_work() -> None:
    for options in (Options(username="a:b"), Options(connections=0)):
        with pytest.raises(ConfigurationError):
            BlockingClient("http://127.0.0.1:1", options)
        with pytest.raises(ConfigurationError):
            Client("http://127.0.0.1:1", options)
    with pytest.raises(ConfigurationError):
        BlockingClient([])
    with pytest.raises(ValueError, match="nothing to compare"), BlockingClient("http://h:1") as etcd:
        etcd.compare_and_swap("/k", "v")


def test_a_pattern_is_not_taken_apart() -> None:
    """As letters, `/a/*` would end in `*`, which is every key."""
    with BlockingClient(NOWHERE) as etcd:
        for change in (etcd.auth.roles.create, etcd.auth.roles.grant, etcd.auth.roles.revoke):
            for words in ({"read": "/a/*"}, {"write": "/a/*"}):
                with pytest.raises(TypeError, match="list or a tuple"):
                    change("r", **words)


def test_a_time_limit_below_0_is_not_taken_for_none() -> None:
    with BlockingClient(NOWHERE) as etcd:
        for write in (etcd.set, etcd.create, etcd.create_in_order, etcd.update):
            with pytest.raises(ValueError, match="ttl_s"):
                write("/k", "v", ttl_s=-1)
        for make in (etcd.mkdir, etcd.update_dir, etcd.refresh):
            with pytest.raises(ValueError, match="ttl_s"):
                make("/k", ttl_s=-1)
        with pytest.raises(ValueError, match="ttl_s"):
            etcd.compare_and_swap("/k", "v", prev_index=1, ttl_s=-1)


@pytest.mark.parametrize(
    "error",
    [
        ConfigurationError("text"),
        server_error(404, 100, "Key not found", "/k", 7),
        server_error(400, 401, "The event in requested index is outdated and cleared", "", 7),
        WriteInDoubtError(500, 300, "Raft Internal Error", "timed out", 7),
        OutcomeUnknownError("EOF"),
        DeadlineExceededError(connected=True, sent=False, reasons=["refused"]),
        UnavailableError(["refused"], reached=True),
        ConnectionLostError("EOF", reused=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_go_from_one_process_to_another(error: EtcdError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))

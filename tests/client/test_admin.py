"""Members, statistics and users, with both clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio

from coreos_py.client import (
    AccessDeniedError,
    BlockingClient,
    Client,
    ConfigurationError,
    DeadlineExceededError,
    KeyNotFoundError,
    Options,
    Role,
    ServerError,
    User,
)
from tests.client.faces import PATIENT, play
from tests.etcdctl.fake import HANG, FakeServer, always, reply
from tests.support.server import Kind, Server

#: Servers that have /v2/auth, and those whose members can be written to.
HAVE_AUTH = [Kind.OURS, Kind.ETCD34]
HAVE_MEMBER_WRITES = [Kind.ETCD34]


@pytest.fixture(params=HAVE_AUTH, ids=lambda kind: kind.value)
def with_auth(request: pytest.FixtureRequest, make_server: Callable[[Kind], Server]) -> Server:
    """A member of its own: switching authentication on concerns everybody."""
    return make_server(request.param).start()


@pytest.fixture(params=HAVE_MEMBER_WRITES, ids=lambda kind: kind.value)
def with_members(request: pytest.FixtureRequest, make_server: Callable[[Kind], Server]) -> Server:
    """A member of its own."""
    return make_server(request.param).start()


def address(server: Server) -> str:
    """Where it listens for clients."""
    return f"http://127.0.0.1:{server.client_port}"


def test_what_a_server_tells(server: Server, url: str, shell: str, top: str) -> None:
    async def scenario(etcd: Any) -> None:
        version = await etcd.version()
        assert version.server.split(".")[0] in ("2", "3")
        assert version.cluster.count(".") == 2
        assert await etcd.health() is True
        members = await etcd.members.list()
        assert [(member.name, member.client_urls) for member in members] == [("m1", (url,))]
        assert members[0].peer_urls == (f"http://127.0.0.1:{server.peer_port}",)
        assert await etcd.members.leader() == members[0]
        own = await etcd.stats.self()
        assert (own.name, own.id, own.state) == ("m1", members[0].id, "StateLeader")
        assert (await etcd.stats.leader()) == (members[0].id, {})
        before = await etcd.stats.store()
        await etcd.create(f"{top}/a", "v")
        with pytest.raises(KeyNotFoundError):
            await etcd.get(f"{top}/b")
        after = await etcd.stats.store()
        assert after.create_success - before.create_success == 1
        assert after.gets_fail - before.gets_fail >= 1
        assert await etcd.auth.is_enabled() is False

    play(shell, url, scenario)


def test_sync_learns_the_members(server: Server, shell: str) -> None:
    given = f"http://localhost:{server.client_port}"

    async def main() -> list[str]:
        async with Client(given, PATIENT) as etcd:
            await etcd.sync(leader_first=True)
            return [endpoint.url for endpoint in etcd.endpoints]

    def on_blocking() -> list[str]:
        with BlockingClient(given, PATIENT) as etcd:
            etcd.sync(leader_first=True)
            return [endpoint.url for endpoint in etcd.endpoints]

    assert (trio.run(main) if shell == "trio" else on_blocking()) == [address(server), given]


def test_the_leader_comes_first(shell: str) -> None:
    """Three members advertise themselves; whichever answers, the third one leads."""
    urls = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3/"]
    found = [{"id": str(number), "clientURLs": [url]} for number, url in enumerate(urls)]

    async def scenario(etcd: Any) -> None:
        await etcd.sync(leader_first=True)
        first.append(etcd.endpoints[0].url)

    first: list[str] = []
    with FakeServer(
        lambda asked: reply(found[2] if asked.target.endswith("/leader") else {"members": found})
    ) as fake:
        # It is the leader's address that is not reachable in this test; it is asked last of all.
        play(shell, fake.url, scenario)
    assert first == ["http://127.0.0.1:3"]


def test_all_together_have_a_time_limit() -> None:
    with FakeServer(always(HANG)) as silent, BlockingClient(silent.url, PATIENT) as etcd:
        with etcd.within(0.2):
            for _ in range(2):
                with pytest.raises(DeadlineExceededError):
                    etcd.get("/k")
        # The second one had no time at all left.
        assert len(silent.asked) == 1


def test_changing_members(with_members: Server, shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        (own,) = await etcd.members.list()
        with pytest.raises(ServerError) as error:
            await etcd.members.remove("1234")
        assert (error.value.status, error.value.message) == (404, "No such member: 1234")
        with pytest.raises(ServerError) as error:
            await etcd.members.add(own.peer_urls[0])
        assert error.value.status == 409
        await etcd.members.update(own.id, own.peer_urls[0], "http://127.0.0.1:1")
        assert len((await etcd.members.list())[0].peer_urls) == 2
        # The last thing that this cluster of one can do: from now on it lacks a second vote.
        added = await etcd.members.add("http://127.0.0.1:2")
        assert (added.name, added.peer_urls, added.client_urls) == ("", ("http://127.0.0.1:2",), ())

    play(shell, address(with_members), scenario)


def test_users_and_roles(with_auth: Server, shell: str) -> None:
    url = address(with_auth)

    async def prepare(etcd: Any) -> None:
        await etcd.set("/m/x", "1")
        assert await etcd.auth.users.list() == []
        assert await etcd.auth.roles.list() == [Role("root", ("/*",), ("/*",))]
        with pytest.raises(ServerError) as error:
            await etcd.auth.enable()
        assert error.value.status == 409
        assert await etcd.auth.users.create("root", "pw") == User("root", ("root",))
        assert await etcd.auth.users.create("al", "pa") == User("al", ())
        assert await etcd.auth.roles.create("r1", read=["/m/*"]) == Role("r1", ("/m/*",), ())
        assert await etcd.auth.roles.grant("r1", write=["/m/x"]) == Role("r1", ("/m/*",), ("/m/x",))
        with pytest.raises(ServerError) as error:
            await etcd.auth.roles.create("r1")
        assert error.value.status == 409
        assert await etcd.auth.users.grant("al", "r1") == User("al", ("r1",))
        assert await etcd.auth.users.get("al") == User("al", ("r1",))
        with pytest.raises(ServerError) as error:
            await etcd.auth.users.get("nobody \u00fc")
        assert (error.value.status, error.value.message) == (404, "auth: User nobody \u00fc does not exist.")
        with pytest.raises(ConfigurationError):
            await etcd.auth.users.get("a/b")
        await etcd.auth.enable()
        assert await etcd.auth.is_enabled() is True
        with pytest.raises(AccessDeniedError):
            await etcd.auth.users.list()

    async def as_root(etcd: Any) -> None:
        assert await etcd.auth.users.list() == [User("al", ("r1",)), User("root", ("root",))]
        await etcd.auth.roles.revoke("guest", read=["/*"], write=["/*"])
        await etcd.auth.users.set_password("al", "new")

    async def as_al(etcd: Any) -> None:
        assert (await etcd.get("/m/x")).value == "1"
        await etcd.set("/m/x", "2")
        with pytest.raises(AccessDeniedError) as error:
            await etcd.set("/m/y", "2")
        assert error.value.code == 110

    async def as_nobody(etcd: Any) -> None:
        with pytest.raises(AccessDeniedError):
            await etcd.get("/m/x")

    async def undo(etcd: Any) -> None:
        assert await etcd.auth.users.revoke("al", "r1") == User("al", ())
        await etcd.auth.users.delete("al")
        await etcd.auth.roles.delete("r1")
        await etcd.auth.disable()
        assert await etcd.auth.is_enabled() is False

    def having(username: str, password: str) -> Options:
        return PATIENT._replace(username=username, password=password)

    play(shell, url, prepare)
    play(shell, url, as_root, having("root", "pw"))
    play(shell, url, as_al, having("al", "new"))
    for options in (PATIENT, having("al", "pa"), having("bob", "new")):
        play(shell, url, as_nobody, options)
    play(shell, url, undo, having("root", "pw"))

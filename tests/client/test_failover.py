"""Both clients and servers that are slow, broken, gone or elsewhere."""

from __future__ import annotations

import base64
import threading
from functools import partial
from typing import Any

import pytest
import trio

from coreos_py.client import (
    Client,
    DeadlineExceededError,
    OutcomeUnknownError,
    ServerError,
    UnavailableError,
    WriteInDoubtError,
)
from tests.client.faces import PATIENT, play
from tests.etcdctl.fake import CLOSE, HANG, Answer, Asked, FakeServer, always, file_event, reply

NOWHERE = "http://127.0.0.1:1"
TORN = Answer(b'HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{"action":"create"', "close")
TIMED_OUT = {"errorCode": 300, "message": "Raft Internal Error", "cause": "etcdserver: request timed out"}
QUICK = PATIENT._replace(timeout_s=0.3)


def ok(asked: Asked) -> Answer:
    """Every key holds what was asked for."""
    return reply(file_event(asked.target.partition("?")[0]))


def test_a_write_whose_answer_is_cut_is_in_doubt(shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        for write in (etcd.create_in_order("/q", "v"), etcd.create("/k", "v"), etcd.delete("/k")):
            with pytest.raises(OutcomeUnknownError, match="outcome is unknown"):
                await write

    for answer in (TORN, CLOSE):
        with FakeServer(always(answer)) as first, FakeServer(always(answer)) as second:
            play(shell, [first.url, second.url], scenario)
            assert [asked.method for asked in first.asked + second.asked].count("POST") == 1
            assert len(first.asked) + len(second.asked) == 3


def test_a_server_error_leads_elsewhere_or_into_doubt(shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        assert (await etcd.get("/k")).value == "/v2/keys/k"
        assert (await etcd.set("/k", "v")).value == "/v2/keys/k"

    async def alone(etcd: Any) -> None:
        with pytest.raises(WriteInDoubtError, match="request timed out"):
            await etcd.create("/k", "v")
        with pytest.raises(ServerError) as error:
            await etcd.get("/k")
        assert not isinstance(error.value, OutcomeUnknownError)

    with FakeServer(always(reply(TIMED_OUT, 500))) as bad, FakeServer(ok) as good:
        for _ in range(4):
            play(shell, [bad.url, good.url], scenario)
        play(shell, bad.url, alone)


def test_time_limits(shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        assert (await etcd.get("/k")).value == "/v2/keys/k"

    async def alone(etcd: Any) -> None:
        with pytest.raises(UnavailableError, match="exceeded header timeout"):
            await etcd.get("/k")
        with pytest.raises(OutcomeUnknownError):
            await etcd.set("/k", "v")

    async def in_all(etcd: Any) -> None:
        with pytest.raises(DeadlineExceededError):
            await etcd.get("/k")
        with pytest.raises(OutcomeUnknownError, match="deadline exceeded"):
            await etcd.create("/k", "v")

    with FakeServer(always(HANG)) as silent, FakeServer(ok) as good:
        for _ in range(2):
            play(shell, [silent.url, good.url], scenario, PATIENT._replace(timeout_s=1.0))
        play(shell, silent.url, alone, QUICK)
        play(shell, silent.url, in_all, PATIENT._replace(total_timeout_s=0.3))


def test_nobody_there(shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        for operation in (etcd.get("/k"), etcd.create("/k", "v")):
            with pytest.raises(UnavailableError) as error:
                await operation
            assert not error.value.reached
            assert sorted(error.value.reasons) == [
                "dial tcp 127.0.0.1:1: connect: connection refused",
                "dial tcp: lookup no-such-host.invalid: no such host",
            ]

    play(shell, f"{NOWHERE},http://no-such-host.invalid:2379", scenario)


def test_a_connection_that_was_closed_at_rest_is_replaced(shell: str) -> None:
    async def scenario(etcd: Any) -> None:
        for _ in range(5):
            assert (await etcd.get("/k")).value == "/v2/keys/k"
            await etcd.create("/k", "v")

    with FakeServer(lambda asked: ok(asked)._replace(then="close")) as server:
        play(shell, server.url, scenario)
        assert len(server.asked) == 10


def test_a_connection_on_which_more_came_than_was_asked_for_is_replaced(shell: str) -> None:
    """What is more may belong to nothing; taken for the next answer, it would be somebody else's."""
    stray = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"

    def answer(more: bytes, asked: Asked) -> Answer:
        return Answer(ok(asked).data + more)

    async def scenario(etcd: Any) -> None:
        for _ in range(2):
            assert (await etcd.get("/k")).value == "/v2/keys/k"

    for more, connections in ((stray, 2), (b"", 1)):
        with FakeServer(partial(answer, more)) as server:
            play(shell, server.url, scenario)
            assert server.connections == connections


@pytest.mark.parametrize("is_write", [True, False], ids=["write", "control: read"])
def test_a_write_that_dies_with_a_used_connection_is_in_doubt(shell: str, is_write: bool) -> None:
    """The server takes it, closes, and is gone for the second try: nobody knows what it did before."""

    is_last, is_gone = threading.Event(), threading.Event()

    def answer(asked: Asked) -> Answer:
        if not is_last.is_set():
            return ok(asked)
        is_gone.wait(30)
        return CLOSE

    async def scenario(etcd: Any) -> None:
        await etcd.get("/k")
        is_last.set()
        with pytest.raises(OutcomeUnknownError if is_write else UnavailableError):
            await (etcd.set("/k", "v") if is_write else etcd.get("/k"))

    with FakeServer(answer) as server:

        def go_away() -> None:
            is_last.wait(30)
            server.stop_listening()
            is_gone.set()

        going = threading.Thread(target=go_away)
        going.start()
        play(shell, server.url, scenario)
        going.join()


def test_a_redirect_does_not_carry_the_password_away(shell: str) -> None:
    options = PATIENT._replace(username="u", password="p")
    encoded = base64.b64encode(b"u:p").decode()

    async def scenario(etcd: Any) -> None:
        await etcd.set("/k", "v")

    with (
        FakeServer(ok) as leader,
        FakeServer(lambda _: reply(b"", 307, f"Location: {leader.url}/v2/keys/k\r\n")) as follower,
    ):
        play(shell, follower.url, scenario, options)
        assert follower.asked[0].headers["authorization"] == f"Basic {encoded}"
        assert "authorization" not in leader.asked[0].headers
        # A member that is known gets it.
        play(shell, [follower.url, leader.url], scenario, options)
        assert leader.asked[1].headers["authorization"] == f"Basic {encoded}"


def test_tasks_do_not_wait_for_each_other() -> None:
    """Twenty reads, of which none is answered before all have come."""
    together = threading.Barrier(20)

    def answer(asked: Asked) -> Answer:
        together.wait(30)
        return ok(asked)

    async def main(url: str) -> None:
        async with Client(url, PATIENT) as etcd, trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(read, etcd, f"/{number}")

    async def read(etcd: Client, key: str) -> None:
        assert (await etcd.get(key)).value == f"/v2/keys{key}"

    with FakeServer(answer) as server:
        trio.run(main, server.url)


def test_no_more_exchanges_at_a_time_than_allowed() -> None:
    now, most, lock = 0, 0, threading.Lock()

    def answer(asked: Asked) -> Answer:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        # Two are let in together; a third one would break the barrier's count.
        together.wait(30)
        with lock:
            now -= 1
        return ok(asked)

    together = threading.Barrier(2)

    async def main(url: str) -> None:
        async with (
            Client(url, PATIENT._replace(connections=2)) as etcd,
            trio.open_nursery() as nursery,
        ):
            for number in range(10):
                nursery.start_soon(etcd.get, f"/{number}")

    with FakeServer(answer) as server:
        trio.run(main, server.url)
    assert most == 2


def test_what_is_cancelled_does_not_answer_somebody_else() -> None:
    """The late answer to a cancelled read must not be taken for the answer to the next one."""
    asked_first = threading.Event()
    go = threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.target.startswith("/v2/keys/slow"):
            asked_first.set()
            go.wait(30)
        return ok(asked)

    async def main(url: str) -> None:
        async with Client(url, PATIENT) as etcd:
            await etcd.get("/warm")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(etcd.get, "/slow")
                await trio.to_thread.run_sync(asked_first.wait)
                nursery.cancel_scope.cancel()
            go.set()
            for _ in range(3):
                assert (await etcd.get("/quick")).value == "/v2/keys/quick"

    with FakeServer(answer) as server:
        trio.run(main, server.url)


def test_a_client_that_is_opened_again_keeps_connections_again() -> None:
    async def main(url: str) -> None:
        etcd = Client(url, PATIENT)
        for _ in range(2):
            async with etcd:
                for _ in range(3):
                    await etcd.get("/k")

    with FakeServer(ok) as server:
        trio.run(main, server.url)
        # One for each time that it was open.
        assert (len(server.asked), server.connections) == (6, 2)


def test_a_client_that_is_not_open_says_so() -> None:
    async def main() -> None:
        etcd = Client(NOWHERE)
        with pytest.raises(RuntimeError, match="async with"):
            await etcd.get("/k")
        with pytest.raises(RuntimeError, match="async with"):
            await anext(etcd.watch("/k"))

    trio.run(main)

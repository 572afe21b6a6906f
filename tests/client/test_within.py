"""`within`: all that a blocking client does in it, watches included, has one limit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from coreos_py.client import BlockingClient, DeadlineExceededError, Result
from coreos_py.client.blocking_watch import BlockingWatch
from coreos_py.client.steps import Pause, Steps, Told
from tests.client.faces import PATIENT
from tests.client.gate import SILENT
from tests.etcdctl.fake import HANG, Answer, FakeServer, always


def test_a_watch_ends_with_the_limit_and_goes_on_after_it(url: str, top: str) -> None:
    asked: list[str] = []
    options = PATIENT._replace(trace=lambda method, target, _: asked.append(f"{method} {target}"))

    def ask(etcd: BlockingClient, events: Iterator[Result]) -> None:
        with etcd.within(0.1):
            next(events)

    with BlockingClient(url, options) as etcd, etcd.watch(top) as events:
        for _ in range(3):
            with pytest.raises(DeadlineExceededError):
                ask(etcd, events)
        # Nothing was opened anew, and nothing is missed.
        assert len([one for one in asked if "wait=true" in one]) == 1
        etcd.set(top, "v")
        with etcd.within(30.0):
            assert next(events).value == "v"


@pytest.mark.parametrize("answer", [SILENT, HANG], ids=["no event", "no headers"])
def test_a_watch_that_is_told_nothing_ends_with_the_limit(answer: Answer) -> None:
    def ask(etcd: BlockingClient, watch: BlockingWatch[Result]) -> None:
        with etcd.within(0.2):
            next(watch)

    with FakeServer(always(answer)) as server, BlockingClient(server.url, PATIENT) as etcd:
        watch = etcd.watch("/k")
        with pytest.raises(DeadlineExceededError):
            ask(etcd, watch)
        watch.close()


def test_a_pause_ends_with_the_limit_and_is_not_prolonged() -> None:
    def steps() -> Steps[str]:
        yield Pause(0.5)
        yield Told("after the pause")
        yield Pause(0.5)

    with BlockingClient("http://127.0.0.1:1") as etcd:
        watch: BlockingWatch[str] = BlockingWatch(etcd, steps())
        for _ in range(100):
            try:
                with etcd.within(0.2):
                    assert next(watch) == "after the pause"
                    break
            except DeadlineExceededError:
                continue
        else:
            pytest.fail("the pause never ends")


@pytest.mark.parametrize("inner_s", [1000.0, None], ids=["longer", "none"])
def test_an_inner_limit_does_not_outlast_the_outer_one(inner_s: float | None) -> None:
    def ask(etcd: BlockingClient) -> None:
        with etcd.within(0.2), etcd.within(inner_s):
            etcd.get("/k")

    # Without limits of a try: nothing else would end it before the test's own limit.
    options = PATIENT._replace(timeout_s=None, total_timeout_s=None)
    with FakeServer(always(HANG)) as server, BlockingClient(server.url, options) as etcd:
        with pytest.raises(DeadlineExceededError):
            ask(etcd)
        assert etcd.watch_limit.left_s() is None
        with etcd.within(1000.0), etcd.within(5.0):
            assert (etcd.watch_limit.left_s() or 1000.0) <= 5.0

"""A blocking client in two hands at a time: refused in threads, each with connections of its own in forks."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from coreos_py.client import BlockingClient
from tests.client.faces import PATIENT
from tests.etcdctl.fake import Answer, Asked, FakeServer, file_event, reply

#: Both go on with a client that was in use before, and with its watch; 0 if both got their own answers.
FORKING = """
import os, sys
from coreos_py.client import BlockingClient, Options

url, top = sys.argv[1:]
with BlockingClient(url, Options(timeout_s=30.0, total_timeout_s=40.0)) as etcd:
    etcd.set(f"{top}/warm", "v")
    with etcd.watch(f"{top}/watched") as events, etcd.within(40.0):
        child = os.fork()
        key = f"{top}/{'parent' if child else 'child'}"
        wrong = sum(etcd.set(key, str(n)).value != str(n) or etcd.get(key).node.key != key for n in range(50))
        if child:
            etcd.set(f"{top}/watched", "told")
        wrong += next(events).value != "told"
    if child:
        wrong += os.waitpid(child, 0)[1] != 0
    os._exit(wrong != 0)
"""


#: A thread is in an exchange while another forks: in the child there is no such thread.
FORKING_MEANWHILE = """
import os, sys, threading
from coreos_py.client._http import Held

held, is_held, leave = Held(), threading.Event(), threading.Event()

def hold():
    with held:
        is_held.set()
        leave.wait(30)

def is_refused():
    try:
        with held:
            return False
    except RuntimeError:
        return True

other = threading.Thread(target=hold)
other.start()
is_held.wait(30)
child = os.fork()
if not child:
    os._exit(is_refused())
wrong = os.waitpid(child, 0)[1] != 0 or not is_refused()
leave.set()
other.join()
sys.exit(wrong)
"""


def ok(asked: Asked) -> Answer:
    """Every key holds what was asked for."""
    return reply(file_event(asked.target.partition("?")[0]))


def test_a_forked_process_gets_its_own_answers(url: str, top: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING, url, top], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_process_forked_during_an_exchange_is_refused_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORKING_MEANWHILE], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_second_thread_is_refused_and_does_no_harm() -> None:
    is_asked, go = threading.Event(), threading.Event()
    values: list[str] = []

    def answer(asked: Asked) -> Answer:
        if asked.target.startswith("/v2/keys/slow"):
            is_asked.set()
            go.wait(30)
        return ok(asked)

    with FakeServer(answer) as server, BlockingClient(server.url, PATIENT) as etcd:
        other = threading.Thread(target=lambda: values.append(etcd.get("/slow").value))
        other.start()
        is_asked.wait(30)
        with pytest.raises(RuntimeError, match="another thread"):
            etcd.get("/quick")
        go.set()
        other.join()
        values.append(etcd.get("/later").value)
    assert values == ["/v2/keys/slow", "/v2/keys/later"]


def test_a_watch_is_for_one_thread_as_well() -> None:
    is_held, go = threading.Event(), threading.Event()
    event = reply(file_event("v", 8, "set"))

    def wait_for_an_event() -> None:
        # What `next` does, with an end that is known.
        with watch._held:
            is_held.set()
            go.wait(30)

    other = threading.Thread(target=wait_for_an_event)
    with (
        FakeServer(lambda _: event) as server,
        BlockingClient(server.url, PATIENT) as etcd,
        etcd.watch("/k") as watch,
    ):
        other.start()
        is_held.wait(30)
        with pytest.raises(RuntimeError, match="another thread"):
            next(watch)
        go.set()
        other.join()
        watch.close()

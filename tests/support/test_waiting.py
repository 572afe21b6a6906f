"""Waiting ends: with the condition, with the deadline, and when nobody is left who could fulfil it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.support.server import Kind, Server, ServerFailed
from tests.support.waiting import WaitedInVain, wait_until
from tests.support.writers import Journal, Writers


def test_it_returns_when_it_is_so() -> None:
    answers = iter([False, False, True])
    wait_until(lambda: next(answers))
    assert next(answers, None) is None


def test_it_says_what_there_is_instead() -> None:
    with pytest.raises(WaitedInVain, match=r"0\.05 s in vain: nothing but rain"):
        wait_until(lambda: False, lambda: "nothing but rain", deadline_s=0.05)


def test_writers_that_have_all_ended_are_not_waited_for(tmp_path: Path) -> None:
    server = Server(Kind.OURS, tmp_path)  # not running: the connections are refused
    with (
        Writers(server, Journal(), count=2) as writers,
        pytest.raises(AssertionError, match="all writers have ended with 0 of 1 writes"),
    ):
        writers.wait_for(1)


def test_a_server_that_starts_is_not_taken_for_one_that_refuses(tmp_path: Path) -> None:
    """The control of `refuses_to_start`: it ends with another status than a refusal's, or not at all."""
    server = Server(Kind.OURS, tmp_path, flags=("--version",))
    with pytest.raises(ServerFailed, match="exit status 0"):
        server.refuses_to_start()


def test_a_server_that_ends_is_not_waited_for(tmp_path: Path) -> None:
    server = Server(Kind.OURS, tmp_path)
    with socket.socket() as holder:
        holder.bind(server.address)
        holder.listen()
        with pytest.raises(ServerFailed, match="exit status 1 at start"):
            server.start()

"""Addresses of a host, within a time limit that the system's resolver does not have."""

from __future__ import annotations

import socket
from typing import Any

from coreos_py.client.errors import AttemptError

Address = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]


def find_addresses(host: str, port: int, limit_s: float | None) -> list[Address]:
    """Where to connect to. Raises `TimeoutError` after `limit_s`, `AttemptError` for an unknown host."""
    try:
        return _ask(host, port, socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        # A name, which may mean to wait for a name server.
        outcome = _ask_beside(host, port, limit_s)
    if not isinstance(outcome, list):
        reason = f"dial tcp: lookup {host}: no such host"
        raise AttemptError(reason, connected=False, sent=False) from outcome
    return outcome


def _ask(host: str, port: int, flags: int = 0) -> list[Address]:
    # As bytes, or Python loads its tables for international names.
    name = host.encode("ascii") if host.isascii() else host
    return list(socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags))


def _ask_beside(host: str, port: int, limit_s: float | None) -> list[Address] | OSError | UnicodeError:
    """Ask in a thread, which is left behind if it takes too long: the resolver cannot be interrupted."""
    import threading

    outcomes: list[list[Address] | OSError | UnicodeError] = []

    def ask() -> None:
        try:
            outcomes.append(_ask(host, port))
        except (OSError, UnicodeError) as error:
            outcomes.append(error)

    thread = threading.Thread(target=ask, daemon=True, name="lookup")
    thread.start()
    thread.join(limit_s)
    if not outcomes:
        raise TimeoutError
    return outcomes[0]

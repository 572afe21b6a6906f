"""What the commands for members, users and roles share: bare messages, and counting words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from coreos_py.cli.etcdctl_.exits import BAD_ARGUMENTS, NOT_AUTHENTICATED, UNREACHABLE, CommandError, describe
from coreos_py.cli.etcdctl_.session import Session
from coreos_py.client.errors import EtcdError
from coreos_py.client.requests import Request

Decoded = TypeVar("Decoded")


def ask(session: Session, request: Request, decode: Callable[[int, bytes], Decoded]) -> Decoded:
    """Carry out one request and decode its reply.

    These commands print the server's message bare and end with 1, as they always have.
    """
    try:
        reply = session.send(request)
        return decode(reply.head.status, reply.body)
    except EtcdError as error:
        _, status = describe(error)
        if status == UNREACHABLE:
            raise
        status = NOT_AUTHENTICATED if status == NOT_AUTHENTICATED else BAD_ARGUMENTS
        raise CommandError(f"{error}\n", status) from error


def only_word(words: Sequence[str], complaint: str) -> str:
    """The one word that the command takes; `complaint` is for none and for more."""
    if len(words) != 1 or not words[0]:
        raise CommandError(f"{complaint}\n")
    return words[0]


def no_words(words: Sequence[str]) -> None:
    """Refuse words that nobody would look at."""
    if words:
        raise CommandError("No arguments accepted\n")

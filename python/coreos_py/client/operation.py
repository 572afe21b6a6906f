"""What a client can be asked to do: a request together with the reading of its reply.

Each operation is defined once, as a function that returns an `Operation`. The two clients turn such a
function into their method: same name, parameters, result and documentation, with `await` in the one and
without in the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

from coreos_py.client import keys
from coreos_py.client._wire import Reply
from coreos_py.client.errors import InvalidReplyError
from coreos_py.client.requests import Request

T = TypeVar("T")


class Operation(NamedTuple, Generic[T]):
    """`decode` gets a reply below 500 and raises `EtcdError` when it is not a success."""

    request: Request
    decode: Callable[[Reply], T]


def expect_success(reply: Reply) -> None:
    """Raise what the reply says, unless it is a success."""
    if not 200 <= reply.head.status < 300:
        if not reply.body.strip():
            raise InvalidReplyError("client: response body is empty")
        raise keys.decode_error(reply.head.status, reply.body)


def decode_result(reply: Reply) -> keys.Result:
    """The reply to an operation on keys."""
    if not reply.body.strip():
        raise InvalidReplyError("client: response body is empty")
    expect_success(reply)
    return keys.Result(keys.decode_event(reply.body), reply.head.etcd_index)


def decode_nothing(reply: Reply) -> None:
    """A reply that says no more than that it was done."""
    expect_success(reply)


def decoded_body(decode: Callable[[bytes], T]) -> Callable[[Reply], T]:
    """Read the body of a success."""

    def read(reply: Reply) -> T:
        expect_success(reply)
        return decode(reply.body)

    return read

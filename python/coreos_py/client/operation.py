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


def decode_result(reply: Reply) -> keys.Result:
    """The reply to an operation on keys."""
    head, body = reply
    if not body.strip():
        raise InvalidReplyError("client: response body is empty")
    if not 200 <= head.status < 300:
        refused = keys.decode_plain(head.status, body, keys.REFUSED_UNREAD)
        raise refused or keys.decode_error(head.status, body)
    return keys.Result(keys.decode_event(body), head.etcd_index, head.raft_index, head.raft_term)


def by(decode: Callable[[int, bytes], T]) -> Callable[[Reply], T]:
    """Read a reply by its status and body."""
    return lambda reply: decode(reply.head.status, reply.body)

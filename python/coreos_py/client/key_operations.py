"""Operations on keys. A `value` is text or bytes; what comes back is text, as JSON has no bytes."""

from __future__ import annotations

from coreos_py.client import requests
from coreos_py.client._text import to_bytes
from coreos_py.client._wire import Reply
from coreos_py.client.keys import Node, Result
from coreos_py.client.operation import Operation, decode_result

Value = str | bytes


def get(key: str, *, recursive: bool = False, quorum: bool = False) -> Operation[Result]:
    """Read a file, or list a directory: its children by name, with `recursive` the whole tree.

    With `quorum` it is never older than a write that was answered before, on whatever member; without, a
    member answers what it knows. Raises `KeyNotFoundError`.
    """
    return Operation(requests.get(key, recursive=recursive, is_sorted=True, quorum=quorum), decode_result)


def ls(key: str = "/", *, recursive: bool = False, quorum: bool = False) -> Operation[list[Node]]:
    """The children of a directory, with `recursive` all nodes below it; a file is listed by itself.

    Raises `KeyNotFoundError`.
    """

    def read(reply: Reply) -> list[Node]:
        node = decode_result(reply).node
        return list(node.walk()) if node.is_dir else [node]

    return Operation(get(key, recursive=recursive, quorum=quorum).request, read)


def set_key(key: str, value: Value, *, ttl_s: int = 0) -> Operation[Result]:
    """Write a file, whether it exists or not; without `ttl_s` it has no time limit from now on.

    When its answer is lost it is sent again, so it may be carried out twice, with another client's write in
    between: where that matters, compare. Raises `NotAFileError` for a directory.
    """
    return Operation(requests.set_value(key, to_bytes(value), ttl_s=_limit(ttl_s)), decode_result)


def create(key: str, value: Value, *, ttl_s: int = 0) -> Operation[Result]:
    """Write a file that must not exist yet. Raises `KeyExistsError`."""
    return Operation(requests.create(key, to_bytes(value), ttl_s=_limit(ttl_s)), decode_result)


def create_in_order(key: str, value: Value, *, ttl_s: int = 0) -> Operation[Result]:
    """Write a file in the directory `key` under a name that grows: `result.node.key` tells it."""
    return Operation(requests.create_in_order(key, to_bytes(value), ttl_s=_limit(ttl_s)), decode_result)


def update(key: str, value: Value, *, ttl_s: int = 0) -> Operation[Result]:
    """Write a file that must exist.

    Raises `KeyNotFoundError`. Sent again like `set` when its answer is lost.
    """
    return Operation(requests.update(key, to_bytes(value), ttl_s=_limit(ttl_s)), decode_result)


def compare_and_swap(
    key: str, value: Value, *, prev_value: Value | None = None, prev_index: int = 0, ttl_s: int = 0
) -> Operation[Result]:
    """Write a file if it still has this value, or this `modified_index`, or both.

    Raises `CompareFailedError`, `KeyNotFoundError`; `OutcomeUnknownError` when the answer is lost, for a
    second try could fail because of the first.
    """
    _expect_condition(prev_value, prev_index)
    request = requests.set_value(
        key, to_bytes(value), ttl_s=_limit(ttl_s), prev_value=_optional(prev_value), prev_index=prev_index
    )
    return Operation(request, decode_result)


def compare_and_delete(
    key: str, *, prev_value: Value | None = None, prev_index: int = 0
) -> Operation[Result]:
    """Remove a file if it still has this value, or this `modified_index`, or both.

    Raises as `compare_and_swap`.
    """
    _expect_condition(prev_value, prev_index)
    request = requests.delete(key, prev_value=_optional(prev_value), prev_index=prev_index)
    return Operation(request, decode_result)


def delete(key: str, *, recursive: bool = False) -> Operation[Result]:
    """Remove a file; with `recursive` also a directory with all that is in it. Raises `KeyNotFoundError`."""
    return Operation(requests.delete(key, recursive=recursive), decode_result)


def mkdir(key: str, *, ttl_s: int = 0) -> Operation[Result]:
    """Make a directory. Raises `KeyExistsError`."""
    return Operation(requests.create_dir(key, ttl_s=_limit(ttl_s)), decode_result)


def rmdir(key: str) -> Operation[Result]:
    """Remove an empty directory. Raises `DirNotEmptyError`, `KeyNotFoundError`."""
    return Operation(requests.delete(key, is_dir=True), decode_result)


def update_dir(key: str, *, ttl_s: int = 0) -> Operation[Result]:
    """Give a directory a new time limit, or none. Raises `KeyNotFoundError`."""
    return Operation(requests.update_dir(key, ttl_s=_limit(ttl_s)), decode_result)


def refresh(
    key: str, *, ttl_s: int, is_dir: bool = False, prev_value: Value | None = None
) -> Operation[Result]:
    """Start the time limit of a node anew and leave its value; watches are not told (etcd 2.3 and later).

    With `prev_value` only if it still has that. Raises `KeyNotFoundError`, `CompareFailedError`.
    """
    request = requests.refresh(key, ttl_s=_limit(ttl_s), is_dir=is_dir, prev_value=_optional(prev_value))
    return Operation(request, decode_result)


def _optional(value: Value | None) -> bytes | None:
    return None if value is None else to_bytes(value)


def _expect_condition(prev_value: Value | None, prev_index: int) -> None:
    if prev_value is None and not prev_index:
        raise ValueError("nothing to compare with: give prev_value, prev_index or both")


def _limit(ttl_s: int) -> int:
    # Left out, as 0 is, it would be no limit at all: not what is meant for a time that is over.
    if ttl_s < 0:
        raise ValueError("ttl_s must not be below 0")
    return ttl_s

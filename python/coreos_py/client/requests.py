"""One function per operation of the key space. They build a `Request` and do nothing else."""

from __future__ import annotations

from typing import NamedTuple

from coreos_py.client._text import clean_key, encode_form, quote_path

KEYS_PREFIX = "/v2/keys"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Request(NamedTuple):
    """What is sent: `target` is path and query, ready for a request line; `form` the body, None for none.

    `repeatable` says that doing it twice is the same as doing it once, so that it may be sent again, to
    another endpoint, when the first answer never came. `is_wait` exempts it from the limit on waiting for an
    answer. `content_type` is what the body is; `shown_form`, when there is one, may be shown in place of a
    body that holds a secret.
    """

    method: str
    target: str
    form: str | None
    repeatable: bool
    is_wait: bool = False
    content_type: str = FORM
    shown_form: str | None = None


def get(key: str, *, recursive: bool = False, is_sorted: bool = False, quorum: bool = False) -> Request:
    """Read a file or list a directory."""
    flags: dict[str, str | bytes] = {
        "quorum": _flag(quorum),
        "recursive": _flag(recursive),
        "sorted": _flag(is_sorted),
    }
    return Request("GET", _target(key, flags), None, repeatable=True)


def wait(key: str, *, wait_index: int, recursive: bool) -> Request:
    """Wait for the next event at or after `wait_index`; 0 means the next one from now on."""
    query: dict[str, str | bytes] = {"recursive": _flag(recursive), "wait": "true"}
    if wait_index:
        query["waitIndex"] = str(wait_index)
    return Request("GET", _target(key, query), None, repeatable=True, is_wait=True)


def set_value(
    key: str, value: bytes, *, ttl_s: int = 0, prev_value: bytes | None = None, prev_index: int = 0
) -> Request:
    """Write a file. With `prev_value` or a nonzero `prev_index` it is a compare-and-swap.

    A condition makes the request unrepeatable: the second time it would fail because the first one worked.
    """
    query = _conditions(prev_value, prev_index)
    return Request("PUT", _target(key, query), _body(value, ttl_s), repeatable=not query)


def create(key: str, value: bytes, *, ttl_s: int = 0) -> Request:
    """Write a file that must not exist yet."""
    return Request("PUT", _target(key, {"prevExist": "false"}), _body(value, ttl_s), repeatable=False)


def create_in_order(key: str, value: bytes, *, ttl_s: int = 0) -> Request:
    """Write a file below the directory `key`, under a name that the server counts up."""
    return Request("POST", _target(key, {}), _body(value, ttl_s), repeatable=False)


def update(key: str, value: bytes, *, ttl_s: int = 0) -> Request:
    """Write a file that must exist already."""
    return Request("PUT", _target(key, {"prevExist": "true"}), _body(value, ttl_s), repeatable=True)


def create_dir(key: str, *, ttl_s: int = 0) -> Request:
    """Make a directory that must not exist yet."""
    return Request(
        "PUT", _target(key, {"dir": "true", "prevExist": "false"}), _body(None, ttl_s), repeatable=False
    )


def set_dir(key: str, *, ttl_s: int = 0) -> Request:
    """Make a directory, in place of a file if there is one; refused (102) over a directory."""
    return Request("PUT", _target(key, {"dir": "true"}), _body(None, ttl_s), repeatable=False)


def update_dir(key: str, *, ttl_s: int = 0) -> Request:
    """Give an existing directory a new time limit, or none."""
    return Request(
        "PUT", _target(key, {"dir": "true", "prevExist": "true"}), _body(None, ttl_s), repeatable=True
    )


def delete(
    key: str,
    *,
    is_dir: bool = False,
    recursive: bool = False,
    prev_value: bytes | None = None,
    prev_index: int = 0,
) -> Request:
    """Remove a file, an empty directory (`is_dir`) or a whole tree (`recursive`)."""
    query = _conditions(prev_value, prev_index)
    if is_dir:
        query["dir"] = "true"
    if recursive:
        query["recursive"] = "true"
    return Request("DELETE", _target(key, query), None, repeatable=False)


def members() -> Request:
    """Ask for the cluster's members."""
    return Request("GET", "/v2/members", None, repeatable=True)


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _conditions(prev_value: bytes | None, prev_index: int) -> dict[str, str | bytes]:
    query: dict[str, str | bytes] = {}
    if prev_value is not None:
        query["prevValue"] = prev_value
    if prev_index:
        query["prevIndex"] = str(prev_index)
    return query


def _body(value: bytes | None, ttl_s: int) -> str:
    fields: dict[str, str | bytes] = {}
    if value is not None:
        fields["value"] = value
    if ttl_s > 0:
        fields["ttl"] = str(ttl_s)
    return encode_form(fields)


def _target(key: str, query: dict[str, str | bytes]) -> str:
    path = KEYS_PREFIX + quote_path(clean_key(key))
    return f"{path}?{encode_form(query)}" if query else path

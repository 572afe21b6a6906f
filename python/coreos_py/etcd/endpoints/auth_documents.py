"""What the endpoints of /v2/auth share: bodies as Go reads them, and the way to a change."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote

from coreos_py._core import AUTH_DOCUMENT_BYTES_MAX, AUTH_DOCUMENTS_MAX, AUTH_LIST_MAX
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.refusals import Answer, RefusedError, explained, insufficient
from coreos_py.etcd.endpoints.reply import Reply, as_json

ROOT = "root"
# Each lost race means that somebody else's change was made: more in a row than this are no accident.
ATTEMPTS_MAX = 100

Names = list[str] | None
T = TypeVar("T")


def guarded(answer: Answer) -> Answer:
    """An endpoint for root alone while requests are judged; what it raises becomes its reply."""
    answers = explained(answer)

    def ask(request: Incoming, context: Context) -> Reply:
        if not request.is_root:
            return insufficient()
        return answers(request, context)

    return ask


def done(context: Context, status: int = 200) -> Reply:
    """Success without a word."""
    headers = (("Content-Type", "application/json"), ("X-Etcd-Cluster-Id", context.cluster_id()))
    return Reply(status, headers)


def named(prefix: str, answer: Callable[[str, Incoming, Context], Reply]) -> Answer:
    """An endpoint for one document; its name is what follows the prefix in the path."""

    def ask(request: Incoming, context: Context) -> Reply:
        name = unquote(request.path).removeprefix(prefix).removesuffix("/")
        if "/" in name:
            # As in etcd it comes before the question who asks.
            return as_json(400, {"message": "Invalid path"})
        return guarded(partial(answer, name))(request, context)

    return ask


def repeated(attempt: Callable[[], T | None]) -> T:
    """Try until the document has not been changed between looking and writing (`attempt` gives None then)."""
    for _ in range(ATTEMPTS_MAX):
        result = attempt()
        if result is not None:
            return result
    raise RefusedError(503, "auth: too many changes at the same time, try again")


@dataclass(frozen=True, slots=True)
class Table:
    """Users and roles at one moment, all or some. Lists are None where none was ever given."""

    users: dict[str, tuple[Names, int]]
    roles: dict[str, tuple[Names, Names, int]]
    enabled: bool

    @staticmethod
    def of(auth: dict[str, Any]) -> "Table":
        """What the member says."""
        return Table(auth["users"], auth["roles"], auth["enabled"])

    def role(self, name: str) -> dict[str, Any] | None:
        """A role as it is shown."""
        if name == ROOT:
            return shown_role(ROOT, ["/*"], ["/*"])
        if name not in self.roles:
            return None
        read, write, _ = self.roles[name]
        return shown_role(name, read, write)


def over_a_limit(what: str) -> RefusedError:
    """More users or roles than there may be, or one that is too long."""
    return RefusedError(
        403,
        f"auth: {what} not saved: the limits are {AUTH_DOCUMENTS_MAX} users, {AUTH_DOCUMENTS_MAX} roles, "
        f"{AUTH_LIST_MAX} entries in a list and {AUTH_DOCUMENT_BYTES_MAX} bytes in all of one user or role",
    )


def shown_role(name: str, read: Names, write: Names) -> dict[str, Any]:
    """The object of a role."""
    return {"role": name, "permissions": {"kv": {"read": read, "write": write}}}


def parse_object(body: bytes) -> dict[str, Any]:
    """The first JSON value of a body, an object; what follows it is not looked at. Names in lower case."""
    text = body.decode("utf-8", "replace").lstrip(" \t\r\n")
    try:
        value, _ = json.JSONDecoder(parse_constant=_refuse).raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise invalid() from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid()
    return {key.lower(): item for key, item in value.items()}


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def invalid() -> RefusedError:
    """A body that is not JSON, or not of the shape that is expected."""
    return RefusedError(400, "Invalid JSON in request body.")


def text_of(document: dict[str, Any], name: str) -> str:
    """A member that is a text, empty without it."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid()
    return whole(value)


def names_of(document: dict[str, Any], name: str) -> Names:
    """A member that is a list of texts; None without it."""
    values = document.get(name)
    if values is None:
        return None
    if not isinstance(values, list):
        raise invalid()
    return [text_of({"item": value}, "item") for value in values]


def whole(text: str) -> str:
    """Halves of surrogate pairs become U+FFFD, as in Go."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

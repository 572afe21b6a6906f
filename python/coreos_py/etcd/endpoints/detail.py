"""`detail=true`: refusals with a code and a word beside the sentence (docs/v2-extensions.md)."""

import json
from urllib.parse import parse_qs

from coreos_py.etcd.endpoints.context import Incoming
from coreos_py.etcd.endpoints.reply import JSON, Reply, go_json

_WORDS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "notFound",
    405: "methodNotAllowed",
    409: "conflict",
    410: "gone",
    413: "tooLarge",
    415: "unsupportedMediaType",
    500: "internal",
    501: "notImplemented",
    503: "unavailable",
}


def is_wanted(request: Incoming) -> bool:
    """Whether the query asks for it."""
    return "detail" in request.query and parse_qs(request.query).get("detail", [""])[0] == "true"


def explain(reply: Reply) -> Reply:
    """A refusal as an object with code and reason; any other reply as it is."""
    if reply.status < 400:
        return reply
    members = {
        "message": _message(reply),
        "errorCode": reply.status,
        "reason": _WORDS.get(reply.status, "error"),
    }
    others = tuple((name, value) for name, value in reply.headers if name.lower() != "content-type")
    return Reply(reply.status, (("Content-Type", JSON), *others), go_json(members) + b"\n")


def _message(reply: Reply) -> str:
    if reply.header("Content-Type") == JSON:
        return str(json.loads(reply.body)["message"])
    return reply.body.decode().strip()

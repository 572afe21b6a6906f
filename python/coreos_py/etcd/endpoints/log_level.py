"""/config/local/log: change the log level while running."""

from coreos_py import logs
from coreos_py.etcd.endpoints.auth_documents import parse_object, text_of
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.refusals import RefusedError
from coreos_py.etcd.endpoints.reply import Reply, as_json

_LOG = logs.Log("etcd")


def change(request: Incoming, _context: Context) -> Reply:
    """`{"Level": "DEBUG"}`, the names of etcd's levels in any case."""
    try:
        level = text_of(parse_object(request.body), "level")
    except RefusedError:
        return as_json(400, {"message": "Invalid json body"})
    if level.lower() not in logs.LEVELS:
        return as_json(400, {"message": f"Invalid log level {level}"})
    logs.set_level(level.lower())
    _LOG.info("log level changed", level_name=level.lower())
    return Reply(204)

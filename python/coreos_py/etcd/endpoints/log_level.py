"""/config/local/log: change the log level while running."""

import json

from coreos_py import logs
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_json

_LOG = logs.Log("etcd")


def change(request: Incoming, _context: Context) -> Reply:
    """`{"Level": "DEBUG"}`, the names of etcd's levels in any case."""
    try:
        document = json.loads(request.body)
    except (ValueError, RecursionError):
        document = None
    level = document.get("Level", "") if isinstance(document, dict) else None
    if not isinstance(level, str):
        return as_json(400, {"message": "Invalid json body"})
    if level.lower() not in logs.LEVELS:
        return as_json(400, {"message": f"Invalid log level {level}"})
    logs.set_level(level.lower())
    _LOG.info("log level changed", level_name=level.lower())
    return Reply(204)

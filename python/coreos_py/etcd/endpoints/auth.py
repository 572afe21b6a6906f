"""/v2/auth: users and roles, which this version does not have yet; that they are off can be asked.

What would change or list them is refused with a sentence, so that a client does not take a 404 page for JSON.
"""

from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_json

_LATER = "auth: users, roles and authentication come with a later version"


def enable(request: Incoming, context: Context) -> Reply:
    """Whether requests are authenticated: never. Turning it off is refused as where it is off already."""
    cluster = context.cluster_id()
    if request.method == "GET":
        return as_json(200, {"enabled": False}, newline=True, cluster=cluster)
    if request.method == "DELETE":
        return as_json(409, {"message": "auth: already disabled"}, cluster=cluster)
    return later(request, context)


def later(_request: Incoming, context: Context) -> Reply:
    """Everything else."""
    return as_json(501, {"message": _LATER}, cluster=context.cluster_id())

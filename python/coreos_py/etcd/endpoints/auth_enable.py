"""/v2/auth/enable: whether requests are judged."""

from coreos_py.etcd.endpoints.auth_documents import Table, done, guarded
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.refusals import NOT_AS_EXPECTED, NOT_FOUND, RefusedError, decided
from coreos_py.etcd.endpoints.reply import Reply, as_json


def enable(request: Incoming, context: Context) -> Reply:
    """Ask, turn on, turn off. Anybody may ask."""
    if request.method == "GET":
        enabled = Table.of(context.member.auth_switch()).enabled
        return as_json(200, {"enabled": enabled}, newline=True, cluster=context.cluster_id())
    return _switch(request, context)


@guarded
def _switch(request: Incoming, context: Context) -> Reply:
    turns_on = request.method == "PUT"
    problem = context.member.switch_auth(turns_on, timeout_ms=context.request_timeout_ms)
    if decided(problem, context, NOT_FOUND, NOT_AS_EXPECTED) == 0:
        return done(context)
    if not turns_on:
        raise RefusedError(409, "auth: already disabled")
    if problem == NOT_AS_EXPECTED:
        raise RefusedError(409, "auth: already enabled")
    raise RefusedError(409, "auth: No root user available, please create one")

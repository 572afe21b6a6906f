"""/version and /health."""

from coreos_py import __version__
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_json, as_text
from coreos_py.etcd.versions import API_VERSION, CLUSTER_VERSION


def version(_request: Incoming, context: Context) -> Reply:
    """The version of the API that clients are to expect, and beside it our own."""
    decided = bool(context.member.status()["cluster_version"])
    versions = {"etcdserver": API_VERSION, "etcdcluster": CLUSTER_VERSION if decided else "not_decided"}
    if not context.upstream:
        versions["coreos_py"] = __version__
    return as_json(200, versions)


def is_healthy(context: Context) -> bool:
    """Whether a write sent now can be expected to succeed."""
    status = context.member.status()
    takes_writes = bool(status["leader_id"]) and not status["read_only"] and not status["poisoned"]
    # Whoever sent that one has been told of a timeout: the disk hangs.
    return takes_writes and status["oldest_proposal_ms"] < context.request_timeout_ms


def health(_request: Incoming, context: Context) -> Reply:
    """`true` while there is a leader and the log finishes writes. Blank and missing newline are etcd's."""
    if is_healthy(context):
        return as_text(200, '{"health": "true"}')
    return as_text(503, '{"health": "false"}\n')

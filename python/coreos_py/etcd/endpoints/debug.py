"""/debug/vars: the process and its Raft state, one variable per line as Go's expvar writes them."""

import resource
from pathlib import Path

from coreos_py.etcd.endpoints.context import Context, Incoming, hex_id
from coreos_py.etcd.endpoints.reply import Reply, go_json


def variables(_request: Incoming, context: Context) -> Reply:
    """Sorted by name."""
    parts = {
        "cmdline": list(context.cmdline),
        "file_descriptor_limit": context.descriptor_limit,
        "memstats": _memory(),
        "raft.status": _raft_status(context),
    }
    lines = b",\n".join(b'"%s": %s' % (name.encode(), go_json(value)) for name, value in parts.items())
    content_type = ("Content-Type", "application/json; charset=utf-8")
    return Reply(200, (content_type,), b"{\n" + lines + b"\n}\n")


def _memory() -> dict[str, int]:
    """Bytes. Of Go's many numbers the two that mean something here: in use now, and at most so far."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    used = pages * resource.getpagesize()
    # The kernel counts the peak now and then only.
    peak = max(used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
    return {"Alloc": used, "Sys": peak}


def _raft_status(context: Context) -> dict[str, object]:
    status = context.member.status()
    own = hex_id(status["member_id"])
    progress = {"match": status["raft_index"], "next": status["raft_index"] + 1, "state": "StateReplicate"}
    leads = status["leader_id"] == status["member_id"]
    return {
        "id": own,
        "term": status["term"],
        # The only voter votes for itself in every term that it leads.
        "vote": own if leads else "0",
        "commit": status["commit"],
        "lead": hex_id(status["leader_id"]),
        "raftState": status["state"],
        "progress": {own: progress} if leads else {},
    }

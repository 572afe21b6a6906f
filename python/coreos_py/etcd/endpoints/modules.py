"""/mod of etcd 0.4 (locks, leader election, dashboard), which later versions did not have either."""

from coreos_py.etcd.endpoints.reply import Reply, as_text

_SENTENCE = (
    "/mod (the lock, leader and dashboard modules of etcd 0.4) is deliberately absent: "
    "make locks and elections from prevExist, prevValue and ttl on /v2/keys, "
    "or take the recipes of coreos_py.client\n"
)


def is_module(path: str) -> bool:
    """Whether a decoded path is one of them."""
    return path == "/mod" or path.startswith("/mod/")


def absent() -> Reply:
    """404 for every method, with what to use instead."""
    return as_text(404, _SENTENCE)

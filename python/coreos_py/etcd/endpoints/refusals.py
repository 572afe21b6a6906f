"""Answers other than success of the endpoints that change something, and what the engine's errors come to."""

from collections.abc import Callable

from coreos_py._core import EngineError
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_json

# Numbers of the store's errors.
NOT_FOUND = 100
NOT_AS_EXPECTED = 101
EXISTS = 105
OVER_A_LIMIT = 209

Answer = Callable[[Incoming, Context], Reply]


class RefusedError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def insufficient() -> Reply:
    """The refusal of whoever is not root."""
    return as_json(401, {"message": "Insufficient credentials"})


def explained(answer: Answer) -> Answer:
    """An endpoint; what it raises becomes its reply."""

    def ask(request: Incoming, context: Context) -> Reply:
        cluster = context.cluster_id()
        try:
            return answer(request, context)
        except RefusedError as refused:
            return as_json(refused.status, {"message": refused.message}, cluster=cluster)
        except EngineError as error:
            # Refused is not made; of the others nobody knows.
            status = 503 if error.kind == "refused" else 500
            return as_json(status, {"message": f"etcdserver: {error}"}, cluster=cluster)

    return ask

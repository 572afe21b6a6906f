"""Answers other than success of the endpoints that change something, and what the engine's errors come to."""

from collections.abc import Callable

from coreos_py._core import EngineError
from coreos_py.etcd.endpoints.context import Context, Incoming
from coreos_py.etcd.endpoints.reply import Reply, as_json

# Numbers of the store's errors.
NOT_FOUND = 100
NOT_AS_EXPECTED = 101
EXISTS = 105
ROOT_IS_FIXED = 107
REMOVED = 107
LAST = 108
OVER_A_LIMIT = 209
# The log gave the change back, for it had no room for it: nobody has decided anything, and it was not made.
_NOT_TAKEN = 300

Answer = Callable[[Incoming, Context], Reply]


class RefusedError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def decided(problem: int, context: Context, *expected: int) -> int:
    """What a change came to: 0 for made, or one of the numbers that this endpoint has an answer for.

    Raises for any other: whatever it is, it is no success.
    """
    if problem == 0 or problem in expected:
        return problem
    if problem == _NOT_TAKEN:
        # There may be room again already.
        why = context.member.status()["read_only"] or "there was no room for it for a moment"
        raise RefusedError(503, f"etcdserver: read-only: {why}")
    raise RefusedError(500, f"etcdserver: the store refused the change with error {problem}")


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

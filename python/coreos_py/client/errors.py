"""What can go wrong between a client and a cluster.

Every error is an `EtcdError`; its text is what etcd's own client says in the same place, because scripts
read it.
"""

from __future__ import annotations

from collections.abc import Sequence


class EtcdError(Exception):
    """Base of everything that this package raises on purpose. Can be pickled, as between processes."""

    def __reduce__(self) -> tuple[object, ...]:
        # The usual way calls the type with `args`, which is not what every type here is made of.
        return _unpickled, (type(self), self.args, self.__dict__)


class ConfigurationError(EtcdError):
    """The caller's own settings are wrong: an endpoint URL, a certificate file. Nothing was sent."""


class ServerError(EtcdError):
    """The server answered with an etcd error object."""

    def __init__(self, status: int, code: int, message: str, cause: str, index: int) -> None:
        # Not `super()`: a subclass may have a second base with parameters of its own.
        EtcdError.__init__(self, status, code, message, cause, index)
        self.status = status
        self.code = code
        self.message = message
        self.cause = cause
        self.index = index

    def __str__(self) -> str:
        if self.code == 0:
            return self.message
        return f"{self.code}: {self.message} ({self.cause}) [{self.index}]"

    @property
    def is_authentication(self) -> bool:
        """True when credentials are missing, wrong, or do not allow the operation."""
        return self.status == 401 or self.code == 110


class KeyNotFoundError(ServerError):
    """100: there is no such key."""


class CompareFailedError(ServerError):
    """101: a condition on value or index did not hold; nothing was changed."""


class NotAFileError(ServerError):
    """102: a directory is where the request needs a file."""


class NotADirError(ServerError):
    """104: a part of the path is a file."""


class KeyExistsError(ServerError):
    """105: there is a node with this key already."""


class DirNotEmptyError(ServerError):
    """108: a directory that was to be removed still has children."""


class AccessDeniedError(ServerError):
    """Credentials are missing or wrong, or their user may not do this."""


class EventsLostError(EtcdError):
    """A watch cannot go on without a gap: read the state again and watch from there (`follow` does both)."""


class HistoryClearedError(ServerError, EventsLostError):
    """401: the server does not know any more what happened since the asked index."""


class IndexResetError(EventsLostError):
    """The cluster does not know events that were already delivered: it is a new or another one."""


class LeaseLostError(EtcdError):
    """A key that was to be kept alive is gone, has been changed, or could not be refreshed in time."""


class LockLostError(LeaseLostError):
    """The lock is no longer held: another holder may be at work."""


class LeadershipLostError(LeaseLostError):
    """No longer the leader: there may be another one."""


class TakenError(EtcdError):
    """Somebody else holds the lock, or leads, and the time to wait for it is over."""


class InvalidReplyError(EtcdError):
    """Something answered, but not in the way of an etcd server."""


class AttemptError(EtcdError):
    """One exchange with one endpoint failed.

    `sent` tells whether any byte of the request may have reached the server: if not, trying elsewhere is safe
    for every request. `connected` tells whether there was a connection at all, `answered` whether the headers
    of the answer had come before it broke off.
    """

    def __init__(self, reason: str, *, connected: bool, sent: bool, answered: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.answered = answered
        self.connected = connected
        self.sent = sent


class ConnectionLostError(AttemptError):
    """The connection ended before the first byte of an answer, as one does that the server had closed.

    `reused` tells that it had carried a request before: then that is the likely reason, and the same server
    may well be there.
    """

    def __init__(self, reason: str, *, reused: bool) -> None:
        super().__init__(reason, connected=True, sent=True)
        self.reused = reused


class DeadlineExceededError(AttemptError):
    """The time for the whole operation is used up.

    `connected` is about every endpoint tried; `reasons` has one text for each that had failed before.
    """

    def __init__(self, *, connected: bool, sent: bool, reasons: Sequence[str] = ()) -> None:
        super().__init__("context deadline exceeded", connected=connected, sent=sent)
        self.reasons = tuple(reasons)

    def __str__(self) -> str:
        return self.reason + "".join(f"\nerror #{n}: {reason}" for n, reason in enumerate(self.reasons))


class UnavailableError(EtcdError):
    """No endpoint gave an answer. `reasons` has one text per endpoint tried, in that order."""

    def __init__(self, reasons: Sequence[str], *, reached: bool) -> None:
        super().__init__(tuple(reasons), reached)
        self.reasons = tuple(reasons)
        self.reached = reached
        """True when at least one endpoint could be connected to (and then did not answer properly)."""

    def __str__(self) -> str:
        lines = "".join(f"error #{number}: {reason}\n" for number, reason in enumerate(self.reasons))
        return f"client: etcd cluster is unavailable or misconfigured\n{lines}"


class OutcomeUnknownError(EtcdError):
    """A write was sent and its answer never came: it may or may not have been carried out.

    Repeating it blindly could do it twice, so that is left to the caller.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.reason}\nthe request was sent, so it may have been carried out: the outcome is unknown"


class WriteInDoubtError(ServerError, OutcomeUnknownError):
    """A write was answered with 5xx: the server has given up waiting, and may yet carry it out."""

    def __init__(self, status: int, code: int, message: str, cause: str, index: int) -> None:
        ServerError.__init__(self, status, code, message, cause, index)
        self.reason = ServerError.__str__(self)

    __str__ = ServerError.__str__


def _unpickled(kind: type[EtcdError], args: tuple[object, ...], fields: dict[str, object]) -> EtcdError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(fields)
    return error


_BY_CODE: dict[int, type[ServerError]] = {
    100: KeyNotFoundError,
    101: CompareFailedError,
    102: NotAFileError,
    104: NotADirError,
    105: KeyExistsError,
    108: DirNotEmptyError,
    110: AccessDeniedError,
    401: HistoryClearedError,
}


def server_error(status: int, code: int, message: str, cause: str, index: int) -> ServerError:
    """The error of the type that belongs to a code, or to a status where there is no code."""
    kind = _BY_CODE.get(code, AccessDeniedError if status == 401 else ServerError)
    return kind(status, code, message, cause, index)

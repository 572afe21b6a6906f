"""What can go wrong between a client and a cluster.

Every error is an `EtcdError`; its text is what etcd's own client says in the same place, because scripts
read it.
"""

from __future__ import annotations

from collections.abc import Sequence


class EtcdError(Exception):
    """Base of everything that this package raises on purpose."""


class ConfigurationError(EtcdError):
    """The caller's own settings are wrong: an endpoint URL, a certificate file. Nothing was sent."""


class ServerError(EtcdError):
    """The server answered with an etcd error object."""

    def __init__(self, status: int, code: int, message: str, cause: str, index: int) -> None:
        super().__init__(status, code, message, cause, index)
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
    """The connection ended before the first byte of an answer, as one does that the server had closed."""


class DeadlineExceededError(AttemptError):
    """The time for the whole operation is used up."""

    def __init__(self, *, connected: bool, sent: bool) -> None:
        super().__init__("context deadline exceeded", connected=connected, sent=sent)


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

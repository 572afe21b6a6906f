"""Which failures may be tried again on another endpoint, and what is left when none answered. No I/O."""

from __future__ import annotations

from coreos_py.client.errors import (
    AttemptError,
    DeadlineExceededError,
    EtcdError,
    OutcomeUnknownError,
    ServerError,
    UnavailableError,
)
from coreos_py.client.requests import Request


class Attempts:
    """The failures of one request so far.

    `note` takes a failure and returns when the next endpoint may be asked; otherwise it raises what the
    caller should see. `exhausted` is what to raise when there is no further endpoint.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._reasons: list[str] = []
        self._reached = False
        self._sent_reason: str | None = None
        self._last_server_error: ServerError | None = None

    def note(self, failure: AttemptError) -> None:
        """A connection or exchange failed."""
        self._reached = self._reached or failure.connected
        if failure.sent and self._request.method != "GET":
            self._sent_reason = failure.reason
            if not self._request.repeatable:
                raise OutcomeUnknownError(failure.reason) from failure
        if isinstance(failure, DeadlineExceededError):
            raise self._final(failure) from failure
        self._reasons.append(failure.reason)

    def note_server_error(self, error: ServerError, endpoint_url: str) -> None:
        """The server answered 5xx: another member may do better, but never for what must not be repeated."""
        if not self._request.repeatable:
            raise error
        self._reached = True
        self._last_server_error = error
        self._reasons.append(f"client: etcd member {endpoint_url} answers {error}")

    def exhausted(self) -> EtcdError:
        """What to raise now that every endpoint has been tried."""
        if self._last_server_error is not None:
            return self._last_server_error
        return self._final(UnavailableError(self._reasons, reached=self._reached))

    def _final(self, error: EtcdError) -> EtcdError:
        return OutcomeUnknownError(str(error).rstrip("\n")) if self._sent_reason is not None else error

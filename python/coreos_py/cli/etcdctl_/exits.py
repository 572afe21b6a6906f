"""Exit statuses and the text that goes with them.

Scripts have relied on 4 for "the server said no" since 2014, and on 1 for the same from the commands for
members, users and roles. Differences to etcd's own client, all wished for by its users: a wrong command line
is 1 (there: often 0), refused credentials are 3 (there: 4 or 1), and when nothing can be connected to it is 2
with and without `--no-sync` (there: 1, 2 or 4).
"""

from __future__ import annotations

from coreos_py.client.errors import (
    ConfigurationError,
    DeadlineExceededError,
    EtcdError,
    ServerError,
    UnavailableError,
)

OK = 0
BAD_ARGUMENTS = 1
UNREACHABLE = 2
NOT_AUTHENTICATED = 3
SERVER_ERROR = 4
NOT_HEALTHY = 5
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


class CommandError(Exception):
    """A command that cannot go on. `text` goes to stderr as it is."""

    def __init__(self, text: str, exit_status: int = BAD_ARGUMENTS) -> None:
        super().__init__(text)
        self.text = text
        self.exit_status = exit_status


def error_line(text: str) -> str:
    """The form of nearly every message on stderr; the two blanks are etcd's."""
    return f"Error:  {text}\n"


def describe(error: EtcdError) -> tuple[str, int]:
    """What to print on stderr for a failed request, and the exit status."""
    if isinstance(error, ConfigurationError):
        return f"{error}\n", BAD_ARGUMENTS
    if isinstance(error, ServerError) and error.is_authentication:
        return error_line(str(error)), NOT_AUTHENTICATED
    if isinstance(error, UnavailableError) and not error.reached:
        return error_line(str(error)), UNREACHABLE
    if isinstance(error, DeadlineExceededError) and not error.connected:
        return error_line(str(error)), UNREACHABLE
    return error_line(str(error)), SERVER_ERROR

"""The standard descriptors of our commands: always open, and a reader that has gone is no traceback."""

from __future__ import annotations

import os
import sys

WRITE_FAILED = 1
READER_GONE = 141
"""128 + SIGPIPE, as shells have it: whoever read our output has gone, which is no error of ours."""


def open_missing_descriptors() -> None:
    """Fill descriptors 0 to 2 if the caller closed them: a socket or a file of the log must never become
    anybody's stdout or stderr."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def say(text: str, status: int = 0) -> int:
    """Write to stdout. The exit status: `status` if that was possible."""
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        status = READER_GONE
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        complain(f"{os.path.basename(sys.argv[0])}: write standard output: {reason}\n")
        status = WRITE_FAILED
    else:
        return status
    # What is still buffered would be tried, and complained of, once more when the interpreter ends.
    _forget(1)
    return status


def complain(text: str) -> None:
    """Write to stderr. When that fails there is no other place to tell anybody; the exit status says it."""
    try:
        print(text, end="", file=sys.stderr, flush=True)
    except OSError:
        _forget(2)


def _forget(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, descriptor)
    os.close(null)

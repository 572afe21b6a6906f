"""Waiting for a condition, with a deadline and a sentence about what there was instead."""

from __future__ import annotations

import time
from collections.abc import Callable

#: Long, because a busy machine is no failure; below most tests' limits, so that this says what is missing.
DEADLINE_S = 45.0
POLL_S = 0.01


class WaitedInVain(AssertionError):
    """The condition did not come true in time; the message says what there was at the end."""


def wait_until(
    is_so: Callable[[], bool], what: Callable[[], object] = str, deadline_s: float = DEADLINE_S
) -> None:
    """Return when `is_so`; fail with `what` there is instead. An exception of `is_so` ends the waiting."""
    deadline = time.monotonic() + deadline_s
    while not is_so():
        if time.monotonic() >= deadline:
            raise WaitedInVain(f"waited {deadline_s} s in vain: {what()}")
        time.sleep(POLL_S)

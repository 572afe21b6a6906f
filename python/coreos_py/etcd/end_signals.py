"""The signals that end the process, from its start to its end."""

import os
import signal
import threading
import time
from collections.abc import Callable

from coreos_py import logs

_LOG = logs.Log("etcd")
PATIENCE_S = 2.0
ENDED_STATUS = 1

Take = Callable[[int], None]


class EndSignals:
    """One thread waits for them; every other has them blocked.

    Handlers would not do: Python's run between any two steps of the main thread, also of another handler, so
    that a burst of signals can nest until there is no stack left.

    At first they end the process at once, as by default: nothing needs cleaning up then.
    """

    def __init__(self) -> None:
        # A hang-up does not end the member when it is ignored already: that is what `nohup` is for.
        hang_up_counts = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
        self._numbers = {signal.SIGTERM, signal.SIGINT, *((signal.SIGHUP,) if hang_up_counts else ())}
        self._changing = threading.Lock()
        self._take: Take = self._die
        self._kept: list[int] = []

    def watch(self) -> None:
        """Begin. In the main thread, before there are others: they inherit that these signals are blocked."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_BLOCK, self._numbers)
        threading.Thread(target=self._wait, name="signals", daemon=True).start()

    def keep(self) -> None:
        """From now on they are kept for whom they are passed to."""
        with self._changing:
            self._take = self._kept.append

    def pass_to(self, take: Take) -> None:
        """Those that are kept at once, others when they come; on another thread."""
        with self._changing:
            for number in self._kept:
                take(number)
            self._kept.clear()
            self._take = take

    def close(self) -> None:
        """The log is being closed, which has to be waited for: only who asks again after 2 s means at once.

        The process ends with status 1 then, and the log, which is made for that, is recovered at the next
        start.
        """
        began_s = time.monotonic()

        def end_at_once(number: int) -> None:
            if time.monotonic() - began_s > PATIENCE_S:
                _LOG.warn("ended before the log was closed", signal=signal.Signals(number).name)
                os._exit(ENDED_STATUS)

        self.pass_to(end_at_once)

    def _wait(self) -> None:
        while True:
            number = signal.sigwait(self._numbers)
            with self._changing:
                self._take(number)

    @staticmethod
    def _die(number: int) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        signal.raise_signal(number)

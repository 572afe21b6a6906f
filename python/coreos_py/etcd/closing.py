"""Closing the member: what was taken is written, the log is synced, the directory is unlocked."""

import os
import signal
import threading
import time
from types import FrameType
from typing import TYPE_CHECKING

from coreos_py import logs

if TYPE_CHECKING:
    from coreos_py._core import Engine

_LOG = logs.Log("etcd")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
PATIENCE_S = 2.0
ENDED_STATUS = 1


def close_engine(engine: "Engine") -> None:
    """Close it, however long the disk takes, and however often the process is told to end meanwhile.

    Only who asks again after 2 s means at once: the process ends with status 1, and the log, which is made
    for that, is recovered at the next start.
    """
    began_s = time.monotonic()

    def end_at_once(number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - began_s > PATIENCE_S:
            _LOG.warn("ended before the log was closed", signal=signal.Signals(number).name)
            os._exit(ENDED_STATUS)

    for number in _SIGNALS:
        signal.signal(number, end_at_once)
    # A thread, because Python looks at signals in the main one, which has to be in Python for that.
    closer = threading.Thread(target=engine.close, name="close", daemon=True)
    closer.start()
    closer.join()
    # At its end the interpreter would let signals kill the process again. Blocked, none is half handled.
    endings = (*_SIGNALS, signal.SIGHUP)
    signal.pthread_sigmask(signal.SIG_BLOCK, endings)
    for number in endings:
        signal.signal(number, signal.SIG_IGN)

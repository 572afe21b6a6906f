"""Closing the member, for an engine whose disk hangs."""

from __future__ import annotations

import signal
import subprocess
import sys

HANGS = """
import sys, threading
from coreos_py.etcd import end_signals

end_signals.PATIENCE_S = float(sys.argv[1])
signals = end_signals.EndSignals()
signals.watch()
signals.close()
print("closing", flush=True)
threading.Event().wait()
"""


def test_who_asks_again_at_once_changes_nothing() -> None:
    """A service manager may send two signals in a row. The control, with no patience, is in test_limits."""
    process = _hanging(patience_s=3600)
    for _ in range(50):
        process.send_signal(signal.SIGTERM)
    assert process.poll() is None
    process.kill()
    _out, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert not err


def _hanging(patience_s: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HANGS, str(patience_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "closing\n"
    return process

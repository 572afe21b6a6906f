"""The project's other command lines, run to their end."""

from __future__ import annotations

import subprocess

from tests.support.server import our_command

DEADLINE_S = 60.0


def run_coreos(*words: str) -> subprocess.CompletedProcess[str]:
    """`coreos WORDS`, whatever its exit status."""
    command = [our_command("coreos"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)

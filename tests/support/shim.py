"""A slow disk and a wall clock that jumps, for one process: `shim.c`, loaded before its C library."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")
#: `struct control`.
_CONTROL = "=qq"


def missing() -> str | None:
    """Why it cannot be built here."""
    return None if shutil.which("cc") else "there is no C compiler (cc)"


def build(folder: Path) -> Path:
    """The library."""
    folder.mkdir(parents=True, exist_ok=True)
    library = folder / "shim.so"
    words = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", str(library), str(SOURCE), "-ldl"]
    built = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert built.returncode == 0, built.stderr
    return library


class Shim:
    """What one process gets to see. `environment` is what it has to be started with."""

    def __init__(self, library: Path, control: Path) -> None:
        self._control = control
        control.write_bytes(bytes(struct.calcsize(_CONTROL)))
        self.environment = {"LD_PRELOAD": str(library), "COREOS_SHIM": str(control)}

    def set(self, *, sync_ms: int = 0, shift_s: int = 0) -> None:
        """From now on a sync takes so much longer, and the wall clock is so far from the machine's."""
        descriptor = os.open(self._control, os.O_WRONLY)
        try:
            os.pwrite(descriptor, struct.pack(_CONTROL, sync_ms, shift_s), 0)
        finally:
            os.close(descriptor)

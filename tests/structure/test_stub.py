"""`make check` compares the hand-written stub with the binary; here is the control of that comparison."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.structure.project import ROOT

STUB = ROOT / "python" / "coreos_py" / "_core.pyi"


def stubtest(stub: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """mypy's stubtest of the built extension against this stub text."""
    package = tmp_path / "coreos_py"
    package.mkdir()
    (package / "__init__.pyi").write_text("")
    (package / "_core.pyi").write_text(stub)
    config = tmp_path / "mypy.ini"
    config.write_text(f"[mypy]\nmypy_path = {tmp_path}\ncache_dir = {tmp_path / 'cache'}\n")
    return subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "coreos_py._core", "--mypy-config-file", str(config)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=110,
    )


def test_control_a_stub_that_lies_is_found(tmp_path: Path) -> None:
    text = STUB.read_text()
    wrong = text.replace("max_events: int = 256", "max_events: int = 257")
    assert wrong != text
    done = stubtest(wrong + "\ndef not_there() -> None: ...\n", tmp_path)
    assert done.returncode == 1
    assert "Front.turn" in done.stdout
    assert "not_there" in done.stdout

"""Another program from these sources: the engine with a feature that nobody ships."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.structure.project import ROOT


def missing() -> str | None:
    """Why it cannot be built here."""
    return None if shutil.which("cargo") else "cargo is not installed"


def build(feature: str, folder: Path) -> dict[str, str]:
    """Build it, with a package around it in `folder`: the variables that make a process one of it."""
    target = ROOT / "target" / feature
    variables = {
        "CARGO_TARGET_DIR": str(target),
        "PYO3_PYTHON": sys.executable,
        "PYO3_BUILD_EXTENSION_MODULE": "1",
    }
    words = ("cargo", "build", "--quiet", "--locked", "-p", "coreos-py")
    subprocess.run(
        (*words, "--features", f"coreos-engine/{feature}"),
        cwd=ROOT,
        env={**os.environ, **variables},
        check=True,
    )
    package = folder / "coreos_py"
    shutil.copytree(
        ROOT / "python" / "coreos_py", package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    shutil.copy(target / "debug" / "libcoreos_core.so", package / "_core.abi3.so")
    return {"PYTHONPATH": str(folder)}

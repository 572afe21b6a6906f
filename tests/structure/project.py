"""Where the project is and which files belong to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def project_files(root: Path = ROOT) -> list[Path]:
    """Every file that is, or is about to be, in version control: what `git` lists and does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [name for name in listed.stdout.split("\0") if name]
    return sorted(path for path in (root / name for name in names) if path.is_file())

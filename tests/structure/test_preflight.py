"""`make` names everything that a machine lacks, one line each, before it builds anything."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.structure.project import ROOT

TOOLS = {
    "python3": 'case "$1" in --version) echo Python 3.11.0;; esac; exit 0',
    "cc": "exit 0",
    "cargo": "exit 0",
    "rustc": 'echo "rustc 1.99.0 (made up)"',
}


def preflight(tmp_path: Path, tools: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The script with nothing on the path but a few ordinary utilities and these made-up tools."""
    for name in ("sed", "sort", "head"):
        found = shutil.which(name)
        assert found is not None, f"{name} is needed to test the script"
        (tmp_path / name).symlink_to(found)
    for name, body in tools.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    return subprocess.run(
        ["/bin/sh", str(ROOT / "scripts" / "preflight")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_a_complete_machine_gets_its_python(tmp_path: Path) -> None:
    done = preflight(tmp_path, TOOLS)
    assert (done.returncode, done.stdout, done.stderr) == (0, "python3\n", "")


@pytest.mark.parametrize(
    ("tool", "body", "complaint"),
    [
        ("python3", None, "missing: Python 3.11 or newer"),
        (
            "python3",
            'case "$1" in --version) echo Python 3.9.2; exit 0;; esac; exit 1',
            "python3 here: Python 3.9.2",
        ),
        ("python3", 'case "$2" in *ensurepip*) exit 1;; esac; exit 0', "missing: the venv module of python3"),
        ("cc", None, "missing: a C linker named cc"),
        ("cargo", None, "missing: a Rust toolchain"),
        ("rustc", None, "missing: a Rust toolchain"),
        ("rustc", "echo rustc 1.63.0", "rustc here is 1.63.0"),
        ("rustc", "echo rustc 1.9.0", "rustc here is 1.9.0"),
    ],
)
def test_one_missing_thing_is_one_line(tmp_path: Path, tool: str, body: str | None, complaint: str) -> None:
    tools = {name: text for name, text in TOOLS.items() if name != tool}
    if body is not None:
        tools[tool] = body
    done = preflight(tmp_path, tools)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_everything_missing_is_said_at_once(tmp_path: Path) -> None:
    done = preflight(tmp_path, {})
    assert done.returncode == 1
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["missing"] * 3


def test_a_newer_python_beside_an_old_one_is_taken(tmp_path: Path) -> None:
    tools = TOOLS | {"python3": "exit 1", "python3.12": "exit 0"}
    assert preflight(tmp_path, tools).stdout == "python3.12\n"


@pytest.mark.parametrize(
    ("cargo", "is_ci", "status", "said"),
    [
        ("exit 0", True, 7, "sh -c exit 7\n"),
        ("exit 0", False, 7, "sh -c exit 7\n"),
        ("exit 101", False, 0, "note: rustfmt is not installed"),
        ("exit 101", True, 1, "note: rustfmt is not installed"),
    ],
)
def test_a_missing_rust_component_is_a_note_at_a_desk_and_a_failure_in_ci(
    tmp_path: Path, cargo: str, is_ci: bool, status: int, said: str
) -> None:
    (tmp_path / "cargo").write_text(f"#!/bin/sh\n{cargo}\n")
    (tmp_path / "cargo").chmod(0o755)
    (tmp_path / "sh").symlink_to("/bin/sh")
    done = subprocess.run(
        [ROOT / "scripts" / "rust-component", "fmt", "rustfmt", "sh", "-c", "exit 7"],
        env={"PATH": str(tmp_path)} | ({"CI": "true"} if is_ci else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=20,
    )
    assert done.returncode == status
    assert said in done.stdout

"""Which program the oracle is. A comparison of ours with ours would prove nothing."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.server import debian_etcd, our_command


class NotAnOracle(AssertionError):
    """The program found is ours, or comes from our environment."""


@dataclass(frozen=True)
class Identity:
    """What a person needs to see which program it was."""

    path: Path
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"oracle: {self.path}, {self.version}, sha256 {self.sha256[:16]}"


def identify(path: Path) -> Identity:
    """The identity of an etcd that is not ours; raises `NotAnOracle`."""
    real = path.resolve(strict=True)
    if not path.is_absolute():
        raise NotAnOracle(f"{path} is not an absolute path")
    if real.is_relative_to(Path(sys.prefix).resolve()) or real == Path(our_command()).resolve():
        raise NotAnOracle(f"{real} belongs to the environment under test")
    content = real.read_bytes()
    if not content.startswith(b"\x7fELF"):
        raise NotAnOracle(f"{real} is a script, as our commands are, and not a compiled program")
    told = subprocess.run([str(path), "--version"], capture_output=True, text=True, timeout=30, check=True)
    lines = told.stdout.splitlines()
    if "coreos" in told.stdout.lower() or not any(line.startswith("Go Version: go") for line in lines):
        raise NotAnOracle(f"{real} says of itself {told.stdout!r}")
    return Identity(path, lines[0], hashlib.sha256(content).hexdigest())


def find() -> Identity | None:
    """Debian's etcd 3.4, if it is installed."""
    path = debian_etcd()
    return None if path is None else identify(Path(path))

"""Which long proofs there are, how each is run, and on which sources its result depends."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.support import network, power, shim
from tests.support.server import debian_etcd


@dataclass(frozen=True)
class Part:
    """One long proof. `count` is how many rounds, seeds or examples; its option overrides it.

    Either tests of pytest, marked `long`, or a call of cargo, in whose words `{count}` and `{seed}` are put.
    `covers` are the files and folders that can change the result: a change elsewhere leaves it valid.
    """

    name: str
    count: int
    what: str
    covers: tuple[str, ...]
    tests: tuple[str, ...] = ()
    count_variable: str | None = None
    needs: Callable[[], str | None] = lambda: None
    cargo: tuple[str, ...] = ()

    def command(self, count: int, seed: int, report: Path) -> list[str]:
        """What is executed. pytest writes to `report` (JUnit's XML) what it did."""
        if self.cargo:
            # Exit status 0 = every promise held.
            return ["cargo", *(word.format(count=count, seed=seed) for word in self.cargo)]
        words = [sys.executable, "-m", "pytest", "--long", "-m", "long", "-q", "-ra"]
        # The examples of Hypothesis do not come from COREOS_SEED.
        return [*words, f"--hypothesis-seed={seed}", f"--junitxml={report}", *self.tests]

    def environment(self, count: int, seed: int) -> dict[str, str]:
        """Variables that tell the tests how much to do."""
        extra = {"COREOS_SEED": str(seed)}
        if self.count_variable is not None:
            extra[self.count_variable] = str(count)
        return {**os.environ, **extra}

    def result(self, status: int, report: Path) -> str:
        """`passed`, or what was not. pytest exits with 0 when everything was skipped: that proves nothing."""
        if status != 0:
            return f"failed with exit status {status}"
        if self.cargo:
            return "passed"
        cases = list(ElementTree.parse(report).iter("testcase"))
        reasons = [why.get("message", "no reason given") for case in cases for why in case.iter("skipped")]
        if reasons:
            return f"not run: {len(reasons)} of {len(cases)} tests skipped: {'; '.join(sorted(set(reasons)))}"
        return "passed" if cases else "not run: there was no test"


def cargo_missing() -> str | None:
    """Why the parts in Rust cannot be run here."""
    return None if shutil.which("cargo") else "cargo is not installed"


def oracle_missing() -> str | None:
    """Why ours cannot be compared here."""
    return None if debian_etcd() else "Debian's etcd-server 3.4 is not installed"


def faults_missing() -> str | None:
    """Why not everything can be done to a cluster here."""
    return network.missing() or power.missing() or shim.missing()


def crates(*names: str) -> tuple[str, ...]:
    """The sources of crates, without their tests, and what decides how they are built."""
    sources = (f"rust/{name}/{what}" for name in names for what in ("src", "Cargo.toml"))
    return (*sources, "Cargo.toml", "Cargo.lock")


def modules(*names: str) -> tuple[str, ...]:
    """Modules or folders of the package, as paths."""
    return tuple(f"python/coreos_py/{name}" for name in names)


def support(*names: str) -> tuple[str, ...]:
    """What the tests share, as paths."""
    return tuple(f"tests/support/{name}.py" for name in names)


#: The daemon `etcd`, whole, and what starts and stops it for a test.
DAEMON = (
    *crates("engine", "http", "py", "raft", "store", "wal"),
    *modules("etcd", "client", "cli/etcd.py", "cli/streams.py", "logs.py", "go_values.py"),
    *("tests/conftest.py", *support("server", "ports", "waiting", "wire")),
)
_WRITERS = support("writers")
_MODEL = ("tests/model/gojson.py", "tests/model/pages.py", "tests/model/store.py")
_MALFORMED = ("tests/api/malformed", *support("plain_and_tls", "certificates", "verdict"))
_EXAMPLES = "COREOS_EXAMPLES"
_BUILD = ("run", "--release", "--quiet", "-p", "coreos-sim")
_SIMULATOR = (*_BUILD, "--", "--seeds", "{count}", "--first", "{seed}")
_CLUSTERS = (*_BUILD, "--", "--clusters", "--seeds", "{count}", "--first", "{seed}")
_SIMULATED = crates("engine", "http", "raft", "sim", "store", "wal")


def fuzz(name: str, count: int, crate: str) -> Part:
    """The fuzzing of a crate."""
    words = ("test", "--release", "--quiet", "-p", f"coreos-{crate}", "--test", "fuzz")
    variable = "COREOS_FUZZ_CASES"
    covers = (*crates(crate), f"rust/{crate}/tests")
    return Part(name, count, "inputs", covers, (), variable, cargo_missing, words)


def play(
    name: str,
    count: int,
    what: str,
    test: str,
    covers: tuple[str, ...],
    variable: str,
    needs: Callable[[], str | None] = lambda: None,
) -> Part:
    """A proof by pytest against whole daemons."""
    return Part(name, count, what, (test, *covers, *DAEMON), (test,), variable, needs)


PARTS = (
    Part("simulator", 10_000, "seeds", _SIMULATED, needs=cargo_missing, cargo=_SIMULATOR),
    Part("clusters", 10_000, "seeds", _SIMULATED, needs=cargo_missing, cargo=_CLUSTERS),
    fuzz("fuzz-http", 2_000_000, "http"),
    fuzz("fuzz-log", 200_000, "wal"),
    play(
        "power-cuts",
        1000,
        "cuts",
        "tests/faults/test_power_cut.py",
        (*_WRITERS, *support("power")),
        "COREOS_POWER_CUTS",
        power.missing,
    ),
    play("kills", 1000, "kills", "tests/faults/test_kill.py", _WRITERS, "COREOS_KILLS"),
    play(
        "histories",
        120,
        "faults",
        "tests/histories/test_long.py",
        (
            *("tests/histories", "tests/cluster/asking.py", "tests/etcdctl/runner.py"),
            *support("cluster", "linearizable", "network", "power", "shim"),
            "tests/support/shim.c",
        ),
        "COREOS_FAULTS",
        faults_missing,
    ),
    Part(
        "other-programs",
        2,
        "programs",
        (
            *("tests/cluster", "tests/histories", "tests/etcdctl/runner.py", "tests/structure/project.py"),
            *support("cluster", "linearizable", "network", "other_program", "power", "shim"),
            "tests/support/shim.c",
            *DAEMON,
        ),
        ("tests/cluster/test_mixed.py", "tests/histories/test_stale_build.py"),
        needs=lambda: cargo_missing() or network.missing(),
    ),
    play("model", 5000, "examples for each server", "tests/api/test_state_machine.py", _MODEL, _EXAMPLES),
    play(
        "differential",
        10_000,
        "examples",
        "tests/api/test_differential.py",
        (),
        _EXAMPLES,
        oracle_missing,
    ),
    play("malformed", 50_000, "examples", "tests/api/test_malformed.py", _MALFORMED, _EXAMPLES),
)

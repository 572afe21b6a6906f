"""Crates know each other only downwards: py -> engine -> {http, store, raft, wal}; leaves are strangers."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.structure.project import ROOT

# Which crates of this workspace each crate may have as a dependency of what it ships.
ALLOWED: dict[str, set[str]] = {
    "coreos-http": set(),
    "coreos-store": set(),
    "coreos-raft": set(),
    "coreos-wal": set(),
    "coreos-engine": {"coreos-http", "coreos-store", "coreos-raft", "coreos-wal"},
    "coreos-py": {"coreos-engine"},
    "coreos-sim": {"coreos-engine", "coreos-store", "coreos-raft", "coreos-wal"},
    "coreos-loadgen": set(),
}
# Tests of any crate may use these as well; neither may ever reach what is shipped.
NEVER_SHIPPED = {"coreos-sim", "coreos-loadgen"}

# Crates that would bring a clock, sockets, files or chance into the pure ones.
IMPURE = {"rustix", "libc", "mio", "socket2", "tokio", "rand", "getrandom", "tempfile", "crossbeam-channel"}
PURE = {"coreos-http", "coreos-store", "coreos-raft"}

# The feature by which rules of consensus are broken on purpose and who may ask for it.
BROKEN = "broken"
BREAKS = {"coreos-sim"}
# Features that make another program: one that knows only what 0.1 did, one whose reads can be stale. Tests
# give them to cargo by themselves.
OTHERS = {"older", "stale-reads"}

Manifests = dict[str, dict[str, Any]]


def manifests(root: Path) -> Manifests:
    """Cargo.toml of every workspace member by crate name."""
    workspace = tomllib.loads((root / "Cargo.toml").read_text())["workspace"]
    found = (tomllib.loads((root / member / "Cargo.toml").read_text()) for member in workspace["members"])
    return {manifest["package"]["name"]: manifest for manifest in found}


def names(manifest: dict[str, Any], table: str) -> set[str]:
    """Package names in one dependency table, renames and per-target tables included."""
    tables = [manifest.get(table, {})]
    tables += [target.get(table, {}) for target in manifest.get("target", {}).values()]
    result = set()
    for entries in tables:
        for name, entry in entries.items():
            result.add(entry.get("package", name) if isinstance(entry, dict) else name)
    return result


def violations(crates: Manifests) -> list[str]:
    """One sentence for every dependency that the layering forbids."""
    problems = []
    for crate, manifest in crates.items():
        if crate not in ALLOWED:
            problems.append(f"{crate} has no place in the layering; give it one in ALLOWED")
            continue
        shipped = names(manifest, "dependencies") | names(manifest, "build-dependencies")
        for other in sorted((shipped & crates.keys()) - ALLOWED[crate]):
            problems.append(f"{crate} must not depend on {other}")
        for other in sorted((names(manifest, "dev-dependencies") & crates.keys()) - ALLOWED[crate]):
            if other not in NEVER_SHIPPED:
                problems.append(f"the tests of {crate} must not depend on {other}")
        if crate in PURE:
            problems += [f"{crate} is pure and must not use {bad}" for bad in sorted(shipped & IMPURE)]
    return problems


def features(package: str) -> str:
    """What a build of the package, without its tests, asks of everybody below it, as cargo sees it."""
    words = ["cargo", "tree", "--offline", "--locked", "--edges", "features,no-dev", "--package", package]
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("crate", ["coreos-py", "coreos-loadgen"])
def test_nothing_shipped_can_break_a_rule(crate: str) -> None:
    assert f'feature "{BROKEN}"' not in features(crate)


@pytest.mark.parametrize("crate", ["coreos-py", "coreos-loadgen", "coreos-sim"])
def test_nothing_shipped_is_another_program(crate: str) -> None:
    for feature in OTHERS:
        assert f'feature "{feature}"' not in features(crate)
        assert not any(asks_for(feature, manifest) for manifest in manifests(ROOT).values())


def test_control_a_build_of_another_program_is_seen() -> None:
    assert set(manifests(ROOT)["coreos-engine"]["features"]) == OTHERS
    for feature in OTHERS:
        assert asks_for(feature, {"dependencies": {"coreos-engine": {"features": [feature]}}})


def test_control_the_simulator_can_break_rules() -> None:
    assert f'coreos-raft feature "{BROKEN}"' in features("coreos-sim")


def test_only_the_simulator_asks_for_broken_rules() -> None:
    assert {crate for crate, manifest in manifests(ROOT).items() if asks_for(BROKEN, manifest)} == BREAKS


def asks_for(feature: str, manifest: dict[str, Any]) -> bool:
    """Whether a crate turns a feature on for another, or for itself unless told otherwise."""
    tables = [manifest.get(f"{kind}dependencies", {}) for kind in ("", "dev-", "build-")]
    entries = [entry for table in tables for entry in table.values() if isinstance(entry, dict)]
    own = [name for names in manifest.get("features", {}).values() for name in names]
    return any(feature in entry.get("features", []) for entry in entries) or any(
        name.split("/")[-1] == feature for name in own
    )


def test_crates_know_each_other_only_downwards() -> None:
    assert violations(manifests(ROOT)) == []


def test_every_crate_of_the_layering_exists() -> None:
    assert set(manifests(ROOT)) == set(ALLOWED)


@pytest.mark.parametrize(
    ("crate", "table", "entry", "complaint"),
    [
        (
            "coreos-store",
            "dependencies",
            {"coreos-wal": {"workspace": True}},
            "must not depend on coreos-wal",
        ),
        ("coreos-http", "dev-dependencies", {"coreos-store": {"path": "../store"}}, "tests of coreos-http"),
        ("coreos-py", "dependencies", {"coreos-sim": {"workspace": True}}, "must not depend on coreos-sim"),
        ("coreos-py", "build-dependencies", {"load": {"package": "coreos-loadgen"}}, "coreos-loadgen"),
        ("coreos-raft", "dependencies", {"rand": "0.9"}, "pure and must not use rand"),
    ],
)
def test_control_a_forbidden_dependency_is_found(
    crate: str, table: str, entry: dict[str, Any], complaint: str
) -> None:
    crates = manifests(ROOT)
    crates[crate][table] = crates[crate].get(table, {}) | entry
    assert any(complaint in problem for problem in violations(crates))


def test_control_a_dependency_of_one_target_is_found() -> None:
    crates = manifests(ROOT)
    crates["coreos-wal"]["target"] = {"cfg(unix)": {"dependencies": {"coreos-raft": {"workspace": True}}}}
    assert violations(crates) == ["coreos-wal must not depend on coreos-raft"]


def test_control_a_crate_without_a_place_is_found() -> None:
    crates = manifests(ROOT) | {"coreos-extra": {"package": {"name": "coreos-extra"}}}
    assert violations(crates) == ["coreos-extra has no place in the layering; give it one in ALLOWED"]

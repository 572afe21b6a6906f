"""The long run: what a part covers, how it is run, and when its record is stale."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.histories.faults import KINDS
from tests.histories.test_long import ALL_FAULTS
from tests.structure.test_python_graph import imports, modules
from tests.structure.test_rust_graph import manifests, names
from tests.support.long_run import __main__ as command
from tests.support.long_run import record
from tests.support.long_run.parts import PARTS, Part
from tests.support.long_run.record import ROOT, staleness

KILLS = next(part for part in PARTS if part.name == "kills")
NOW = {"rust/wal": "1" * 40, "tests/faults": "3" * 40}


def entry(**changes: Any) -> dict[str, Any]:
    made = {"name": "kills", "count": KILLS.count, "seed": 1, "result": "passed", "covers": dict(NOW)}
    return {**made, "uncommitted": [], **changes}


def test_a_fresh_entry_is_not_stale() -> None:
    assert staleness(KILLS, entry(), NOW, []) == []


@pytest.mark.parametrize(
    ("made", "now", "changed", "says"),
    [
        (entry(), {**NOW, "rust/wal": "9" * 40}, [], "rust/wal changed since"),
        (entry(), {"rust/wal": "1" * 40}, [], "tests/faults changed since"),
        (entry(), NOW, ["rust/wal/src/lib.rs"], "uncommitted changes: rust/wal/src/lib.rs"),
        (entry(uncommitted=["python/x.py"]), NOW, [], "not committed: python/x.py"),
        (None, NOW, [], "was not run"),
        (entry(result="failed with exit status 1"), NOW, [], "failed with exit status 1"),
        (entry(covers={"rust/wal": "1" * 40}), NOW, [], "tests/faults was not covered"),
        (entry(count=3), NOW, [], "only 3 of 1000 kills"),
    ],
)
def test_staleness_is_said(
    made: dict[str, Any] | None, now: dict[str, str], changed: list[str], says: str
) -> None:
    assert any(says in reason for reason in staleness(KILLS, made, now, changed))


def test_check_informs_and_never_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--check"]) == 0
    assert capsys.readouterr().out.startswith("long run: ")


#: A project of one file, in which a part can be run in a second.
CONFTEST = """
def pytest_addoption(parser):
    parser.addoption("--long", action="store_true")

def pytest_configure(config):
    config.addinivalue_line("markers", "long: x")
"""
HEAD = "import os, random, pytest\npytestmark = pytest.mark.long\n"
PASSES = "def test_passes(): pass\n"
SKIPS = "def test_skips(): pytest.skip('needs root')\n"
FAILS = "def test_fails(): assert 0\n"


def run_tests(folder: Path, text: str, monkeypatch: pytest.MonkeyPatch, **options: Any) -> dict[str, Any]:
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(HEAD + text)
    monkeypatch.setattr(record, "ROOT", folder)
    part = Part("it", 1, "rounds", (), ("test_it.py",), "COREOS_ROUNDS", **options)
    return command.run_part(part, 5, 7)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (PASSES, "passed"),
        (SKIPS, "not run: 1 of 1 tests skipped: needs root"),
        (PASSES + SKIPS, "not run: 1 of 2 tests skipped: needs root"),
        (PASSES + FAILS, "failed with exit status 1"),
        ("", "failed with exit status 5"),
    ],
    ids=["passes", "skips", "skips one", "fails one", "nothing"],
)
def test_only_what_was_tested_has_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, result: str
) -> None:
    assert run_tests(tmp_path, text, monkeypatch)["result"] == result


def test_a_part_gets_count_and_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed of Hypothesis too."""
    text = (
        "def test_it(request):\n"
        "    assert os.environ['COREOS_ROUNDS'] == '5'\n"
        "    assert os.environ['COREOS_SEED'] == '7'\n"
        "    assert request.config.getoption('--hypothesis-seed') == '7'\n"
    )
    assert run_tests(tmp_path, text, monkeypatch)["result"] == "passed"


def test_a_part_that_lacks_something_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_tests(tmp_path, PASSES, monkeypatch, needs=lambda: "no disk")
    assert found["result"] == "not run: no disk"


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A full record with seed 1, in a repository whose sources have not changed; nothing is really run."""
    path = tmp_path / "long-run.json"
    monkeypatch.setattr(record, "RECORD", path)
    monkeypatch.setattr(record, "trees", lambda part: dict(NOW))
    monkeypatch.setattr(record, "uncommitted", lambda part: [])
    monkeypatch.setattr(command, "extension", lambda: "the same")
    monkeypatch.setattr(
        command,
        "run_part",
        lambda part, count, seed: {"name": part.name, "count": count, "seed": seed, "result": "passed"},
    )
    assert command.run([], {}, 1)
    return path


def entries(path: Path) -> dict[str, dict[str, Any]]:
    return {part["name"]: part for part in json.loads(path.read_text())["parts"]}


def test_one_part_anew_leaves_the_others_in_the_record(recorded: Path) -> None:
    assert command.run(["kills"], {}, 2)
    seeds = {name: part["seed"] for name, part in entries(recorded).items()}
    assert seeds == {part.name: 2 if part.name == "kills" else 1 for part in PARTS}


def test_nothing_of_another_format_stays_in_the_record(recorded: Path) -> None:
    recorded.write_text('{"format": 1, "parts": [{"name": "model", "result": "passed"}]}')
    assert command.run(["kills"], {}, 2)
    assert entries(recorded).keys() == {"kills"}


def test_a_commit_during_the_run_is_recorded(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([NOW, {**NOW, "rust/wal": "9" * 40}])
    monkeypatch.setattr(record, "trees", lambda part: next(answers))
    assert command.run(["kills"], {}, 2)
    found = entries(recorded)["kills"]
    assert found["uncommitted"] == ["rust/wal"]
    assert staleness(KILLS, found, NOW, [])


def test_a_commit_during_an_earlier_part_counts(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon of the later part was built before it."""
    now = dict(NOW)
    monkeypatch.setattr(record, "trees", lambda part: dict(now))

    def run_part(part: Part, count: int, seed: int) -> dict[str, Any]:
        now["rust/wal"] = "9" * 40
        return {"name": part.name, "count": count, "seed": seed, "result": "passed"}

    monkeypatch.setattr(command, "run_part", run_part)
    assert command.run(["kills", "model"], {}, 2)
    assert [entries(recorded)[name]["uncommitted"] for name in ("kills", "model")] == [["rust/wal"]] * 2


def test_another_build_during_the_run_counts(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builds = iter(["one", "another"])
    monkeypatch.setattr(command, "extension", lambda: next(builds))
    assert not command.run(["kills"], {}, 2)
    assert "built anew" in entries(recorded)["kills"]["result"]


def test_it_does_not_run_what_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "ROOT", tmp_path)
    assert command.not_built() == "there is no release build"
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / ".release").touch()
    (tmp_path / "Cargo.toml").touch()
    monkeypatch.setattr(record, "git", lambda *words: "Cargo.toml")
    assert command.not_built() is None
    later = (tmp_path / ".venv" / ".release").stat().st_mtime + 1
    os.utime(tmp_path / "Cargo.toml", (later, later))
    assert command.not_built() == "the release build is older than Cargo.toml"


def test_two_runs_at_once_lose_nothing(recorded: Path) -> None:
    """Each of many processes enters one part; each finds the others' there."""
    script = (
        "import sys; from pathlib import Path; from tests.support.long_run import record\n"
        "record.RECORD = Path(sys.argv[1])\n"
        "record.enter({'name': sys.argv[2], 'seed': 3})\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(recorded), part.name], cwd=ROOT) for part in PARTS
    ]
    assert [process.wait(timeout=30) for process in running] == [0] * len(PARTS)
    assert {part["seed"] for part in entries(recorded).values()} == {3}


def is_covered(path: Path, part: Part) -> bool:
    name = path.relative_to(ROOT).as_posix()
    return any(name == covered or name.startswith(f"{covered}/") for covered in part.covers)


@functools.cache
def loaded(first: Path, package: Path) -> frozenset[Path]:
    """The modules of a package that a file of it may load, lazily too; each package's `__init__` aside."""
    known = modules(package)
    seen: set[Path] = set()
    waiting = [first]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += [known[name] for name in imports(path, package) if name in known]
    return frozenset(path for path in seen if path.name != "__init__.py" or path.parent.name == "malformed")


#: A limit of time can make a run fail, not pass.
HARMLESS = {ROOT / "tests/support/budgets.py"}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: str(part.name))
def test_what_a_part_runs_is_covered(part: Part) -> None:
    assert all((ROOT / path).exists() for path in part.covers)
    needed: set[Path] = set()
    for test in part.tests:
        needed |= loaded(ROOT / test, ROOT / "tests") | loaded(ROOT / "tests/conftest.py", ROOT / "tests")
        package = ROOT / "python" / "coreos_py"
        needed |= loaded(package / "cli" / "etcd.py", package)
    missed = {path for path in needed - HARMLESS if not is_covered(path, part)}
    assert not missed


@pytest.mark.parametrize("part", PARTS, ids=lambda part: str(part.name))
def test_the_crates_that_a_part_is_built_from_are_covered(part: Part) -> None:
    known = manifests(ROOT)
    covered = {f"coreos-{path.split('/')[1]}" for path in part.covers if path.startswith("rust/")}
    assert covered
    for crate in covered:
        assert names(known[crate], "dependencies") & known.keys() <= covered


def test_a_missed_module_would_be_found() -> None:
    """The control: the part without one of its modules."""
    covers = tuple(path for path in KILLS.covers if path != "tests/support/writers.py")
    part = Part("kills", 1, "kills", covers, KILLS.tests)
    with pytest.raises(AssertionError):
        test_what_a_part_runs_is_covered(part)


def test_the_parts_of_cargo_get_count_and_seed() -> None:
    parts = {part.name: part for part in PARTS if part.cargo}
    words = parts["simulator"].command(5, 7, Path("report"))
    assert words[-5:] == ["--", "--seeds", "5", "--first", "7"]
    words = parts["clusters"].command(5, 7, Path("report"))
    assert words[-6:] == ["--", "--clusters", "--seeds", "5", "--first", "7"]
    for name, crate in (("fuzz-http", "http"), ("fuzz-log", "wal")):
        assert f"coreos-{crate}" in parts[name].command(5, 7, Path("report"))
        environment = parts[name].environment(5, 7)
        assert (environment["COREOS_FUZZ_CASES"], environment["COREOS_SEED"]) == ("5", "7")
        text = (ROOT / "rust" / crate / "tests" / "fuzz.rs").read_text()
        helper = ROOT / "rust" / crate / "tests" / "common" / "fuzz.rs"
        text += helper.read_text() if helper.exists() else ""
        assert all(variable in text for variable in ("COREOS_FUZZ_CASES", "COREOS_SEED"))


def test_the_histories_have_each_fault_ten_times() -> None:
    part = next(part for part in PARTS if part.name == "histories")
    assert part.count == ALL_FAULTS == max(100, 10 * len(KINDS))


def test_every_part_names_tests_that_exist() -> None:
    for part in PARTS:
        for test in part.tests:
            assert "pytest.mark.long" in (ROOT / test).read_text(), test


def test_every_long_test_is_in_a_part() -> None:
    """`make test` leaves them out: one that no part runs would never run."""
    marked = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^ *@?(pytestmark = )?pytest\.mark\.long", path.read_text(), re.MULTILINE)
    }
    assert marked == {test for part in PARTS for test in part.tests}

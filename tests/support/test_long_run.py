"""The record of the long run says when it is stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import long_run
from tests.support.budgets import BUDGETS
from tests.support.long_run import COVERED, PARTS, ROOT, Part, run_part, staleness

NOW = {"rust": "1" * 40, "python": "2" * 40, "tests/faults": "3" * 40}


def record(**changes: Any) -> dict[str, Any]:
    parts = [{"name": p.name, "count": p.count, "what": p.what, "result": "passed"} for p in PARTS]
    return {"format": 1, "covers": dict(NOW), "uncommitted": [], "parts": parts, **changes}


def test_a_fresh_record_is_not_stale() -> None:
    assert staleness(record(), NOW, []) == []


@pytest.mark.parametrize(
    ("made", "now", "changed", "says"),
    [
        (record(), {**NOW, "rust": "9" * 40}, [], "rust has changed"),
        (record(), NOW, ["rust/wal/src/lib.rs"], "rust/wal/src/lib.rs"),
        (record(uncommitted=["python/x.py"]), NOW, [], "python/x.py"),
        (record(parts=[]), NOW, [], "power-cuts: was not run"),
        (record(parts=[{"name": "kills", "result": "failed with exit status 1"}]), NOW, [], "kills: failed"),
        (record(covers={"rust": "1" * 40}), NOW, [], "python is not covered"),
        (
            record(parts=[{"name": "kills", "result": "passed", "count": 3}]),
            NOW,
            [],
            "kills: only 3 of 1000 kills",
        ),
        (record(format=0), NOW, [], "another format"),
    ],
)
def test_staleness_is_said(made: dict[str, Any], now: dict[str, str], changed: list[str], says: str) -> None:
    assert any(says in reason for reason in staleness(made, now, changed))


def test_check_informs_and_never_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert long_run.main(["--check"]) == 0
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
    monkeypatch.setattr(long_run, "ROOT", folder)
    return run_part(Part("it", 1, "rounds", ("test_it.py",), "COREOS_ROUNDS", **options), 5, 7)


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
    entry = run_tests(tmp_path, PASSES, monkeypatch, needs=lambda: "no disk")
    assert entry["result"] == "not run: no disk"


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A full record with seed 1, in a repository whose sources have not changed; nothing is really run."""
    path = tmp_path / "long-run.json"
    monkeypatch.setattr(long_run, "RECORD", path)
    monkeypatch.setattr(long_run, "trees", lambda: dict(NOW))
    monkeypatch.setattr(long_run, "uncommitted", list)
    monkeypatch.setattr(
        long_run,
        "run_part",
        lambda part, count, seed: {"name": part.name, "count": count, "seed": seed, "result": "passed"},
    )
    assert long_run.run([], {}, 1)
    return path


def seeds(path: Path) -> dict[str, int]:
    return {part["name"]: part["seed"] for part in json.loads(path.read_text())["parts"]}


def test_one_part_anew_leaves_the_others_in_the_record(recorded: Path) -> None:
    assert long_run.run(["kills"], {}, 2)
    assert seeds(recorded) == {part.name: 2 if part.name == "kills" else 1 for part in PARTS}


@pytest.mark.parametrize("how", ["committed", "uncommitted", "old format"])
def test_nothing_of_other_sources_stays_in_the_record(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "committed":
        monkeypatch.setattr(long_run, "trees", lambda: {**NOW, "rust": "9" * 40})
    elif how == "uncommitted":
        monkeypatch.setattr(long_run, "uncommitted", lambda: ["rust/x.rs"])
    else:
        recorded.write_text('{"format": 0}')
    assert long_run.run(["kills"], {}, 2)
    assert seeds(recorded) == {"kills": 2}


def test_a_commit_during_the_run_is_recorded(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([NOW, {**NOW, "rust": "9" * 40}])
    monkeypatch.setattr(long_run, "trees", lambda: next(answers))
    assert long_run.run(["kills"], {}, 2)
    assert json.loads(recorded.read_text())["uncommitted"] == ["rust"]


def test_what_a_part_runs_is_covered() -> None:
    for part in PARTS:
        for test in part.tests:
            assert any(test.startswith(f"{folder}/") for folder in COVERED), test
    assert all((ROOT / name).exists() for name in COVERED)


def test_the_parts_of_cargo_get_count_and_seed() -> None:
    parts = {part.name: part for part in PARTS if part.cargo}
    words = parts["simulator"].command(5, 7, Path("report"))
    assert words[-4:] == ["--seeds", "5", "--first", "7"]
    for name, crate in (("fuzz-http", "http"), ("fuzz-log", "wal")):
        assert f"coreos-{crate}" in parts[name].command(5, 7, Path("report"))
        environment = parts[name].environment(5, 7)
        assert (environment["COREOS_FUZZ_CASES"], environment["COREOS_SEED"]) == ("5", "7")
        text = (ROOT / "rust" / crate / "tests" / "fuzz.rs").read_text()
        helper = ROOT / "rust" / crate / "tests" / "common" / "fuzz.rs"
        text += helper.read_text() if helper.exists() else ""
        assert all(variable in text for variable in ("COREOS_FUZZ_CASES", "COREOS_SEED"))


def test_every_part_names_tests_that_exist() -> None:
    for part in PARTS:
        for test in part.tests:
            assert "pytest.mark.long" in (ROOT / test).read_text(), test


def test_every_area_has_a_budget() -> None:
    """Except `bench`, which `make test` does not run."""
    areas = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}
    assert areas - {"bench"} == BUDGETS.keys()


def test_the_budgets_are_those_of_the_documentation() -> None:
    """CONTRIBUTING.md shows the same table."""
    rows = {}
    for line in (ROOT / "CONTRIBUTING.md").read_text().splitlines():
        cells = [cell.strip(" `") for cell in line.strip("|").split("|")]
        if len(cells) == 4 and cells[0] in BUDGETS:
            rows[cells[0]] = tuple(int(cell) for cell in cells[1:])
    assert rows == {area: (b.area_s, b.test_s, b.long_test_s) for area, b in BUDGETS.items()}

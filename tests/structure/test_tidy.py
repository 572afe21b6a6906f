"""What a file of this project may be: small enough to hold in the head, and true on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.project import ROOT, project_files

LINES_MAX = 400
# Columns of comments and prose. Code has the limits of its formatters; tables and transcripts cannot wrap.
COLUMNS_MAX = 120
SOURCE = {".py", ".pyi", ".rs", ".toml", ".sh", ".md", ".yml", ""}
# Text that nobody edits by hand, and data.
NOT_OURS = {"LICENSE", "Cargo.lock", "requirements/dev.lock"}
# Files that are longer, each with the reason why splitting would make them worse.
LONGER: dict[str, str] = {}

# Spelled with gaps, so that this file passes its own test.
HOSTS = "crates. io, pypi. org, pythonhosted. org, deb.debian. org, registry.npmjs. org, proxy.golang. org"
NOTES = "TO DO, FIX ME, XX X"
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.])/(?:work|root|Users|home/\w+)/[\w.]"),
    "a registry's host": re.compile("|".join(map(re.escape, HOSTS.replace(". ", ".").split(", ")))),
    "a note to do it later": re.compile(rf"\b(?:{NOTES.replace(' ', '').replace(',', '|')})\b"),
    "a conflict marker": re.compile(r"^(?:<{7}|>{7}) ", re.MULTILINE),
    "a carriage return": re.compile(r"\r"),
    "a blank at the end of a line": re.compile(r"[ \t]$", re.MULTILINE),
}


def prose(name: str, text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines of a file that are wrapped by hand."""
    is_fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        start = line.lstrip()
        if name.endswith(".md"):
            is_fence = start.startswith("```")
            is_fenced ^= is_fence
            if not (is_fenced or is_fence or start.startswith("|")):
                yield number, line
        elif start.startswith("//" if name.endswith(".rs") else "#"):
            yield number, line


def complaints(name: str, text: str) -> list[str]:
    """One sentence for everything in a file that should not be there."""
    found = []
    lines = text.count("\n")
    if lines > LINES_MAX and name not in LONGER:
        found.append(f"{name} has {lines} lines; split it at an idea, or give the reason in LONGER")
    found += [
        f"{name}:{number} has {len(line)} columns, {COLUMNS_MAX} are the limit of comments and prose"
        for number, line in prose(name, text)
        if len(line) > COLUMNS_MAX
    ]
    for what, pattern in FORBIDDEN.items():
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(f"{name}:{line} holds {what}: {match.group().strip()!r}")
    if text and not text.endswith("\n"):
        found.append(f"{name} does not end with a newline")
    return found


def sources() -> dict[str, str]:
    """Every file of ours with text in it, by its path in the project."""
    paths = {path.relative_to(ROOT).as_posix(): path for path in project_files()}
    return {
        name: path.read_text()
        for name, path in paths.items()
        if path.suffix in SOURCE and name not in NOT_OURS and not name.startswith("bench/results/")
    }


def test_every_file_is_tidy() -> None:
    found = [line for name, text in sources().items() for line in complaints(name, text)]
    assert not found, "\n".join(found)


def test_reasons_belong_to_files_that_need_them() -> None:
    known = sources()
    stale = [name for name in LONGER if name not in known or known[name].count("\n") <= LINES_MAX]
    assert stale == []


def test_the_walk_sees_the_project() -> None:
    known = sources()
    assert {"Makefile", "README.md", "rust/http/src/lib.rs", "scripts/preflight", ".ci/run"} <= known.keys()
    assert Path(__file__).resolve().relative_to(ROOT).as_posix() in known


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x\n" * (LINES_MAX + 1), "lines; split it"),
        ('DATA = "/{}/data"\n'.format("root"), "a path of one machine"),
        ("see https://{}.org/project/trio\n".format("pypi"), "a registry's host"),
        (f"# {NOTES.replace(' ', '').split(',')[0]}: later\n", "a note to do it later"),
        ("a\r\n", "a carriage return"),
        ("a \n", "a blank at the end"),
        ("a", "does not end with a newline"),
    ],
)
def test_control_untidy_text_is_found(text: str, complaint: str) -> None:
    assert any(complaint in line for line in complaints("made_up.py", text))


@pytest.mark.parametrize(
    ("name", "text", "is_long"),
    [
        ("a.rs", "    /// {}\n", True),
        ("a.rs", '    say("{}");\n', False),
        ("Makefile", "# {}\n", True),
        ("a.md", "{}\n", True),
        ("a.md", "| {} |\n", False),
        ("a.md", "```\n{}\n```\n", False),
        ("a.md", "```\n```\n{}\n", True),
    ],
)
def test_control_long_comments_and_prose_are_found(name: str, text: str, is_long: bool) -> None:
    assert bool(complaints(name, text.format("w " * (COLUMNS_MAX // 2) + "w"))) == is_long


def test_control_tidy_text_passes() -> None:
    assert complaints("made_up.py", "a = 1\nlimit = '/v2/keys/workers/root/x'\n") == []

"""What the documents say is there: commands, files, folders, versions."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from coreos_py.cli.etcdctl_.table import COMMANDS
from coreos_py.etcd.endpoints.router import ROUTES
from tests.structure.project import ROOT, project_files

FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
MAKE = re.compile(r"(?:^|`|\s)make ((?!a\b|it\b|the\b|sure\b)[a-z][a-z-]*)(?=[`\s;,.)]|$)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What a heading can be linked by."""
    plain = (
        re.sub(r"[^\w\- ]", "", heading.lower()).strip() for heading in HEADING.findall(FENCE.sub("", text))
    )
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(path: Path, text: str) -> list[str]:
    """Relative links that lead nowhere."""
    broken = []
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = path.parent / place if place else path
        if not target.exists():
            broken.append(f"{path.name}: {link} leads nowhere")
        elif anchor and anchor not in anchors(text if target == path else target.read_text()):
            broken.append(f"{path.name}: {link} names a heading that is not there")
    return broken


def code(text: str) -> str:
    """The parts of a document that are meant to be typed: fenced blocks and inline code."""
    inline = re.findall(r"`[^`\n]+`", FENCE.sub("", text))
    return "\n".join([*FENCE.findall(text), *inline])


def unknown_targets(text: str, makefile: str) -> set[str]:
    """`make` commands in a document that the Makefile does not have."""
    return set(MAKE.findall(code(text))) - set(TARGET.findall(makefile))


def documents() -> list[Path]:
    """Every Markdown file of the project."""
    return [path for path in project_files() if path.suffix == ".md"]


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path, path.read_text()) == []


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_make_commands_exist(path: Path) -> None:
    assert unknown_targets(path.read_text(), (ROOT / "Makefile").read_text()) == set()


def test_the_readme_names_the_commands_a_newcomer_needs() -> None:
    named = set(MAKE.findall(code((ROOT / "README.md").read_text())))
    assert {"run", "test", "bench", "wheel"} <= named


def test_every_folder_is_on_the_map() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    crates = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]
    parts = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "python" / "coreos_py").iterdir()
        if path.is_dir()
    }
    folders = {name for name in parts if not name.endswith("__pycache__")} | set(crates)
    assert {name for name in folders if f"`{name}`" not in text} == set()


def test_one_version_everywhere() -> None:
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert f'__version__ = "{version}"' in (ROOT / "python" / "coreos_py" / "__init__.py").read_text()
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def unnamed(names: set[str], text: str) -> set[str]:
    """Names that do not stand in a document as code."""
    return {name for name in names if f"`{name}`" not in text}


def test_the_changelog_names_every_command_and_endpoint() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    assert unnamed({command.name for command in COMMANDS if command.module}, text) == set()
    assert unnamed(set(ROUTES), text) == set()


def test_control_a_missing_name_is_found() -> None:
    assert unnamed({"set", "ls", "/health"}, "`set` and ls and `/healthy`") == {"ls", "/health"}


def test_console_commands_have_their_functions() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    for target in scripts.values():
        module, _, function = target.partition(":")
        base = ROOT / "python" / Path(*module.split("."))
        path = base.with_suffix(".py") if base.with_suffix(".py").exists() else base / "__init__.py"
        assert re.search(
            rf"^(?:def {function}\b|from .* import .*\b{function}\b)", path.read_text(), re.MULTILINE
        )


def test_control_a_broken_link_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "# Way of one write\n[x](nowhere.md) [y](#way-of-one-write) [z](#other) [w](https://e.example/)\n"
    )
    assert broken_links(path, path.read_text()) == [
        "a.md: nowhere.md leads nowhere",
        "a.md: #other names a heading that is not there",
    ]


def test_control_an_unknown_target_is_found() -> None:
    text = "Use `make run` or\n\n```\nmake fly ARGS=1\n```\nand make sure that make swim is prose.\n"
    assert unknown_targets(text, "run: x\n\tdo it\n") == {"fly"}

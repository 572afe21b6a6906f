"""Python parts know each other only downwards, and `etcdctl` starts without loading what it does not need."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.structure.project import ROOT

PACKAGE = ROOT / "python" / "coreos_py"

# What each part of the package may import from the others. `_core` is the binary; modules directly in the
# package are parts of their own. A new part gets a line here in the change that adds it.
ALLOWED: dict[str, set[str]] = {
    "": set(),
    "_core": set(),
    "logs": set(),
    "go_values": set(),
    "client": {""},
    "etcd": {"_core", "client", "logs", "go_values", ""},
    "cli": {"_core", "client", "etcd", "logs", "go_values", ""},
    "demo": {"etcd"},
    "__main__": {"cli"},
}
# `etcdctl` loads none of these at its start: they cost more than a whole `etcdctl get`, or are the server.
NOT_AT_ONCE = {"trio", "httpx", "httpx2", "asyncio", "prometheus_client", "rich", "dns", "shtab"}
NOT_AT_ALL = {"coreos_py._core", "coreos_py.etcd"}


def part_of(module: str) -> str:
    """The part of the package a dotted module belongs to: `coreos_py.etcd.keys` is `etcd`."""
    words = module.split(".")
    return words[1] if len(words) > 1 else ""


def module_name(path: Path, package: Path) -> str:
    """The dotted name of a file."""
    words = [package.name, *path.relative_to(package).with_suffix("").parts]
    return ".".join(words[:-1] if words[-1] == "__init__" else words)


def at_import_time(tree: ast.Module) -> Iterator[ast.AST]:
    """Everything that runs when the module is imported: not function bodies, not `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)


def imports(path: Path, package: Path, *, only_at_import_time: bool = False) -> set[str]:
    """Absolute dotted names that a file imports; `from a import b` counts as both `a` and `a.b`."""
    tree = ast.parse(path.read_text(), str(path))
    found: set[str] = set()
    base = module_name(path, package).split(".")
    if path.name != "__init__.py":
        base = base[:-1]
    for node in at_import_time(tree) if only_at_import_time else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            words = base[: len(base) - node.level + 1] if node.level else []
            origin = ".".join([*words, *([node.module] if node.module else [])])
            found |= {origin} | {f"{origin}.{alias.name}" for alias in node.names}
    return found


def modules(package: Path) -> dict[str, Path]:
    """Every module of the package by dotted name."""
    return {module_name(path, package): path for path in sorted(package.rglob("*.py"))}


def violations(package: Path) -> list[str]:
    """One sentence for every import that the layering forbids."""
    known = modules(package)
    problems = []
    for module, path in known.items():
        part = part_of(module)
        if part not in ALLOWED:
            problems.append(f"{part} has no place in the layering; give it one in ALLOWED")
            continue
        inside = {name for name in imports(path, package) if name.split(".")[0] == package.name}
        for other in sorted(inside):
            # A bare `coreos_py` is the origin of `from coreos_py import x`, which is judged by x; a name that
            # is not a module (`coreos_py.__version__`) belongs to the package itself.
            target = part_of(other)
            is_module = any(name == other or name.startswith(f"{other}.") for name in known)
            if other == package.name or (other.count(".") == 1 and not is_module and target != "_core"):
                continue
            if target != part and target not in ALLOWED[part]:
                problems.append(f"{module} must not import {other}")
    return problems


def loaded_by(module: str, package: Path) -> dict[str, str]:
    """Modules loaded when this one is imported, each with the module that imports it."""
    known = modules(package)
    loaded: dict[str, str] = {}
    waiting = [(module, "")]
    while waiting:
        name, why = waiting.pop()
        if name in loaded:
            continue
        loaded[name] = why
        parents = [name.rsplit(".", n)[0] for n in range(1, name.count(".") + 1)]
        waiting += [(parent, why) for parent in parents if parent in known]
        if name in known:
            waiting += [(other, name) for other in imports(known[name], package, only_at_import_time=True)]
    return loaded


def heavy_imports(module: str, package: Path) -> list[str]:
    """One sentence for everything that a command must not load when it starts."""
    loaded = loaded_by(module, package)
    return [
        f"{loaded[name]} imports {name} at once"
        for name in sorted(loaded)
        if name.split(".")[0] in NOT_AT_ONCE or ".".join(name.split(".")[:2]) in NOT_AT_ALL
    ]


def test_parts_import_only_downwards() -> None:
    assert violations(PACKAGE) == []


def test_etcdctl_starts_light() -> None:
    assert "coreos_py.cli.etcdctl" in modules(PACKAGE)
    assert heavy_imports("coreos_py.cli.etcdctl", PACKAGE) == []


@pytest.fixture
def synthetic(tmp_path: Path) -> Path:
    """A small package of the same name that keeps every rule."""
    package = tmp_path / "coreos_py"
    for name, text in {
        "__init__.py": "",
        "_core.py": "",
        "client/__init__.py": "",
        "client/wire.py": "def later():\n    import trio\n",
        "etcd/__init__.py": "from coreos_py import _core, client\nimport trio\n",
        "cli/__init__.py": "",
        "cli/etcd.py": "from coreos_py import etcd\n",
        "cli/etcdctl.py": "from coreos_py.client.wire import later\n",
    }.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return package


def test_the_small_package_keeps_the_rules(synthetic: Path) -> None:
    assert violations(synthetic) == []
    assert heavy_imports("coreos_py.cli.etcdctl", synthetic) == []


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("client/bad.py", "from coreos_py import _core\n", "client.bad must not import coreos_py._core"),
        (
            "client/bad.py",
            "from coreos_py.cli import etcdctl\n",
            "coreos_py.client.bad must not import coreos_py.cli",
        ),
        ("client/bad.py", "from .. import etcd\n", "coreos_py.client.bad must not import coreos_py.etcd"),
        ("etcd/bad.py", "def f():\n    import coreos_py.cli.etcd\n", "coreos_py.etcd.bad must not import"),
        ("etcd/bad.py", "from ..cli import etcd\n", "coreos_py.etcd.bad must not import coreos_py.cli"),
        ("fleet/__init__.py", "", "fleet has no place in the layering"),
    ],
)
def test_control_a_forbidden_import_is_found(synthetic: Path, name: str, text: str, complaint: str) -> None:
    path = synthetic / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert any(complaint in problem for problem in violations(synthetic))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import trio\n", "imports trio at once"),
        ("class A:\n    from trio import sleep\n", "imports trio at once"),
        ("if True:\n    from trio import run\n", "imports trio at once"),
        ("from coreos_py._core import verify\n", "imports coreos_py._core at once"),
    ],
)
def test_control_a_heavy_import_is_found(synthetic: Path, text: str, complaint: str) -> None:
    (synthetic / "client" / "wire.py").write_text(f"{text}later = None\n")
    problems = heavy_imports("coreos_py.cli.etcdctl", synthetic)
    assert f"coreos_py.client.wire {complaint}" in problems

"""The programs in the documents, run one after the other on a fresh member:

they print what is printed there.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from coreos_py import client
from coreos_py.client.errors import EtcdError
from tests.structure.project import ROOT
from tests.support.server import Kind, Server

PROGRAM = re.compile(r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLAIN, TLS = "http://127.0.0.1:2379", "https://127.0.0.1:2379"


def programs(text: str) -> list[tuple[str, str]]:
    """Every program of a document with what it prints."""
    return PROGRAM.findall(text)


def printed(program: str) -> str:
    """Run it; what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "document", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def differences(text: str, addresses: dict[str, str]) -> list[str]:
    """One sentence for every program that prints something else."""
    found = []
    for program, expected in programs(text):
        for written, real in addresses.items():
            program = program.replace(f'"{written}"', f'"{real}"')  # noqa: PLW2901 - with real addresses
        if (got := printed(program)) != expected:
            found.append(f"{program}\nprinted\n{got}instead of\n{expected}")
    return found


@pytest.fixture
def addresses(
    make_server: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """A fresh member, one with TLS, and the files for it in the working directory."""
    authority = trustme.CA()
    own, other = authority.issue_cert("127.0.0.1"), authority.issue_cert("client.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name, issued in (("server", own), ("client", other)):
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.pem"))
        issued.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
    monkeypatch.chdir(tmp_path)
    plain = make_server(Kind.OURS).start()
    tls = (tmp_path / "server.pem", tmp_path / "server.key")
    context = client.TlsFiles(ca_file=str(tmp_path / "ca.pem")).context()
    secure = make_server(Kind.OURS, tls=tls, client_tls=context).start()
    return {
        PLAIN: f"http://127.0.0.1:{plain.client_port}",
        TLS: f"https://127.0.0.1:{secure.client_port}",
    }


@pytest.mark.parametrize(
    ("name", "count"), [("docs/client.md", 11), ("docs/client-failures.md", 1), ("README.md", 1)]
)
def test_the_programs_of_a_document(name: str, count: int, addresses: dict[str, str]) -> None:
    text = (ROOT / name).read_text()
    assert len(programs(text)) == count == text.count("```python\n")
    found = differences(text, addresses)
    assert not found, "\n".join(found)


def test_control_a_wrong_program_is_found() -> None:
    text = "```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nprint(1)\n```\n\n```text\n2\n```\n"
    assert len(differences(text, {})) == 1


def public_errors() -> set[str]:
    """The errors that the package gives."""
    found = {name: getattr(client, name) for name in client.__all__}
    return {name for name, kind in found.items() if issubclass(kind, EtcdError) and name != "EtcdError"}


def test_the_errors_are_all_in_the_table() -> None:
    table = (ROOT / "docs" / "client-failures.md").read_text().partition("## Errors")[2].partition("\n## ")[0]
    assert public_errors() == set(re.findall(r"\b\w+Error\b", table)) - {"EtcdError"}


def test_the_methods_are_all_named() -> None:
    text = "".join((ROOT / "docs" / name).read_text() for name in ("client.md", "client-failures.md"))
    groups = client.Client("http://127.0.0.1:1")
    for group in (groups.members, groups.stats, groups.auth.users, groups.auth.roles):
        for name in vars(type(group)):
            assert name.startswith("_") or f"`{name}(" in text, name
    names = {name for name in dir(groups) if not name.startswith("_")}
    internal = {"fetch", "open", "give_back", "suspect", "run", "run_hurried", "bears", "endpoints"}
    assert {name for name in names - internal if not re.search(rf"\b{name}\b", text)} == set()

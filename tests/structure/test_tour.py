"""The documents' transcripts, replayed: what is typed there answers what is printed there."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.structure.project import ROOT
from tests.support.server import Kind, Server, our_command

CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BOOK_PORT = "127.0.0.1:4001"


def transcript(text: str) -> list[tuple[str, str]]:
    """Every typed command of a document's console blocks with the output below it."""
    steps: list[tuple[str, str]] = []
    for block in CONSOLE.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            else:
                command, output = steps[-1]
                steps[-1] = (command, f"{output}{line}\n")
    return steps


def differences(steps: list[tuple[str, str]], server: Server) -> list[str]:
    """One sentence for every command that answers something else, typed in order against this server."""
    address = f"127.0.0.1:{server.client_port}"
    environment = os.environ | {
        "PATH": f"{Path(our_command()).parent}:{os.environ['PATH']}",
        "ETCDCTL_ENDPOINTS": f"http://{address}",
    }
    found = []
    for command, expected in steps:
        typed = command.replace(BOOK_PORT, address).replace("curl ", "curl -sS ")
        done = subprocess.run(
            ["/bin/sh", "-c", f"{typed} 2>&1"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        if done.stdout != expected:
            found.append(f"$ {command}\nanswered\n{done.stdout}instead of\n{expected}")
    return found


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    """A fresh member of ours."""
    return make_server(Kind.OURS).start()


@pytest.mark.parametrize(("document", "least"), [("README.md", 9), ("docs/v2-extensions.md", 9)])
def test_the_transcripts_of_a_document(server: Server, document: str, least: int) -> None:
    steps = transcript((ROOT / document).read_text())
    assert len(steps) >= least
    assert differences(steps, server) == []


def test_control_a_wrong_transcript_is_found(server: Server) -> None:
    text = "```console\n$ etcdctl mk /a 1\n1\n$ etcdctl get /a\n2\n```\n"
    found = differences(transcript(text), server)
    assert len(found) == 1
    assert "instead of\n2\n" in found[0]

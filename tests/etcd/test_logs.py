"""Log lines: one line each, whatever is in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from coreos_py import logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger(logs.ROOT)
    before = (root.level, root.handlers[:], root.propagate)
    yield
    root.level, root.handlers[:], root.propagate = before


def test_text_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "text")
    logs.Log("etcd").info("listening for clients", url="http://a:1", empty="", text='a "b"\nc=d', number=3)
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith("time=20")
    assert line.endswith(
        ' level=info msg="listening for clients" url=http://a:1 empty="" text="a \\"b\\"\\nc=d" number=3\n'
    )


def test_json_lines(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "json")
    logs.Log("etcd").warn("100% of %s", reason=OSError(2, "gone"), msg="never over the message")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["msg"], line["reason"]) == ("warn", "100% of %s", "[Errno 2] gone")


def test_levels(capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.Log("etcd")
    logs.set_up("error", "text")
    log.debug("a")
    log.info("b")
    log.warn("c")
    assert capsys.readouterr().err == ""
    log.error("d")
    log.fatal("e")
    logs.set_level("debug")
    log.debug("f")
    assert [line.split("level=")[1][:5] for line in capsys.readouterr().err.splitlines()] == [
        "error",
        "fatal",
        "debug",
    ]


def test_a_cause_is_in_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up("info", "text")
    cause = ValueError("x\ny")
    logs.Log("etcd").error("failed", cause=cause, path="/p")
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "ValueError: x\\ny" in line


@pytest.mark.parametrize("text", ["\x1b[31m", "\u2028", "\x85", "a\tb", "\ud800"])
def test_control_characters_cannot_forge_lines(capsys: pytest.CaptureFixture[str], text: str) -> None:
    logs.set_up("info", "text")
    logs.Log("etcd").info(text, value=text)
    line = capsys.readouterr().err
    assert len(line.splitlines()) == 1
    assert text not in line

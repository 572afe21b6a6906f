"""The flag parser, and the promise that no command line whatever ends in a traceback."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coreos_py.cli.etcdctl_ import discovery, output
from coreos_py.cli.etcdctl_.flags import Flag, FlagError, Values, parse
from coreos_py.cli.etcdctl_.run import run
from coreos_py.cli.etcdctl_.table import COMMANDS, GLOBAL_FLAGS
from coreos_py.client.endpoints import Endpoint
from coreos_py.client.services import ServicesError

FLAGS = (
    Flag(("ttl",), "", "integer"),
    Flag(("recursive", "r"), "", "switch"),
    Flag(("name", "n"), ""),
    Flag(("wait",), "", "duration"),
    Flag(("index",), "", "index"),
)
plain_words = st.text(min_size=1).filter(lambda word: not word.startswith("-"))
any_words = st.one_of(
    st.sampled_from([command.name for command in COMMANDS if command.module not in ("watch", "exec_watch")]),
    st.sampled_from([f"--{name}" for flag in GLOBAL_FLAGS for name in flag.names]),
    st.sampled_from([f"-{name}" for command in COMMANDS for flag in command.flags for name in flag.names]),
    st.sampled_from(["--", "-", "", "/k", "-1", "--ttl=3", "5", "true", "=", "--=", "help", "put"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.binary().map(lambda word: os.fsdecode(word.replace(b"\0", b""))),
)


def no_services(domain: str, _limit_s: float | None) -> list[Endpoint]:
    """A name server that knows nothing: the network is none of these tests' business."""
    raise ServicesError(f"lookup {domain!r}: no such host")


def parsed(*words: str) -> tuple[list[str], Values]:
    """Positionals and values."""
    values = Values()
    return parse(words, FLAGS, values), values


def test_flags_may_stand_anywhere() -> None:
    for words in (
        ["-ttl", "5", "a", "b"],
        ["a", "--ttl", "5", "b"],
        ["a", "b", "--ttl=5"],
        ["a", "b", "-ttl=5"],
    ):
        rest, values = parsed(*words)
        assert (rest, values.integer("ttl")) == (["a", "b"], 5)


def test_two_dashes_end_the_flags() -> None:
    rest, values = parsed("a", "--", "--ttl", "-r", "--")
    assert rest == ["a", "--ttl", "-r", "--"]
    assert "ttl" not in values


def test_values_that_look_like_flags() -> None:
    assert parsed("a", "-1", "-.5", "-")[0] == ["a", "-1", "-.5", "-"]
    assert parsed("-n", "--ttl")[1].text("name") == "--ttl"
    assert parsed("-n=", "x")[1].text("name", "default") == ""
    assert parsed("-n=a=b")[1].text("name") == "a=b"


def test_the_last_one_counts() -> None:
    assert parsed("-r", "--recursive=false")[1].switch("recursive") is False
    assert parsed("--ttl", "1", "--ttl", "2")[1].integer("ttl") == 2


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2.0),
        ("1m30s", 90.0),
        ("300ms", 0.3),
        ("1.5h", 5400.0),
        ("0", 0.0),
        ("10us", 1e-5),
        (".5s", 0.5),
    ],
)
def test_durations(text: str, seconds: float) -> None:
    assert parsed("--wait", text)[1].seconds("wait", 9.0) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "3", "s", "1x", "-1s", "1.2.3s", ".s", "1 s", "1e3s", "s1", "\u0663s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(FlagError):
        parsed("--wait", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "1.0",
        "1_0",
        "--1",
        "+-1",
        "0x",
        "0x0x1",
        "08",
        "\u0663",
        "9223372036854775808",
        "1 ",
        "1" * 80,
    ],
)
def test_what_is_no_integer(text: str) -> None:
    with pytest.raises(FlagError):
        parsed("--ttl", text)


@pytest.mark.parametrize(
    ("text", "value"),
    [("10", 10), ("010", 8), ("0o10", 8), ("0x10", 16), ("0b11", 3), ("-010", -8), ("+0X1f", 31), ("0", 0)],
)
def test_numbers_are_go_numbers(text: str, value: int) -> None:
    assert parsed("--ttl", text)[1].integer("ttl") == value


def test_the_ends_of_the_ranges() -> None:
    assert parsed("--ttl", "-9223372036854775808")[1].integer("ttl") == -(2**63)
    assert parsed("--index", "18446744073709551615")[1].integer("index") == 2**64 - 1
    assert parsed("--index", "0x1F")[1].integer("index") == 31
    for text in ("18446744073709551616", "-1", "+1"):
        with pytest.raises(FlagError):
            parsed("--index", text)


@settings(deadline=None)
@given(st.lists(plain_words), st.lists(st.text()))
def test_words_come_back_as_they_were(before: list[str], after: list[str]) -> None:
    assert parsed(*before, "--", *after)[0] == before + after


@settings(deadline=None)
@given(st.lists(plain_words, max_size=4), st.integers(-(2**63), 2**63 - 1), st.integers(0, 4))
def test_a_flag_is_found_in_every_place(words: list[str], ttl_s: int, place: int) -> None:
    rest, values = parsed(*words[:place], "--ttl", str(ttl_s), *words[place:])
    assert (rest, values.integer("ttl")) == (words, ttl_s)


@settings(deadline=None)
@given(words=st.lists(any_words, max_size=6))
def test_every_command_line_gives_an_exit_status(words: list[str]) -> None:
    """In this process, so that thousands are tried; nothing listens where the requests go."""
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ETCDCTL_")]:
            patch.delenv(name)
        patch.setattr(
            output, "_write_all", lambda _descriptor, data: shown.append(data.decode("utf-8", "replace"))
        )
        patch.setattr(os, "read", lambda _descriptor, _count: b"")
        patch.setattr(os, "isatty", lambda _descriptor: False)
        patch.setattr(discovery, "find_endpoints", no_services)
        with redirect_stderr(io.StringIO()) as stray:
            status = run(["--endpoints", "http://127.0.0.1:1", "--total-timeout", "50ms", *words])
    assert status in (0, 1, 2, 4)
    assert stray.getvalue() == ""
    assert status == 0 or shown
    assert "Traceback" not in "".join(shown)

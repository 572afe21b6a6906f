"""Flags as Go programs have them: one dash or two, `--name value` or `--name=value`, in any place.

`argparse` costs 7 ms of start-up and reads abbreviations and single dashes differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from coreos_py.go_values import parse_bool, parse_duration_ns, parse_int, parse_uint

_NS_PER_S = 1_000_000_000
_INT64_MAX = 2**63 - 1
_UINT64_MAX = 2**64 - 1


class Flag(NamedTuple):
    """One flag. `names` are without dashes, the first one is its key; `kind` says how its value is read.

    Kinds: `switch` (true or false, True when bare), `text`, `texts` (may be repeated), `integer` (64 bits,
    signed), `index` (64 bits, unsigned), `duration` (seconds as float, written like `1m30s`). `default` is
    only shown.
    """

    names: tuple[str, ...]
    help: str
    kind: str = "text"
    default: str = ""
    environment: str = ""


class FlagError(Exception):
    """A flag that cannot be read; the text says why."""


class UnknownFlagError(FlagError):
    """A flag that there is not; `name` is without dashes."""

    def __init__(self, name: str) -> None:
        super().__init__(f"flag provided but not defined: -{name}")
        self.name = name


class Values:
    """The flags that were given, by their first name."""

    def __init__(self) -> None:
        self._given: dict[str, str | bool | int | float] = {}
        self._lists: dict[str, list[str]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def put(self, flag: Flag, text: str | None) -> None:
        """Read and keep one value; None for a flag without one. Raises `FlagError`.

        The last one counts, except for `texts`, where all do.
        """
        if flag.kind == "texts":
            self._lists.setdefault(flag.names[0], []).append(text or "")
        else:
            self._given[flag.names[0]] = _read(flag, text)

    def switch(self, name: str) -> bool:
        """A switch, False when not given."""
        return self._given.get(name, False) is True

    def text(self, name: str, default: str = "") -> str:
        """A text."""
        value = self._given.get(name, default)
        assert isinstance(value, str)
        return value

    def texts(self, name: str) -> list[str]:
        """All texts of a flag that may be repeated."""
        return self._lists.get(name, [])

    def integer(self, name: str, default: int = 0) -> int:
        """An integer or index."""
        value = self._given.get(name, default)
        assert isinstance(value, int)
        return value

    def seconds(self, name: str, default_s: float) -> float:
        """A duration."""
        value = self._given.get(name, default_s)
        assert isinstance(value, float)
        return value


def parse(
    words: Sequence[str], flags: Sequence[Flag], values: Values, *, positionals_max: int | None = None
) -> list[str]:
    """Take the flags out of `words` into `values`; the rest is returned. Raises `FlagError`.

    `--` ends the flags; so does the first other word after `positionals_max` of them, which is returned with
    all that follow (an inner `--` among them). A word like `-1` or `-.5` is a value, for no flag begins so.
    """
    known = {name: flag for flag in flags for name in flag.names}
    rest: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        if len(rest) == positionals_max and not _is_flag(word):
            return rest + list(words[place:])
        place += 1
        if word == "--":
            return rest + list(words[place:])
        if not _is_flag(word):
            rest.append(word)
            continue
        name, equals, text = word.lstrip("-").partition("=")
        if word.startswith("---") or not name:
            raise FlagError(f"bad flag syntax: {word}")
        flag = known.get(name)
        if flag is None:
            raise UnknownFlagError(name)
        if equals:
            values.put(flag, text)
        elif flag.kind == "switch":
            values.put(flag, None)
        elif place < len(words):
            values.put(flag, words[place])
            place += 1
        else:
            raise FlagError(f"flag needs an argument: -{name}")
    return rest


def _is_flag(word: str) -> bool:
    return len(word) > 1 and word[0] == "-" and not (word[1].isdigit() or word[1] == ".")


def _read(flag: Flag, text: str | None) -> str | bool | int | float:
    if text is None:
        return True
    if flag.kind == "text":
        return text
    try:
        if flag.kind == "switch":
            return parse_bool(text)
        if flag.kind == "duration":
            return _duration_ns(text) / _NS_PER_S
        if flag.kind == "integer":
            return _in_range(parse_int(text), -_INT64_MAX - 1, _INT64_MAX)
        return _in_range(parse_uint(text), 0, _UINT64_MAX)
    except ValueError as error:
        what = "boolean value" if flag.kind == "switch" else "value"
        preposition = "for" if flag.kind == "switch" else "for flag"
        name = flag.names[0]
        raise FlagError(f'invalid {what} "{text}" {preposition} -{name}: {error}') from error


def _duration_ns(text: str) -> int:
    if text.startswith("-"):
        raise ValueError("must not be negative")
    return _in_range(parse_duration_ns(text), 0, _INT64_MAX)


def _in_range(value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise ValueError("value out of range")
    return value

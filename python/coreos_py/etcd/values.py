"""Texts of flags and variables to values, by Go's rules where etcd has them.

Every parser takes the text and returns a value or raises `ValueError` with the reason alone: the caller knows
which flag it was.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_UINT = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]*|[1-9][0-9]*", re.ASCII)
_DURATION = re.compile(r"(\d{1,15}(?:\.\d{0,15})?)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_MS_PER_UNIT = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
# More digits cannot be in range, and Python refuses to convert very long ones.
_DIGITS_MAX = 70


@dataclass(frozen=True, slots=True)
class Kind:
    """How the text of a flag is read. A `is_switch` flag takes a value only as `--flag=value`."""

    parse: Callable[[str], object]
    is_switch: bool = False


def quoted(text: str) -> str:
    """The text in double quotes, so that blanks and control characters in it show."""
    return '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'


def parse_text(text: str) -> str:
    """Any text that can be a C string in UTF-8."""
    if "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("not UTF-8 text")
    return text


def parse_switch(text: str) -> bool:
    """A Go boolean."""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise ValueError("parse error")


def parse_uint(text: str) -> int:
    """A Go unsigned integer, base by prefix (`0x`, `0b`, `0`, `0o`)."""
    if not _UINT.fullmatch(text) or len(text) > _DIGITS_MAX:
        raise ValueError("parse error")
    if text.startswith("0") and text[1:2].isdigit():
        return int(text, 8)
    return int(text, 0)


def uint(low: int = 0, high: int = 2**63 - 1) -> Kind:
    """An unsigned integer from `low` to `high`, both included."""

    def parse(text: str) -> int:
        value = parse_uint(text)
        if not low <= value <= high:
            raise ValueError(f"value out of range: {low} to {high}")
        return value

    return Kind(parse)


def parse_duration_ms(text: str) -> int:
    """A Go duration (`1m30s`) or a bare number of milliseconds, as whole milliseconds."""
    if _UINT.fullmatch(text):
        total_ms: float = parse_uint(text)
    else:
        total_ms, at = 0.0, 0
        while match := _DURATION.match(text, at):
            total_ms += float(match[1]) * _MS_PER_UNIT[match[2]]
            at = match.end()
        if at == 0 or at != len(text):
            raise ValueError("parse error: neither milliseconds nor a duration such as 90s or 1m30s")
    if not 1 <= total_ms < 2**40:
        raise ValueError("value out of range: 1ms to 2^40ms")
    return int(total_ms)


def choice(*allowed: str) -> Kind:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"invalid value: one of {', '.join(allowed)}")
        return text

    return Kind(parse)


def parse_words(text: str) -> tuple[str, ...]:
    """A comma list; blanks around entries and empty entries are dropped."""
    return tuple(word for part in parse_text(text).split(",") if (word := part.strip()))


def describe(value: object) -> str:
    """A parsed value as the help and warnings show it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def flatten(table: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """A table of a configuration file as flag names and texts: `[peer] bind_addr` is `peer-bind-addr`."""
    flat: dict[str, str] = {}
    for key, value in table.items():
        name = prefix + key.replace("_", "-")
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{name}-")
        elif isinstance(value, list):
            flat[name] = ",".join(map(describe, value))
        else:
            flat[name] = describe(value)
    return flat


TEXT = Kind(parse_text)
SWITCH = Kind(parse_switch, is_switch=True)
UINT = uint()
DURATION = Kind(parse_duration_ms)
WORDS = Kind(parse_words)

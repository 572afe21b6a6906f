"""Texts of flags and variables to values, by Go's rules where etcd has them.

Every parser takes the text and returns a value or raises `ValueError` with the reason alone: the caller knows
which flag it was.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from coreos_py.go_values import parse_bool, parse_duration_ns, parse_uint

_NS_PER_MS = 1_000_000


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
    has_unit = text.endswith(("s", "m", "h"))
    try:
        total_ms = parse_duration_ns(text) // _NS_PER_MS if has_unit else parse_uint(text)
    except ValueError as error:
        reason = "neither milliseconds nor a duration such as 90s or 1m30s"
        raise ValueError(f"{error}: {reason}") from error
    if not 1 <= total_ms < 2**40:
        raise ValueError("value out of range: 1ms to 2^40ms")
    return total_ms


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
SWITCH = Kind(parse_bool, is_switch=True)
UINT = uint()
DURATION = Kind(parse_duration_ms)
WORDS = Kind(parse_words)

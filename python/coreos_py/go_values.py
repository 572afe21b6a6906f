"""Booleans, numbers and durations in the spelling of Go's flags, which etcd's users and scripts know.

Every parser returns the value or raises `ValueError` with Go's reason; whether it is in range is for the
caller to judge.
"""

from __future__ import annotations

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_DIGITS = "0123456789abcdef"
_BASES = {"x": 16, "o": 8, "b": 2}
_UNITS_NS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
# More digits cannot be in any range, and Python refuses to convert very long ones.
_DIGITS_MAX = 70
_PARSE_ERROR = "parse error"


def parse_bool(text: str) -> bool:
    """`true`, `false` and their short forms."""
    if text not in _TRUE and text not in _FALSE:
        raise ValueError(_PARSE_ERROR)
    return text in _TRUE


def parse_uint(text: str) -> int:
    """A number without a sign, its base by prefix: `0x`, `0b`, `0o`, and a leading `0` is octal too."""
    base, digits = 10, text
    if text[:1] == "0" and len(text) > 1:
        prefixed = text[1].lower() in _BASES
        base, digits = (_BASES[text[1].lower()], text[2:]) if prefixed else (8, text[1:])
    if not digits or len(digits) > _DIGITS_MAX or not set(digits.lower()) <= set(_DIGITS[:base]):
        raise ValueError(_PARSE_ERROR)
    return int(digits, base)


def parse_int(text: str) -> int:
    """The same with `-` or `+` before it, or neither."""
    value = parse_uint(text[1:] if text[:1] in ("+", "-") else text)
    return -value if text[0] == "-" else value


def parse_duration_ns(text: str) -> int:
    """`1h2m3.5s` or `300ms`, in whole nanoseconds; a bare `0` is the only number without a unit."""
    rest = text.removeprefix("+")
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(_PARSE_ERROR)
    total_ns = 0
    while rest:
        number, rest = _leading(rest, "0123456789.")
        unit, rest = _leading(rest, "nu\u00b5\u03bcmsh")
        whole, _, fraction = number.partition(".")
        if unit not in _UNITS_NS or "." in fraction or not whole + fraction or len(number) > _DIGITS_MAX:
            raise ValueError(_PARSE_ERROR)
        total_ns += int(whole + fraction) * _UNITS_NS[unit] // 10 ** len(fraction)
    return total_ns


def _leading(text: str, letters: str) -> tuple[str, str]:
    """The longest beginning made of these letters, and the rest."""
    rest = text.lstrip(letters)
    return text[: len(text) - len(rest)], rest

"""JSON as Go's encoder writes it, for comparing whole bodies byte by byte."""

from __future__ import annotations

from typing import Any

_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONG = {"<", ">", "&", "\u2028", "\u2029"}


def text(value: str) -> str:
    """A string with its quotes; HTML's special characters and line separators are escaped."""
    pieces = []
    for char in value:
        if char in _SHORT:
            pieces.append(_SHORT[char])
        elif char in _LONG or ord(char) < 0x20:
            pieces.append(f"\\u{ord(char):04x}")
        else:
            pieces.append(char)
    return '"' + "".join(pieces) + '"'


def dump(value: Any) -> str:
    """Compact JSON of dicts (in their order), lists, strings, integers and booleans."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{text(k)}:{dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(value) if isinstance(value, str) else str(value)

"""What Go's JSON parser says about a body that it cannot read; clients show these sentences."""

import json

_PLACES = {
    "Expecting value": "looking for beginning of value",
    "Extra data": "after top-level value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after array element or object key:value pair",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}
_NAMES = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}


def syntax_message(body: bytes, error: Exception) -> str:
    """The sentence for a body on which `json.loads` raised `error`."""
    if isinstance(error, UnicodeDecodeError):
        return "invalid UTF-8 in JSON input"
    if isinstance(error, RecursionError):
        return "exceeded max depth"
    if not isinstance(error, json.JSONDecodeError):
        return "number out of range"
    text = body.decode("utf-8", "replace")
    if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    return f"invalid character '{text[error.pos]}' {_PLACES.get(error.msg, 'in JSON input')}"


def type_name(value: object) -> str:
    """Go's name of a JSON value's type."""
    return _NAMES.get(type(value), "null")

"""Writing to the standard descriptors as bytes, without `sys.stdout`'s buffer and encoding."""

from __future__ import annotations

import os


def encode(text: str) -> bytes:
    """UTF-8; half a surrogate pair, which JSON can carry and UTF-8 cannot, becomes U+FFFD."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode("utf-8")


def write_out(text: str) -> None:
    """Write to stdout at once. Raises `OSError`, `BrokenPipeError` among them."""
    _write_all(1, encode(text))


def write_error(text: str) -> None:
    """Write to stderr at once."""
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:
        data = encode(text)
    try:
        _write_all(2, data)
    except OSError:
        # There is no other place left to tell anybody; the exit status still says it.
        return


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]

"""Positional arguments that several commands share."""

from __future__ import annotations

import os
from collections.abc import Sequence

from coreos_py.cli.etcdctl_.exits import CommandError, error_line
from coreos_py.client._text import to_bytes


def required_key(words: Sequence[str]) -> str:
    """The key, which is the first word."""
    if not words:
        raise CommandError(error_line("key required"))
    return words[0]


def value_or_stdin(words: Sequence[str]) -> bytes:
    """The value: the second word, or all of standard input, unchanged. An explicit empty word is a value."""
    if len(words) > 1:
        return to_bytes(words[1])
    parts = []
    try:
        while part := os.read(0, 1 << 20):
            parts.append(part)
    except OSError as error:
        raise CommandError(error_line(f"read standard input: {(error.strerror or '').lower()}")) from error
    if not parts:
        raise CommandError(error_line("value required"))
    return b"".join(parts)

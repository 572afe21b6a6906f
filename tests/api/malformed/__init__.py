"""Malformed requests as data."""

from __future__ import annotations

from tests.api.malformed.asked import FORMS, METHODS, NUMBERS, PATHS
from tests.api.malformed.case import FORM_TYPE, HOST, Case
from tests.api.malformed.framed import BINARY, CHUNKS, FRAMING, OVERSIZE, SMUGGLING, TRUNCATED

__all__ = ["ALL_CASES", "FORM_TYPE", "HOST", "Case"]

ALL_CASES = [
    *METHODS,
    *PATHS,
    *NUMBERS,
    *FORMS,
    *OVERSIZE,
    *FRAMING,
    *SMUGGLING,
    *CHUNKS,
    *TRUNCATED,
    *BINARY,
]

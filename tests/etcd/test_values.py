"""Numbers and durations of flags, in Go's spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coreos_py.etcd.values import parse_duration_ms
from coreos_py.go_values import parse_bool, parse_duration_ns, parse_int, parse_uint


@pytest.mark.parametrize(
    ("text", "expected"),
    [("50", 50), ("0x32", 50), ("062", 50), ("0o62", 50), ("0b110010", 50), ("0", 0), ("00", 0)],
)
def test_the_base_of_a_number_is_in_its_prefix(text: str, expected: int) -> None:
    assert parse_uint(text) == expected
    assert parse_int(f"-{text}") == -expected


@pytest.mark.parametrize("text", ["", "+1", "-1", "08", "0b2", "0x", "0x0x1", "1_0", "1.0", " 1", "\u0663"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="parse error"):
        parse_uint(text)


@pytest.mark.parametrize(
    ("text", "ms"),
    [("1500", 1500), ("90s", 90_000), ("1m30s", 90_000), ("1.5h", 5_400_000), ("250ms", 250), (".5s", 500),
     ("0x10", 16), ("1h0m0.001s", 3_600_001)],
)  # fmt: skip
def test_durations_of_the_daemon_may_be_bare_milliseconds(text: str, ms: int) -> None:
    assert parse_duration_ms(text) == ms


@given(st.integers(0, 2**63 - 1))
def test_any_number_in_any_base_comes_back(value: int) -> None:
    for text in (str(value), hex(value), oct(value), bin(value), f"0{value:o}"):
        assert parse_uint(text) == value
    assert parse_duration_ns(f"{value}ns") == value


@given(st.text())
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for parse in (parse_bool, parse_uint, parse_int, parse_duration_ns, parse_duration_ms):
        try:
            parse(text)
        except ValueError:
            continue

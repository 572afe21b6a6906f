"""Times and durations in Go's spelling, to the nanosecond."""

from datetime import UTC, datetime

_NS_PER_S = 1_000_000_000
_SMALL_UNITS = ((1_000_000, "ms"), (1_000, "µs"), (1, "ns"))


def time_text(unix_ns: int | None) -> str:
    """RFC 3339 in UTC without trailing zeros; None is Go's zero time."""
    if unix_ns is None:
        return "0001-01-01T00:00:00Z"
    seconds, ns = divmod(unix_ns, _NS_PER_S)
    day = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return day + _fraction(ns, 9) + "Z"


def duration_text(ns: int) -> str:
    """A duration of zero or more, as `9m54.004888647s`, `17.5s` or `334.5ms`."""
    if ns == 0:
        return "0s"
    if ns < _NS_PER_S:
        size, unit = next((size, unit) for size, unit in _SMALL_UNITS if ns >= size)
        return f"{ns // size}{_fraction(ns % size, len(str(size)) - 1)}{unit}"
    seconds, rest = divmod(ns, _NS_PER_S)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{seconds}{_fraction(rest, 9)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _fraction(part: int, digits: int) -> str:
    return "" if part == 0 else "." + str(part).zfill(digits).rstrip("0")

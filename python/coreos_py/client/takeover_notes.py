"""What nobody can tell from a takeover's numbers, for people."""

from __future__ import annotations

from coreos_py.client import requests
from coreos_py.client.errors import EtcdError
from coreos_py.client.takeover import Takeover

_ORDERED_NAME_DIGITS = 20


def notes(work: Takeover) -> list[str]:
    """One text each. Raises `EtcdError` when the target is gone."""
    told = f" except {', '.join(work.hidden)}" if work.hidden else " (see --hidden)"
    found = [f"names that begin with _ are hidden: what is below them was not seen{told}"]
    if any("\N{REPLACEMENT CHARACTER}" in item.value for item in work.items):
        found.append("some values hold U+FFFD, which is how etcd shows bytes that are not UTF-8")
    found += _ordered_names(work)
    found.append(f"what was written is noted below {work.record_key} of the target, for the next time")
    try:
        now = work.source.call(requests.get("/")).etcd_index
    except EtcdError as error:
        found.append(f"whether the source has changed meanwhile is not known: {str(error).rstrip()}")
    else:
        if now != work.source_index:
            change = f"index {work.source_index} to {now}"
            found.append(f"the source has changed meanwhile ({change}): run this again")
    return found


def _ordered_names(work: Takeover) -> list[str]:
    names = [item.key.rpartition("/")[2] for item in work.items if not item.is_dir]
    ordered = [int(name) for name in names if len(name) == _ORDERED_NAME_DIGITS and _is_number(name)]
    target_index = work.target.call(requests.get("/")).etcd_index if ordered else 0
    if not ordered or max(ordered) <= target_index:
        return []
    reach = f"in-order names reach {max(ordered)}, the target's index is {target_index}"
    return [f"{reach}: until it has passed that, new in-order keys sort before those taken over"]


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()

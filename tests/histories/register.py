"""A register with compare-and-swap: its model, and Jepsen's record of what clients did with one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.support.linearizable import Operation

#: What a register holds: a number, or nothing.
Value = int | None


class Read(NamedTuple):
    """The reply is `("value", what it held)`."""


class Write(NamedTuple):
    """The reply is `("done",)`."""

    value: int


class Swap(NamedTuple):
    """The reply is `("done",)` or `("refused",)`."""

    old: int
    new: int


Request = Read | Write | Swap
Reply = tuple[str, Value] | tuple[str]


class Held(NamedTuple):
    """The state: a value of its own type, so that holding nothing is a state too."""

    value: Value


class Register:
    """A register that holds nothing at first."""

    def initial(self) -> Held:
        """It holds nothing."""
        return Held(None)

    def after(self, state: Held, request: Request, reply: Reply | None) -> Held | None:
        """See `Model`."""
        match request:
            case Read():
                return state if reply in (None, ("value", state.value)) else None
            case Write(value):
                return Held(value)
            case Swap(old, new):
                outcome = ("done",) if state.value == old else ("refused",)
                if reply not in (None, outcome):
                    return None
                return Held(new) if outcome == ("done",) else state


_LINE = re.compile(
    r"INFO\s+jepsen\.util - (?P<client>\d+)\s+:(?P<what>invoke|ok|fail|info)\s+:(?P<op>read|write|cas)\s+"
    r"(?P<argument>nil|:timed-out|\d+|\[\d+ \d+\])"
)


def _request(op: str, argument: str) -> Request:
    numbers = [int(number) for number in re.findall(r"\d+", argument)]
    if op == "read":
        return Read()
    return Write(numbers[0]) if op == "write" else Swap(numbers[0], numbers[1])


def jepsen(path: Path) -> list[Operation[Request, Reply]]:
    """The operations of a log of Jepsen's. A line's number is its moment."""
    open_calls: dict[int, tuple[int, Request]] = {}
    history: list[Operation[Request, Reply]] = []
    for moment, line in enumerate(path.read_text().splitlines()):
        found = _LINE.match(line)
        if found is None:
            continue
        client, what, op = int(found["client"]), found["what"], found["op"]
        if what == "invoke":
            assert client not in open_calls, f"{path.name}:{moment + 1}: client {client} calls twice"
            open_calls[client] = (moment, _request(op, found["argument"]))
            continue
        called, request = open_calls.pop(client)
        if what == "info":
            history.append(Operation(client, called, None, request, None))
        elif what == "fail" and op == "cas":
            history.append(Operation(client, called, moment, request, ("refused",)))
        elif what == "ok":
            argument = found["argument"]
            value = None if argument == "nil" else int(argument) if op == "read" else None
            reply: Reply = ("value", value) if op == "read" else ("done",)
            history.append(Operation(client, called, moment, request, reply))
        # A read or a write that failed did nothing.
    history += [
        Operation(client, called, None, request, None) for client, (called, request) in open_calls.items()
    ]
    return history

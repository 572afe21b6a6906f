"""Is a history of operations linearizable? (Wing and Gong's search with Lowe's memory of what was tried.)

A history is linearizable if every operation can be given a moment between its call and its return so that,
carried out in that order, each has the reply that it had. An operation whose outcome is unknown may have its
moment at any time after its call, or never.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

State = TypeVar("State", bound=Hashable)
Request = TypeVar("Request")
Reply = TypeVar("Reply")
Request_contra = TypeVar("Request_contra", contravariant=True)
Reply_contra = TypeVar("Reply_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Operation(Generic[Request, Reply]):
    """What one client did. `called` and `returned` are moments of one clock.

    `returned` is None when nobody knows whether it was carried out; `reply` means nothing then.
    """

    client: int
    called: int
    returned: int | None
    request: Request
    reply: Reply | None


class Model(Protocol[State, Request_contra, Reply_contra]):
    """What an operation does to the state, one at a time."""

    def initial(self) -> State:
        """Before the first operation."""
        ...

    def after(self, state: State, request: Request_contra, reply: Reply_contra | None) -> State | None:
        """The state after it; None if it could not have had this reply. `reply` None: it may have had any."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict(Generic[Request, Reply]):
    """`order` explains the most that can be explained; `stuck` has returned, and fits nowhere behind that."""

    order: tuple[Operation[Request, Reply], ...]
    stuck: Operation[Request, Reply] | None

    @property
    def is_linearizable(self) -> bool:
        """Whether one order explains every reply."""
        return self.stuck is None


class _Entry(Generic[Request, Reply]):
    """A call or a return in a list of those that have not got their moment, in the order of time."""

    __slots__ = ("after", "before", "is_call", "number", "operation", "partner")

    def __init__(self, operation: Operation[Request, Reply] | None, number: int, *, is_call: bool) -> None:
        self.operation = operation
        self.number = number
        self.is_call = is_call
        self.partner: _Entry[Request, Reply] | None = None
        self.before: _Entry[Request, Reply] | None = None
        self.after: _Entry[Request, Reply] | None = None

    def lift(self) -> None:
        """Take this call and its return out of the list."""
        for entry in (self, self.partner):
            if entry is not None:
                _join(entry.before, entry.after)

    def unlift(self) -> None:
        """Put them back; the last taken out is the first put back."""
        for entry in (self.partner, self):
            if entry is not None:
                if entry.before is not None:
                    entry.before.after = entry
                if entry.after is not None:
                    entry.after.before = entry


def _join(before: _Entry[Request, Reply] | None, after: _Entry[Request, Reply] | None) -> None:
    if before is not None:
        before.after = after
    if after is not None:
        after.before = before


def _linked(history: Iterable[Operation[Request, Reply]]) -> _Entry[Request, Reply]:
    """The list's head, which is no entry itself."""
    head: _Entry[Request, Reply] = _Entry(None, -1, is_call=True)
    moments: list[tuple[int, _Entry[Request, Reply]]] = []
    for number, operation in enumerate(history):
        call = _Entry(operation, number, is_call=True)
        moments.append((operation.called, call))
        if operation.returned is not None:
            call.partner = _Entry(operation, number, is_call=False)
            moments.append((operation.returned, call.partner))
    # At the same moment a call comes first: nothing says that the other had returned before it.
    moments.sort(key=lambda pair: (pair[0], not pair[1].is_call))
    last = head
    for _moment, entry in moments:
        _join(last, entry)
        last = entry
    return head


def check(
    history: Iterable[Operation[Request, Reply]], model: Model[State, Request, Reply]
) -> Verdict[Request, Reply]:
    """Search for an order. The time is exponential in how many operations overlap, linear in their number."""
    head = _linked(history)
    state = model.initial()
    done = 0
    tried: set[tuple[int, State]] = set()
    order: list[tuple[_Entry[Request, Reply], State]] = []
    best: tuple[Operation[Request, Reply], ...] = ()
    best_stuck: Operation[Request, Reply] | None = None
    entry = head.after
    while True:
        if entry is None:
            # Nothing that has returned is left.
            return Verdict(_operations(order), None)
        operation = entry.operation
        assert operation is not None
        if entry.is_call:
            reply = operation.reply if operation.returned is not None else None
            next_state = model.after(state, operation.request, reply)
            with_it = done | 1 << entry.number
            if next_state is not None and (with_it, next_state) not in tried:
                tried.add((with_it, next_state))
                order.append((entry, state))
                entry.lift()
                state, done, entry = next_state, with_it, head.after
            else:
                entry = entry.after
            continue
        # It has returned, so its moment has to come before everything that follows here.
        if best_stuck is None or len(order) > len(best):
            best, best_stuck = _operations(order), operation
        if not order:
            return Verdict(best, best_stuck)
        last, state = order.pop()
        done &= ~(1 << last.number)
        last.unlift()
        entry = last.after


def _operations(
    order: list[tuple[_Entry[Request, Reply], State]],
) -> tuple[Operation[Request, Reply], ...]:
    return tuple(entry.operation for entry, _state in order if entry.operation is not None)

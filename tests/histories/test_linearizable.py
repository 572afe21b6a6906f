"""The checker agrees with recorded verdicts and with a naive one, and says what it could not explain."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.histories.register import Held, Read, Register, Reply, Request, Swap, Write, jepsen
from tests.support.linearizable import Operation, check

LOGS = Path(__file__).parent / "jepsen-etcd"
VERDICTS = dict(line.split("\t") for line in (LOGS / "verdicts.tsv").read_text().splitlines())

History = list[Operation[Request, Reply]]


def test_every_log_has_a_verdict() -> None:
    assert sorted(path.name for path in LOGS.glob("*.log")) == sorted(VERDICTS)
    assert set(VERDICTS.values()) == {"linearizable", "not-linearizable"}


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_recorded_histories_get_their_verdict(name: str) -> None:
    history = jepsen(LOGS / name)
    verdict = check(history, Register())
    assert verdict.is_linearizable == (VERDICTS[name] == "linearizable")
    assert_explains(verdict.order)
    if verdict.is_linearizable:
        assert set(verdict.order) >= {operation for operation in history if operation.returned is not None}


def assert_explains(order: tuple[Operation[Request, Reply], ...]) -> None:
    """The order is one: replies fit, and nothing comes before what had returned before it was called."""
    state: Held | None = Held(None)
    latest_call = -1
    for operation in order:
        assert state is not None
        reply = operation.reply if operation.returned is not None else None
        state = Register().after(state, operation.request, reply)
        assert operation.returned is None or operation.returned > latest_call
        latest_call = max(latest_call, operation.called)
    assert state is not None


def naive(history: History) -> bool:
    """Try every order of every choice of unknown operations."""
    returned = [one for one in history if one.returned is not None]
    unknown = [one for one in history if one.returned is None]
    for count in range(len(unknown) + 1):
        for chosen in itertools.combinations(unknown, count):
            for order in itertools.permutations([*returned, *chosen]):
                try:
                    assert_explains(order)
                except AssertionError:
                    continue
                return True
    return False


requests = st.one_of(
    st.just(Read()),
    st.builds(Write, st.integers(0, 1)),
    st.builds(Swap, st.integers(0, 1), st.integers(0, 1)),
)


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Up to five operations that overlap in any way; replies of any kind that their request can have."""
    count = draw(st.integers(1, 5))
    moments = draw(st.permutations(range(2 * count)))
    history: History = []
    for client in range(count):
        called, returned = sorted(moments[2 * client : 2 * client + 2])
        request = draw(requests)
        reply: Reply
        if isinstance(request, Read):
            reply = ("value", draw(st.sampled_from([None, 0, 1])))
        elif isinstance(request, Write):
            reply = ("done",)
        else:
            reply = (draw(st.sampled_from(["done", "refused"])),)
        is_known = draw(st.integers(0, 4)) > 0
        known = (returned, reply) if is_known else (None, None)
        history.append(Operation(client, called, known[0], request, known[1]))
    return history


@given(histories())
def test_it_agrees_with_trying_everything(history: History) -> None:
    verdict = check(history, Register())
    assert verdict.is_linearizable == naive(history)
    assert_explains(verdict.order)


def done(
    client: int, called: int, returned: int, request: Request, reply: Reply
) -> Operation[Request, Reply]:
    return Operation(client, called, returned, request, reply)


def test_a_stale_read_is_named() -> None:
    history: History = [
        done(1, 0, 1, Write(1), ("done",)),
        done(1, 2, 3, Write(2), ("done",)),
        done(2, 4, 5, Read(), ("value", 1)),
    ]
    verdict = check(history, Register())
    assert (verdict.order, verdict.stuck) == (tuple(history[:2]), history[2])
    # The control: a read that was called before the second write had returned may see the first.
    history[2] = done(2, 2, 5, Read(), ("value", 1))
    history[1] = done(1, 3, 4, Write(2), ("done",))
    assert check(history, Register()).is_linearizable


def test_an_unknown_outcome_may_come_late_or_never() -> None:
    unknown: Operation[Request, Reply] = Operation(1, 0, None, Write(1), None)
    late: History = [
        unknown,
        done(2, 1, 2, Read(), ("value", None)),
        done(2, 3, 4, Read(), ("value", 1)),
        done(2, 5, 6, Read(), ("value", 1)),
    ]
    assert check(late, Register()).is_linearizable
    assert check(late[:2], Register()).is_linearizable
    # The control: it cannot be taken back.
    back = [*late[:3], done(2, 5, 6, Read(), ("value", None))]
    assert not check(back, Register()).is_linearizable


def test_a_long_history_takes_no_long_time() -> None:
    """Ten thousand operations by five clients who always overlap: the search never goes back far."""
    history: History = []
    for round_ in range(2_000):
        for client in range(5):
            called = round_ * 10 + client
            history.append(done(client, called, called + 5, Write(round_ * 5 + client), ("done",)))
    assert check(history, Register()).is_linearizable

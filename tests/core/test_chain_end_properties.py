"""Every chain ends once, and cleanly: commitment, replay, cancelling, events out of order."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.chain import IllegalEvent, step
from router.core.events import (
    Cancel,
    Cancelled,
    Ended,
    Event,
    Finish,
    FirstContent,
    GiveUp,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from router.core.failure import Failure, FailureClass
from router.core.state import Phase
from tests.core.strategies import PROFILE, QUICK, SCRIPTS, play, worlds

if TYPE_CHECKING:
    from router.core.events import Action
    from tests.core.world import Reply, World

# --- ends


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_there_is_exactly_one_end(one: World, script: list[Reply]) -> None:
    """One Finish, of an attempt that answered, or one GiveUp, after a failure; nothing after it."""
    play(one, script)
    ends = [action for _, action in one.actions if isinstance(action, Finish | GiveUp)]
    assert ends == [one.actions[-1][1]]
    assert one.chain.phase is Phase.DONE
    assert one.chain.pending is None
    assert one.live() == []
    if isinstance(ends[0], Finish):
        answered = [attempt.number for attempt in one.chain.attempts if attempt.failure is None]
        assert answered == [ends[0].attempt]
    else:
        assert all(attempt.failure for attempt in one.chain.attempts)


@PROFILE
@given(one=worlds(streams=True), script=SCRIPTS)
def test_a_committed_attempt_is_the_last(one: World, script: list[Reply]) -> None:
    """After the first content no other attempt runs and no wait begins, whatever becomes of the stream."""
    play(one, script)
    positions = [number for number, (_, item) in enumerate(one.events) if isinstance(item, FirstContent)]
    if not positions:
        event("never committed")
        return
    assert len(positions) == 1
    committed = one.events[positions[0]][1]
    assert isinstance(committed, FirstContent)
    rest = [item for _, item in one.events[positions[0] + 1 :] if not isinstance(item, TimerFired)]
    assert [type(item) for item in rest] == [Ended]
    at = one.events[positions[0]][0]
    others = [attempt for attempt in one.chain.attempts if attempt.number != committed.attempt]
    assert all(attempt.ended is not None and attempt.ended <= at for attempt in others)
    event(f"the stream {'broke' if one.chain.attempts[committed.attempt - 1].failure else 'ended well'}")


# --- purity and hard knocks


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_the_same_events_give_the_same_actions(one: World, script: list[Reply]) -> None:
    """Replaying what happened on a copy of the start gives the same actions, states and turns."""
    chain, shared = copy.deepcopy((one.chain, one.shared))
    play(one, script)
    plan = copy.deepcopy(one.plan)
    replayed: list[tuple[float, Action]] = []
    for number, (now, happened) in enumerate(one.events):
        u = one.draws[number % len(one.draws)]
        replayed.extend((now, item) for item in step(one.plan, shared, chain, happened, now=now, u=u))
    assert replayed == one.actions
    assert (chain, shared) == (one.chain, one.shared)
    assert one.plan == plan


@PROFILE
@given(one=worlds(), script=SCRIPTS, data=st.data())
def test_cancelling_at_any_point_leaves_nothing_behind(
    one: World, script: list[Reply], data: st.DataObject
) -> None:
    """Whatever is in flight is cancelled, nothing is awaited, and no later event is accepted."""
    whole = copy.deepcopy(one)
    play(whole, script)
    point = data.draw(st.integers(1, max(len(whole.events) - 1, 1)))
    if len(whole.events) == 1:
        event("over at once")
        return
    play(one, script, cancel_after=point)
    assert one.events[:-1] == whole.events[:point]
    assert isinstance(one.events[-1][1], Cancelled)
    assert one.live() == []
    assert one.chain.pending is None
    assert one.chain.phase is Phase.DONE
    assert all(attempt.ended is not None for attempt in one.chain.attempts)
    event(f"in flight: {len(one.of(Cancel))}")
    late: list[Event] = [Started(), Cancelled(), Ended(1, None), FirstContent(1), TimerFired(1)]
    for item in late:
        with pytest.raises(IllegalEvent):
            one.step(item)


_EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(Started()),
    st.just(Cancelled()),
    st.builds(FirstContent, attempt=st.integers(0, 4)),
    st.builds(TimerFired, timer=st.integers(0, 3)),
    st.builds(
        Ended,
        attempt=st.integers(0, 4),
        outcome=st.none() | st.builds(Failure, kind=st.sampled_from(FailureClass)),
    ),
)


@PROFILE
@given(one=worlds(), happened=st.lists(_EVENTS, max_size=12), gap_s=st.sampled_from(QUICK))
def test_any_event_is_obeyed_or_refused_without_a_trace(
    one: World, happened: list[Event], gap_s: float
) -> None:
    """Events in any order either lead on or raise IllegalEvent, and then nothing has changed."""
    for item in [Started(), *happened]:
        before = copy.deepcopy((one.chain, one.shared))
        try:
            actions = one.step(item, after=gap_s)
        except IllegalEvent:
            assert (one.chain, one.shared) == before
            event(f"refused in {one.chain.phase.value}: {type(item).__name__}")
            continue
        assert one.chain != before[0]
        assert len(one.live()) <= 1 + sum(attempt.hedge for attempt in one.chain.attempts)
        moves = [type(action) for action in actions if not isinstance(action, Cancel)]
        assert moves in ([], [Send], [SetTimer], [Send, SetTimer], [Finish], [GiveUp])
        event(f"obeyed: {type(item).__name__}")

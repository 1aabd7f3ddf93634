"""Hedging: invariant 28."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.delays import Hedge
from router.core.events import Cancel, Finish, GiveUp, Started, TimerFired
from router.core.failure import FailureClass
from router.core.state import Phase
from tests.core.crowd import end_of
from tests.core.strategies import HEDGED, SCRIPTS, SLOW, worlds
from tests.core.world import Reply, busy, group, world
from tests.property.crowds import MANY, played

if TYPE_CHECKING:
    from tests.core.world import World


@MANY
@given(requests=played())
def test_invariant_28_one_result_is_delivered_and_the_rest_cancelled(requests: list[World]) -> None:
    """Of all attempts one delivers; every other has failed, or is cancelled before the end is told."""
    for one in requests:
        end = end_of(one)
        assert sum(attempt.failure is None for attempt in one.chain.attempts) == (end == "ok")
        assert one.live() == []
        cancelled = {cancel.attempt for _, cancel in one.of(Cancel)}
        assert cancelled == {
            attempt.number
            for attempt in one.chain.attempts
            if attempt.failure is not None and attempt.failure.kind is FailureClass.CANCELLED
        }
        ends = [action for _, action in one.actions if isinstance(action, Finish | GiveUp)]
        assert ends == ([] if end == "left" else [one.actions[-1][1]])
        if any(attempt.hedge for attempt in one.chain.attempts):
            event(f"a hedged request: {end}, {len(cancelled)} cancelled")


@MANY
@given(one=worlds(hedges=HEDGED), script=SLOW)
def test_invariant_28_hedges_run_beside_others_of_their_group(one: World, script: list[Reply]) -> None:
    """Attempts in flight together are of one group, on different targets; a hedge comes in its time."""
    one.step(Started())
    while not one.is_over():
        before = one.live()
        at, happens = one.next(lambda send: script[(send.attempt - 1) % len(script)])
        count = len(one.chain.attempts)
        one.step(happens, after=at - one.now)
        live = [one.chain.attempts[number - 1] for number in one.live()]
        assert len({attempt.group for attempt in live}) <= 1
        assert len({attempt.target for attempt in live}) == len(live)
        for attempt in one.chain.attempts[count:]:
            event(f"begun with {len(before)} in flight: {'a hedge' if attempt.hedge else 'another'}")
            assert attempt.hedge == isinstance(happens, TimerFired) or not before
            hedging = one.chain.route.groups[attempt.group].hedge
            assert hedging is not None
            ages_s = [attempt.started - one.chain.attempts[number - 1].started for number in before]
            assert not attempt.hedge or pytest.approx(hedging.after_s) in ages_s


@MANY
@given(one=worlds(streams=True), script=SCRIPTS)
def test_invariant_28_none_starts_after_the_stream_committed(one: World, script: list[Reply]) -> None:
    """With the first content the others are cancelled, and timers that fire later start nothing."""
    one.step(Started())
    while not one.is_over():
        at, happens = one.next(lambda send: script[(send.attempt - 1) % len(script)])
        committed = one.chain.phase is Phase.COMMITTED
        actions = one.step(happens, after=at - one.now)
        if committed and isinstance(happens, TimerFired):
            event("a timer fired after commitment")
            assert actions == ()
        if one.chain.phase is Phase.COMMITTED:
            event("committed with a hedge" if any(item.hedge for item in one.chain.attempts) else "committed")
            assert len(one.live()) == 1


@given(content_s=st.floats(0.01, 1.0), after_s=st.floats(0.01, 1.0), ends_s=st.floats(1.0, 2.0))
def test_invariant_28_a_hedge_that_falls_due_after_the_first_content_is_none(
    content_s: float, after_s: float, ends_s: float
) -> None:
    """The second of two targets is asked only when the first has given no content by the hedge's time."""
    one = world(group("a/x", "b/y", hedge=Hedge(after_s=after_s)), stream=True)
    one.shared = busy()
    one.run(lambda _: Reply(after_s=ends_s, content_s=content_s))
    event("hedged" if len(one.chain.attempts) == 2 else "committed first")
    assert len(one.chain.attempts) == (2 if after_s < content_s else 1) or after_s == content_s

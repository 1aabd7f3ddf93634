"""Streams: invariants 29 and 30."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.chain import IllegalEvent
from router.core.events import Cancelled, Ended, Finish, FirstContent, Started, TimerFired
from router.core.state import Phase
from tests.core.crowd import end_of
from tests.core.strategies import SCRIPTS, worlds
from tests.property.crowds import played, tell

if TYPE_CHECKING:
    from tests.core.world import Reply, World


@given(one=worlds(streams=True), script=SCRIPTS, other=st.integers(1, 5))
def test_invariant_29_content_comes_from_one_attempt(one: World, script: list[Reply], other: int) -> None:
    """Once an attempt gave the first content, no first content of any attempt is accepted any more."""
    one.step(Started())
    while one.chain.phase is Phase.OPEN:
        at, happens = one.next(lambda send: script[(send.attempt - 1) % len(script)])
        one.step(happens, after=at - one.now)
    if one.chain.phase is not Phase.COMMITTED:
        event("never committed")
        return
    event("committed")
    for number in {other, len(one.chain.attempts)}:
        with pytest.raises(IllegalEvent):
            one.step(FirstContent(number))


@given(requests=played(streams=True))
def test_invariant_30_after_commitment_no_attempt_starts(requests: list[World]) -> None:
    """After the first content nothing is sent; before it, failures are made good where a target answers."""
    tell(requests)
    for one in requests:
        times = [number for number, (_, item) in enumerate(one.events) if isinstance(item, FirstContent)]
        if times:
            assert len(times) == 1
            rest = [item for _, item in one.events[times[0] + 1 :] if not isinstance(item, TimerFired)]
            assert len(rest) == 1
            assert isinstance(rest[0], Ended | Cancelled)
            committed = one.events[times[0]][1]
            assert isinstance(committed, FirstContent)
            at = one.events[times[0]][0]
            others = [item for item in one.chain.attempts if item.number != committed.attempt]
            assert all(item.ended is not None and item.ended <= at for item in others)
            event(f"a committed stream: {end_of(one)}")
        elif len(one.chain.attempts) > 1 and isinstance(one.actions[-1][1], Finish):
            event("failures stayed unseen")

"""Shared state: invariants 44 and 45."""

from __future__ import annotations

import copy
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.events import Cancelled, Ended, Finish, GiveUp, Started
from router.core.failure import Failure, FailureClass
from router.core.hints import retry_hint
from router.core.limits import Limits
from tests.core.crowd import Crowd
from tests.core.strategies import DRAWS
from tests.core.world import Reply, group
from tests.property.crowds import crowds

if TYPE_CHECKING:
    from router.core.state import Shared
    from tests.core.world import World


def _held(shared: Shared, now: float) -> tuple[set[str], dict[str, float]]:
    """What requests in flight may hold: trials, turns, tokens."""
    trials = {name: item.trial for name, item in (*shared.health.items(), *shared.credentials.items())}
    tokens = {name: budget.left(now) for name, budget in copy.deepcopy(shared.budgets).items()}
    return {name for name, held in trials.items() if held}, tokens


@given(crowd=crowds(), events=st.integers(0, 3), gap_s=st.sampled_from([0.0, 1.0, 7.0]))
def test_invariant_44_cancelling_gives_back_what_was_held(crowd: Crowd, events: int, gap_s: float) -> None:
    """After any crowd no trial is held; a cancelled request gives its own back and takes no token more."""
    trials, _ = _held(crowd.shared, crowd.now)
    assert trials == set()
    crowd.now += gap_s
    one = crowd.arrive()
    _go_on(one, events)
    if isinstance(one.actions[-1][1], Finish | GiveUp):
        event("over before it was cancelled")
        return
    shared = crowd.shared
    known = {name: replace(item, trial=False) for name, item in shared.health.items()}
    (held, tokens), turns = _held(shared, one.now), copy.deepcopy(shared.turns)
    event(f"trials held: {len(held)}")
    innocent = all(attempt.failure is None for attempt in one.chain.attempts)
    one.step(Cancelled())
    assert _held(shared, one.now) == (set(), tokens)
    assert shared.turns == turns
    if innocent:  # Else its earlier failures are counted now, as at any end.
        assert shared.health == known
    assert one.live() == []
    assert one.chain.pending is None


@given(data=st.data(), waiting=st.integers(1, 4), told=st.booleans())
def test_invariant_44_cancelling_gives_back_room_and_places(
    data: st.DataObject, waiting: int, told: bool
) -> None:
    """Whoever leaves a line, or was told to go on and leaves, leaves nothing behind; the next one goes."""
    crowd = Crowd([group("a/x", limits=Limits(concurrency=1, rpm=50, max_wait_s=60.0))])
    first, *others = [crowd.arrive() for _ in range(waiting + 1)]
    for one in (first, *others):
        one.step(Started())
    if told:
        first.step(Ended(1, None), after=1.0)
    for one in data.draw(st.permutations(others)):
        one.step(Cancelled(), after=1.0)
        event(f"room was kept for it: {told and one is others[0]}")
    lines = crowd.shared.lines
    assert [len(found) for found in (lines.lines, lines.where, lines.kept, lines.told)] == [0] * 4
    (usage,) = crowd.shared.rooms.usages.values()
    assert (usage.in_flight, usage.attempts) == (0 if told else 1, 1)
    crowd.now = 10.0
    late = crowd.arrive()
    late.step(Started())
    assert bool(late.live()) == told


def _go_on(one: World, events: int) -> None:
    """Begin, and let up to *events* attempts fail, hedges start or waits end."""
    one.step(Started())
    for _ in range(events):
        if not one.is_over():
            at, happens = one.next(lambda _: Reply(Failure(FailureClass.SERVER_ERROR), after_s=0.2))
            one.step(happens, after=at - one.now)


_HINTS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "ratelimit-reset", "x-ratelimit-reset-requests", "date"]
    ),
    st.sampled_from(["3", "0", "0.25", "59", "6m0s", "250ms", "soon", ""]),
    max_size=3,
)


@given(headers=_HINTS, walls=st.tuples(st.floats(-1e10, 1e11), st.floats(-1e10, 1e11)), draws=DRAWS)
def test_invariant_45_the_wall_clock_changes_no_decision(
    headers: dict[str, str], walls: tuple[float, float], draws: list[float]
) -> None:
    """Hints that are no dates read the same at any wall time, and no decision looks at a clock."""
    runs = []
    for wall in walls:
        hint_s = retry_hint(headers, wall, resets=True)
        crowd = Crowd([group("a/x")], draws=draws)
        with pytest.MonkeyPatch.context() as patch:
            for name in ("time", "time_ns", "monotonic"):
                patch.setattr(time, name, lambda: pytest.fail("the core read a clock"))
            one = crowd.arrive()
            one.start()
            one.step(Ended(1, Failure(FailureClass.RATE_LIMITED, hint_s=hint_s)), after=1.0)
        runs.append((hint_s, one.actions, crowd.shared))
    event(f"a hint: {runs[0][0] is not None}")
    event(f"then: {type(runs[0][1][-1][1]).__name__}")
    assert runs[0] == runs[1]

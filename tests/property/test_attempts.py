"""Attempts and time: invariants 1 to 8."""

from __future__ import annotations

import math
import random
from itertools import groupby
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.bounds import worst_case
from router.core.events import FirstContent, Send, SetTimer
from router.core.failure import Failure, FailureClass
from router.core.limits import Limits, Scope
from router.core.table import Retries
from tests.core.crowd import Caller, Crowd, end_of
from tests.core.strategies import HEDGED, SLOW, play, worlds
from tests.core.world import LEAST_S, TABLE, Reply, group, target, world
from tests.property.crowds import CALLERS, MANY, attempts, open_to, played, tell

if TYPE_CHECKING:
    from tests.core.world import World

_ANY = st.sampled_from([kind for kind, row in TABLE.items() if row.other == "any"])


@MANY
@given(requests=played())
def test_invariant_01_no_more_attempts_than_allowed(requests: list[World]) -> None:
    """At most max_attempts in all, hedges included, and retries + 1 besides hedges in each group."""
    tell(requests)
    for one in requests:
        sends = [send for _, send in one.of(Send)]
        assert [send.attempt for send in sends] == list(range(1, len(sends) + 1))
        assert len(sends) <= one.chain.route.asked.max_attempts
        begun = [attempt for attempt in one.chain.attempts if not attempt.hedge]
        for index, members in groupby(begun, key=lambda attempt: attempt.group):
            assert len(list(members)) <= one.chain.route.groups[index].retries.max + 1
        event(f"hedges: {len(sends) - len(begun)}")
        if len(sends) == one.chain.route.asked.max_attempts and end_of(one) == "failed":
            event("max_attempts was reached")


@given(one=worlds(hedges=HEDGED), script=SLOW)
def test_invariant_01_hedges_are_attempts_too(one: World, script: list[Reply]) -> None:
    """Of requests that hedge where they can, none has more than max_attempts and max hedges."""
    play(one, script)
    hedges = [attempt for attempt in one.chain.attempts if attempt.hedge]
    event(f"hedges: {len(hedges)}")
    assert len(one.of(Send)) <= one.chain.route.asked.max_attempts
    for number, attempt in enumerate(hedges, 1):
        hedging = one.chain.route.groups[attempt.group].hedge
        assert hedging is not None
        assert number <= hedging.max


@MANY
@given(requests=played())
def test_invariant_04_the_worst_case_of_the_plan_holds(requests: list[World]) -> None:
    """However requests get into each other's way, none has more attempts or takes longer than computed."""
    for one in requests:
        worst = worst_case(one.chain.route, one.plan.providers)
        assert len(one.chain.attempts) <= worst.attempts
        content = [at for at, happened in one.events if isinstance(happened, FirstContent)]
        assert min([one.now, *content]) - one.chain.started <= worst.seconds + 1e-9
        event(f"seconds bound by the timeout alone: {worst.seconds == one.chain.route.asked.timeout_s}")


@MANY
@given(requests=played())
def test_invariant_02_no_target_twice_while_another_is_untried(requests: list[World]) -> None:
    """A target is used again only when the group has no eligible, ready, affordable untried one left."""
    for one, before, attempt, _ in attempts(requests):
        earlier = one.chain.attempts[: attempt.number - 1]
        mine = [item for item in earlier if item.group == attempt.group]
        if attempt.target not in {item.target for item in mine}:
            continue
        event("a target was used again")
        targets = one.chain.route.groups[attempt.group].targets
        seen = one.when_sent(attempt.number)
        last = before[-1].failure
        untried = open_to(one, before, attempt.group) - {item.target for item in mine}
        if last is not None and TABLE[last.kind].other == "window":
            untried = {index for index in untried if targets[index].context_window is not None}
        assert not any(seen[targets[index].id].may_go for index in untried)


@given(data=st.data(), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3))
def test_invariant_03_a_target_that_would_answer_is_reached(data: st.DataObject, sizes: list[int]) -> None:
    """A target that always answers is reached by every request of its chain, whatever the others do."""
    groups = [
        group(
            *[f"p{index}{number}/x" for number in range(size)],
            name=f"g{index}",
            retries=Retries(max=data.draw(st.integers(size - 1, size + 1)), max_wait_s=2.0),
            max_attempts=100,
        )
        for index, size in enumerate(sizes)
    ]
    crowd = Crowd(groups, draws=(0.5, 0.1))
    ids = [item.id for one in groups for item in one.targets]
    healthy = data.draw(st.sets(st.sampled_from(ids), min_size=1))
    weather = {
        name: [Reply() if name in healthy else Reply(Failure(data.draw(_ANY)), after_s=0.5)] for name in ids
    }
    callers = data.draw(CALLERS) * 5
    crowd.run([Caller(one.gap_s, one.asked % len(groups), one.stream) for one in callers], weather)
    assert set(crowd.ends()) == {"ok"}
    event(f"most attempts: {max(len(one.chain.attempts) for one in crowd.worlds)}")


@given(
    failure=st.builds(
        Failure,
        st.sampled_from([kind for kind, row in TABLE.items() if row.again in ("hint", "backoff")]),
        hint_s=st.sampled_from([None, 0.0, 0.1, 1.0, 4.5]),
    ),
    fails=st.integers(1, 2),
    max_wait_s=st.sampled_from([0.0, 0.2, 2.0, 20.0]),
    backoff_s=st.sampled_from([0.0, 0.25]),
    others=st.integers(1, 2),
)
def test_invariant_03_a_target_that_recovers_is_asked_again_though_others_are_full(
    failure: Failure, fails: int, max_wait_s: float, backoff_s: float, others: int
) -> None:
    """Whoever may be asked again by its own word is, when those not asked yet have no room for ever."""
    full = [target(f"b/{n}", limits=Limits(concurrency=1, max_wait_s=max_wait_s)) for n in range(others)]
    crowd = Crowd([group("a/x", *full, retries=Retries(max=2, base_s=backoff_s, cap_s=backoff_s))])
    for item in full:  # Taken by requests of other groups, as it were, that never end.
        crowd.shared.rooms.usage(Scope("target", item.id)).begin(0, 0.0)
    for _ in range(20):
        crowd.shared.budget(crowd.groups[0]).request(0.0)
    one = crowd.arrive()
    one.run(lambda send: Reply(failure, after_s=0.1) if send.attempt <= fails else Reply())
    event(f"attempts: {len(one.chain.attempts)}")
    assert end_of(one) == "ok"
    assert {one.chain.target_of(attempt).id for attempt in one.chain.attempts} == {"a/x"}


@MANY
@given(requests=played())
def test_invariant_04_a_request_ends_by_its_deadline(requests: list[World]) -> None:
    """Exactly, in virtual time, unless a stream has begun; that ends by its own limit."""
    tell(requests)
    for one in requests:
        over = any(at == one.chain.deadline for at, _ in one.events)
        event(f"the deadline was met to the second: {over}")
        limit_s = one.chain.route.groups[one.chain.group].stream_timeout_s
        if not any(isinstance(item, FirstContent) for _, item in one.events):
            assert one.now <= one.chain.deadline
        elif limit_s is not None:
            assert one.now <= one.chain.started + limit_s


@given(requests=played())
def test_invariant_05_no_attempt_starts_too_late_or_lasts_too_long(requests: list[World]) -> None:
    """At least 50 ms are left at each start; an attempt gets the least of its own time and what is left."""
    tell(requests)
    for one in requests:
        for at, send in one.of(Send):
            entered = one.chain.route.groups[send.group]
            end = one.chain.deadline if send.ends_at is None else min(one.chain.deadline, send.ends_at)
            assert end - at >= LEAST_S - 1e-9
            assert at < send.until <= end
            if entered.attempt_timeout_s is not None:
                assert send.until <= at + entered.attempt_timeout_s
            if end - at < 2 * LEAST_S:
                event("an attempt began just in time")


@given(left_s=st.floats(0, 0.2), stream=st.booleans())
def test_invariant_05_the_last_moment_is_50_ms_before_the_end(left_s: float, stream: bool) -> None:
    """A failure with 50 ms or more left is followed by another target, one with less is the end."""
    one = world(group("a/x", "b/y", timeout_s=1.0, attempt_timeout_s=9.0), stream=stream)
    broken = Reply(Failure(FailureClass.SERVER_ERROR), after_s=1.0 - left_s)
    one.run(lambda send: broken if send.attempt == 1 else Reply(after_s=0.0))
    ended = one.chain.attempts[0].ended
    assert ended is not None
    enough = 1.0 - ended >= LEAST_S
    event("enough" if enough else "too little")
    assert len(one.chain.attempts) == (2 if enough else 1)


@MANY
@given(requests=played())
def test_invariant_06_no_wait_is_in_vain(requests: list[World]) -> None:
    """A wait is at most max_wait, leaves 50 ms for an attempt, and that attempt is allowed."""
    for one in requests:
        sent = 0
        for at, action in one.actions:
            sent += isinstance(action, Send)
            if isinstance(action, SetTimer) and action.timer not in one.hedges:
                event("a wait")
                assert sent < one.chain.route.asked.max_attempts
                assert at <= action.at <= one.chain.deadline - LEAST_S + 1e-9
                assert action.at - at <= max(g.retries.max_wait_s for g in one.chain.route.groups) + 1e-9


@given(
    base_s=st.sampled_from([0.0, 0.25, 1.0, 3.0]),
    cap_s=st.sampled_from([0.1, 4.0, 100.0]),
    draws=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5),
)
def test_invariant_07_backoff_has_full_jitter(base_s: float, cap_s: float, draws: list[float]) -> None:
    """The n-th wait in a group lies in [0, min(cap, base · 2^(n-1)))."""
    retries = Retries(max=3, max_wait_s=100.0, base_s=base_s, cap_s=cap_s)
    one = world(group("a/x", retries=retries), draws=draws)
    one.run(lambda _: Reply(Failure(FailureClass.CONNECTION), after_s=0.0))
    waits = [action.at - at for at, action in one.of(SetTimer)]
    assert len(waits) == 3
    for number, wait in enumerate(waits):
        end = min(cap_s, base_s * 2**number)
        assert 0 <= wait <= end
        event(f"wait {number + 1} is in the upper half: {wait > end / 2}")


def test_invariant_07_the_mean_backoff_is_half_of_its_upper_end() -> None:
    """Over 10,000 seeds, within four standard errors."""
    draw = random.Random(13)
    waits = []
    for _ in range(10_000):
        one = world(group("a/x", retries=Retries(max=1, base_s=1.0)), draws=(draw.random(),))
        one.start()
        timer = one.fail(FailureClass.CONNECTION)
        assert isinstance(timer, SetTimer)
        waits.append(timer.at - one.now)
    assert abs(sum(waits) / len(waits) - 0.5) < 4 / math.sqrt(12 * len(waits))


@given(
    kind=st.sampled_from([kind for kind, row in TABLE.items() if row.again in ("backoff", "hint")]),
    hint_s=st.floats(0.001, 60.0),
    base_s=st.sampled_from([0.0, 0.01, 4.0]),
)
def test_invariant_08_a_lone_target_is_asked_again_after_its_hint(
    kind: FailureClass, hint_s: float, base_s: float
) -> None:
    """Whatever failed, not before the hint; a hint that is longer than any backoff is the whole wait."""
    one = world(group("a/x", retries=Retries(max=1, max_wait_s=100.0, base_s=base_s, cap_s=4.0)))
    one.run(lambda send: Reply(Failure(kind, hint_s=hint_s) if send.attempt == 1 else None))
    first, second = one.chain.attempts
    assert first.ended is not None
    waited_s = second.started - first.ended
    assert waited_s >= hint_s - 1e-9
    event("the hint was the longer" if hint_s >= 4.0 else "short hint")
    assert hint_s < 4.0 or waited_s == pytest.approx(hint_s)


@MANY
@given(requests=played())
def test_invariant_08_a_hint_is_kept(requests: list[World]) -> None:
    """The same target is not asked again before its hint is over, nor at all after one of over 60 s."""
    for one, before, attempt, _ in attempts(requests):
        mine = [item for item in before if (item.group, item.target) == (attempt.group, attempt.target)]
        if mine and mine[-1].failure and mine[-1].failure.hint_s and mine[-1].ended is not None:
            hint_s = mine[-1].failure.hint_s
            event(f"asked again after a hint by {TABLE[mine[-1].failure.kind].again}")
            assert hint_s <= 60
            assert attempt.started >= mine[-1].ended + hint_s
            assert one.chain.deadline - attempt.started >= LEAST_S - 1e-9

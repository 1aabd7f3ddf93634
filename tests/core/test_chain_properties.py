"""What holds for every chain: random plans and upstreams, in virtual time."""

from __future__ import annotations

import math
import random
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from hypothesis import event, given
from hypothesis import strategies as st

from router.core.events import (
    Finish,
    FirstContent,
    GiveUp,
    Send,
    SetTimer,
)
from router.core.failure import Failure, FailureClass, FallbackList
from router.core.table import Retries
from tests.core.strategies import DRAWS, HEDGES, KEYS, PROFILE, SCRIPTS, play, worlds
from tests.core.world import LEAST_S, TABLE, Reply, World, group, world

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.core.state import Attempt


# --- what the specification rules out, worked out a second time


def _open_to(one: World, before: Sequence[Attempt], index: int) -> set[int]:
    """The targets of group *index* that may be asked at all, after the attempts *before*."""
    spent, refused, floor = set(), set(), 0
    for attempt in before:
        assert attempt.failure is not None
        row, failed = TABLE[attempt.failure.kind], one.chain.target_of(attempt)
        if row.again == "never":
            spent.add(failed.id)
        if row.other == "credential":
            same = KEYS[failed.provider]
            refused |= {name for name, key in KEYS.items() if key == same and key} | {failed.provider}
        if row.other == "window":
            floor = max(floor, failed.context_window or 0)
    return {
        number
        for number, item in enumerate(one.chain.route.groups[index].targets)
        if one.chain.eligible[index][number]
        and item.id not in spent
        and item.provider not in refused
        and (item.context_window is None or item.context_window > floor)
    }


def _steps(one: World) -> list[tuple[list[Attempt], Attempt]]:
    """Every attempt with those that had failed when it was sent."""
    return [(one.before(attempt), attempt) for attempt in one.chain.attempts]


def _tried(one: World, attempt: Attempt) -> set[int]:
    """The targets of its group that were asked before *attempt*, whatever came of them."""
    earlier = one.chain.attempts[: attempt.number - 1]
    return {item.target for item in earlier if item.group == attempt.group}


def _usable(one: World, attempt: Attempt, group: int, index: int) -> bool:
    """Whether the target of *group*, untried, could be asked when the chain moved on to *attempt*."""
    entered = one.chain.route.groups[group]
    seen = one.when_sent(attempt.number)[entered.targets[index].id]
    if seen.status != "cooling":
        return seen.may_go
    left_s = one.chain.deadline - attempt.started
    if one.chain.stream and entered.stream_timeout_s is not None:
        left_s = min(left_s, entered.stream_timeout_s - attempt.started)
    in_time = seen.cool_s <= min(entered.retries.max_wait_s, left_s - LEAST_S)
    return in_time and seen.affordable and seen.ejected_s <= seen.cool_s


def _overflowed_in(before: Sequence[Attempt], index: int) -> bool:
    """Whether the latest of *before* was in group *index* and overflowed."""
    last = before[-1] if before else None
    return bool(last and last.group == index and last.failure and TABLE[last.failure.kind].other == "window")


def _overflows(before: Sequence[Attempt]) -> list[Attempt]:
    """Those of *before* that overflowed."""
    return [item for item in before if item.failure and TABLE[item.failure.kind].other == "window"]


# --- attempts


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_no_more_attempts_than_allowed(one: World, script: list[Reply]) -> None:
    """At most max_attempts in all and retries + 1 besides hedges in each group, none entered again."""
    play(one, script)
    sends = [send for _, send in one.of(Send)]
    assert [send.attempt for send in sends] == list(range(1, len(sends) + 1))
    assert len(sends) <= one.chain.route.asked.max_attempts
    visits = [index for index, _ in groupby(sends, key=lambda send: send.group)]
    assert len(visits) == len(set(visits))
    for index, entered in enumerate(one.chain.route.groups):
        mine = [attempt for attempt in one.chain.attempts if attempt.group == index]
        assert sum(not attempt.hedge for attempt in mine) <= entered.retries.max + 1
    hedges = [attempt for attempt in one.chain.attempts if attempt.hedge]
    for number, attempt in enumerate(hedges, 1):
        hedging = one.chain.route.groups[attempt.group].hedge
        assert hedging is not None
        assert number <= hedging.max


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_groups_come_from_the_list_of_the_last_failure(one: World, script: list[Reply]) -> None:
    """A change of group follows the asked group's own list for the failure, in its order."""
    play(one, script)
    for one_before, attempt in pairwise(one.chain.attempts):
        if one_before.group == attempt.group:
            continue
        before = one.before(attempt)
        last = before[-1]
        assert last.failure is not None
        fallback = TABLE[last.failure.kind].fallback
        assert fallback is not None
        listed = one.chain.route.lists[FallbackList(fallback)]
        assert attempt.group in listed
        entered = {item.group for item in one.chain.attempts[: attempt.number - 1]}
        for skipped in listed[: listed.index(attempt.group)]:
            limit_s = one.chain.route.groups[skipped].stream_timeout_s
            over = one.chain.stream and limit_s is not None and limit_s - attempt.started < LEAST_S
            if skipped in entered or over:
                continue
            assert not any(_usable(one, attempt, skipped, index) for index in _open_to(one, before, skipped))
            event("a listed group was passed over")


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_only_targets_that_may_be_asked_are_asked(one: World, script: list[Reply]) -> None:
    """Never one that cannot carry the request, is spent or refused, or is known to be too small."""
    play(one, script)
    for before, attempt in _steps(one):
        assert attempt.target in _open_to(one, before, attempt.group)


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_every_move_inside_a_group_is_one_its_row_allows(one: World, script: list[Reply]) -> None:
    """The last failure's row decides whether and which target of the group may follow."""
    play(one, script)
    for before, attempt in _steps(one):
        last = before[-1] if before else None
        if last is None or last.group != attempt.group:
            continue
        assert last.failure is not None
        other = TABLE[last.failure.kind].other
        only = one.chain.route.groups[last.group].retries.only
        assert attempt.hedge or only is None or last.failure.kind in only
        if last.target == attempt.target:
            assert TABLE[last.failure.kind].again != "never"
            event("the same target again")
        else:
            assert other != "none"
            if other == "window":
                small = [one.chain.target_of(item).context_window for item in _overflows(before)]
                window = one.chain.target_of(attempt).context_window
                assert window is not None
                assert any(floor is not None and floor < window for floor in small)
                event("a larger window")


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_no_target_twice_while_another_is_untried(one: World, script: list[Reply]) -> None:
    """A target is used again only when no eligible, ready, untried one is left; tiers in order."""
    play(one, script)
    for before, attempt in _steps(one):
        tried = _tried(one, attempt)
        targets = one.chain.route.groups[attempt.group].targets
        seen = one.when_sent(attempt.number)
        open_to = _open_to(one, before, attempt.group)
        ready = {index for index in open_to - tried if seen[targets[index].id].may_go}
        untried = {i for i in ready if not attempt.hedge or seen[targets[i].id].status == "ready"}
        if _overflowed_in(before, attempt.group):
            untried = {index for index in untried if targets[index].context_window is not None}
        if attempt.target in tried:
            assert not untried
            event("a target was used twice")
        else:
            assert targets[attempt.target].tier == min(targets[index].tier for index in untried)


_ANY = st.sampled_from([kind for kind, row in TABLE.items() if row.other == "any"])


@PROFILE
@given(data=st.data(), sizes=st.lists(st.integers(1, 3), min_size=1, max_size=3), stream=st.booleans())
def test_a_target_that_would_answer_is_reached(data: st.DataObject, sizes: list[int], stream: bool) -> None:
    """If any target of the chain would answer and no cap comes before it, the request succeeds."""
    made = [
        group(
            *[f"p{index}{number}/x" for number in range(size)],
            name=f"g{index}",
            retries=Retries(max=data.draw(st.integers(size - 1, size + 1)), max_wait_s=2.0),
            max_attempts=100,
            hedge=data.draw(HEDGES),
        )
        for index, size in enumerate(sizes)
    ]
    one = world(*made, stream=stream, draws=data.draw(DRAWS))
    ids = [item.id for item in (t for g in made for t in g.targets)]
    healthy = data.draw(st.sets(st.sampled_from(ids)))
    silent = data.draw(st.sets(st.sampled_from(ids), max_size=4))
    kinds = {name: data.draw(_ANY) for name in ids}

    def reply(send: Send) -> Reply:
        name = one.asked(send)
        if name in silent - healthy:
            return Reply(after_s=math.inf)
        return Reply(None if name in healthy else Failure(kinds[name]), after_s=0.5)

    end = one.run(reply)
    assert isinstance(end, Finish if healthy else GiveUp)
    event(f"{'answered' if healthy else 'failed'} after {len(one.chain.attempts)}")


# --- time


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_the_request_ends_by_its_deadline(one: World, script: list[Reply]) -> None:
    """Unless a stream has begun, everything is over by the deadline, exactly."""
    play(one, script)
    committed = any(isinstance(item, FirstContent) for _, item in one.events)
    event(f"committed: {committed}")
    limit_s = one.chain.route.groups[one.chain.group].stream_timeout_s
    if not committed:
        assert one.now <= max(one.chain.deadline, 0.0)
    elif limit_s is not None:
        assert one.now <= limit_s


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_no_attempt_starts_too_late_or_lasts_too_long(one: World, script: list[Reply]) -> None:
    """At least 50 ms are left at each start; an attempt gets the least of its own time and what is left."""
    play(one, script)
    for at, send in one.of(Send):
        deadline, entered = one.chain.deadline, one.chain.route.groups[send.group]
        ends = deadline if send.ends_at is None else min(deadline, send.ends_at)
        assert ends - at >= LEAST_S - 1e-9
        assert at < send.until <= ends
        if entered.attempt_timeout_s is not None:
            assert send.until <= at + entered.attempt_timeout_s
        if one.chain.stream:
            own = entered.first_chunk_s
            built_in = entered.targets[send.target].first_chunk_s
            assert send.until <= at + (built_in if own is None else own)
        else:
            assert send.idle_s is None
            assert send.ends_at is None


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_no_wait_is_too_long_or_in_vain(one: World, script: list[Reply]) -> None:
    """Each wait is within max_wait, leaves 50 ms, and is followed by an attempt; none follows the last."""
    play(one, script)
    for (at, action), following in pairwise([*one.actions, (one.now, GiveUp())]):
        if isinstance(action, SetTimer) and action.timer not in one.hedges:
            assert isinstance(following[1], Send)
            assert following[0] == action.at
            assert 0 <= action.at - at <= one.chain.route.groups[following[1].group].retries.max_wait_s + 1e-9
            assert one.chain.deadline - action.at >= LEAST_S - 1e-9
            event("a wait")


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_nothing_waits_before_another_target(one: World, script: list[Reply]) -> None:
    """The first attempt on a ready target of a group starts the moment the failure before it ended."""
    play(one, script)
    for before, attempt in _steps(one):
        if not before or attempt.hedge or attempt.target in _tried(one, attempt):
            continue
        last = before[-1]
        if attempt.started == last.ended:
            assert attempt.wait_s == 0
        else:
            name = one.chain.target_of(attempt).id
            waits = [seen for (at, _), seen in zip(one.actions, one.stood, strict=True) if at == last.ended]
            assert not waits[-1][name].may_go
            event("the first attempt on a cooling target was waited for")


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_a_hint_is_kept(one: World, script: list[Reply]) -> None:
    """A target of the group is not asked again before its hint is over, nor at all after one of over 60 s."""
    play(one, script)
    for before, attempt in _steps(one):
        mine = [item for item in before if (item.group, item.target) == (attempt.group, attempt.target)]
        if not mine:
            continue
        last = mine[-1]
        assert last.failure is not None
        assert last.ended is not None
        assert last.failure.hint_s is None or last.failure.hint_s <= 60
        assert attempt.started >= last.ended + (last.failure.hint_s or 0.0)
        event(f"asked again after a hint: {last.failure.hint_s}")


def test_the_mean_backoff_is_half_of_its_upper_end() -> None:
    """Over 10,000 requests the waits of a group's n-th retry are uniform in [0, min(cap, base · 2^(n-1)))."""
    draw = random.Random(11)
    asked = group("a/x", retries=Retries(max=3, base_s=1.0, cap_s=3.0))
    waits: list[list[float]] = [[], [], []]
    for _ in range(10_000):
        one = world(asked, draws=[draw.random() for _ in range(7)])
        one.run(lambda _: Reply(Failure(FailureClass.CONNECTION), after_s=0.0))
        for number, attempt in enumerate(one.chain.attempts[1:]):
            waits[number].append(attempt.wait_s)
    for seen, end in zip(waits, [1.0, 2.0, 3.0], strict=True):
        assert len(seen) == 10_000
        assert min(seen) >= 0
        assert max(seen) < end
        assert abs(sum(seen) / len(seen) - end / 2) < 4 * end / math.sqrt(12) / 100

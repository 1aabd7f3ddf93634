"""Health: invariants 14 to 19."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.events import Ended, GiveUp
from router.core.failure import Failure, FailureClass
from router.core.health import Ejection, Health
from router.core.table import Retries
from tests.core.crowd import Crowd, asked, end_of
from tests.core.world import LEAST_S, Reply, group
from tests.property.crowds import MANY, attempts, crowds

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.core.events import Event
    from tests.core.world import World


@MANY
@given(crowd=crowds())
def test_invariant_14_an_ejected_target_is_left_alone(crowd: Crowd) -> None:
    """While any target of the chain that may be asked is ready, an ejected one gets its one trial only."""
    for one, before, attempt, seen in attempts(crowd.worlds):
        event(f"asked while {seen.status}")
        if seen.status == "ejected":
            assert not before
            assert attempt.group == 0
            assert not any(item.ready for item in one.when_sent(1).values())


@MANY
@given(crowd=crowds())
def test_invariant_15_panic_is_for_the_least_bad_and_cooling_is_kept(crowd: Crowd) -> None:
    """Nothing ready: the asked group's ejected target that is due first, once; never a cooling one."""
    for one, _, attempt, seen in attempts(crowd.worlds):
        assert seen.status != "cooling"
        if seen.status == "ejected":
            stood = one.when_sent(attempt.number)
            ejected = [
                stood[item.id].ejected_s
                for item in one.chain.route.asked.targets
                if stood[item.id].status == "ejected"
            ]
            event(f"panic among {len(ejected)}")
            assert attempt.group == 0
            assert seen.ejected_s == min(ejected)
    for one in crowd.worlds:
        end = one.actions[-1][1] if one.actions else None
        if isinstance(end, GiveUp) and not one.chain.attempts:
            stood = one.stood[-1]
            statuses = {stood[item.id].status for item in one.chain.route.asked.targets}
            event("no attempt: all are cooling")
            late = one.chain.deadline - one.now < LEAST_S
            assert late or statuses == {"cooling"}
            rests = [max(item.cool_s, item.ejected_s) for item in stood.values()]
            soonest = min(rest_s for rest_s in rests if rest_s > 0)
            assert late or end.retry_after_s == pytest.approx(soonest), (end, soonest)
    for health in crowd.shared.health.values():
        assert health.cooling_until <= crowd.now + 60


@given(
    base_s=st.sampled_from([0.5, 5.0]),
    cap_s=st.sampled_from([5.0, 12.0, 120.0]),
    life=st.lists(
        st.tuples(st.sampled_from(["fail", "recover"]), st.sampled_from([0.0, 1.0, 29.0, 31.0, 95.0])),
        max_size=12,
    ),
    u=st.floats(0, 1, exclude_max=True),
)
def test_invariant_16_ejections_grow_and_shrink_by_step(
    base_s: float, cap_s: float, life: list[tuple[str, float]], u: float
) -> None:
    """Each lasts min(base · k, cap) ± 20 %; k falls by one a healthy interval and is never below one."""
    rule, health, now, step = Ejection(base_s=base_s, cap_s=cap_s), Health(), 100.0, 1
    health.eject(rule, now, u)
    for what, gap_s in life:
        length_s = health.ejected_until - now
        assert length_s == pytest.approx(min(base_s * step, cap_s) * (1 + 0.2 * (2 * u - 1)))
        assert 0.8 * min(base_s, cap_s) <= length_s + 1e-9
        now = health.ejected_until
        healthy = 0
        if what == "recover":
            health.succeed(now, now)
            healthy = int(gap_s // 30)
            now += gap_s
        event(f"steps back: {min(healthy, step)} of {'some' if healthy > step else 'as many or more'}")
        step = max(step - healthy, 0) + 1
        health.eject(rule, now, u)
        assert health.step == step


def _one_trial(one: World, _: Event, act: Callable[[], object]) -> None:
    """Let it happen; a trial begun while one of the same ejection is in flight is one too many."""
    count = len(one.chain.attempts)
    act()
    if len(one.chain.attempts) == count:
        return
    attempt = one.chain.attempts[-1]
    name = one.chain.target_of(attempt).id
    health = one.shared.health.get(name)
    if one.when_sent(attempt.number)[name].status == "trial":
        event("a trial began")
        assert attempt.trial or attempt.key_trial
    if attempt.trial:
        assert health is not None
        assert health.trial


@given(crowd=crowds(look=_one_trial))
def test_invariant_17_one_trial_is_in_flight(crowd: Crowd) -> None:
    """Between two trials of one ejection of a target the first has ended."""
    trials: dict[str, list[tuple[float, float]]] = {}
    for one, _, attempt, seen in attempts(crowd.worlds):
        if seen.status == "trial" and attempt.ended is not None:
            own = one.chain.target_of(attempt).id
            trials.setdefault(own, []).append((attempt.started, attempt.ended))
    recovered = {name: _recoveries(crowd, name) for name in trials}
    for name, flights in trials.items():
        flights.sort()
        for (_, ended), (began, _) in pairwise(flights):
            assert ended <= began or any(at <= began for at in recovered[name])


def _recoveries(crowd: Crowd, name: str) -> list[float]:
    """When an attempt on a target of the credential of *name* was answered."""
    found = []
    for at, one, happens in crowd.history:
        if isinstance(happens, Ended) and happens.outcome is None:
            item = one.chain.target_of(one.chain.attempts[happens.attempt - 1])
            if item.id == name or (item.provider[0] in "ab" and name[0] in "ab"):
                found.append(at)
    return found


@given(crowd=crowds(), asked_group=st.integers(0, 2), gap_s=st.sampled_from([0.0, 1.0, 10.0, 100.0]))
def test_invariant_18_what_heals_is_found_by_the_next_request(
    crowd: Crowd, asked_group: int, gap_s: float
) -> None:
    """When all targets are well again, the next request succeeds, unless the asked group is cooling."""
    crowd.now += gap_s
    one = crowd.ask(asked=asked_group % len(crowd.groups))
    end = end_of(one)
    if end == "refused":
        statuses = {one.stood[-1][item.id].status for item in one.chain.route.asked.targets}
        assert statuses == {"cooling"}
        event("cooling")
        return
    if any(item.failure and item.failure.kind is FailureClass.TIMEOUT for item in one.chain.attempts):
        event("well, but slower than what the wait has left of the deadline")
        return
    assert end == "ok"
    assert len(asked(one)) == 1 + sum(attempt.hedge for attempt in one.chain.attempts)
    status = one.when_sent(1)[asked(one)[0]].status
    event(f"by an attempt while {status}")
    assert crowd.status(asked(one)[0]) in ("READY", "COOLING")


_OUTCOMES = st.sampled_from(
    [None, None, *[FailureClass.SERVER_ERROR] * 4, FailureClass.RATE_LIMITED, FailureClass.AUTH]
)
_RESULTS = st.lists(
    st.tuples(st.sampled_from("abc"), _OUTCOMES, st.sampled_from([0.1, 1.0, 6.0])), max_size=40
)


def _healths(results: list[tuple[str, FailureClass | None, float]], only: str = "abc") -> dict[str, object]:
    """What becomes of three targets of three groups; only requests of the groups in *only* take place."""
    crowd = Crowd([group(f"{name}/x", name=name, retries=Retries(max=0, max_wait_s=0.0)) for name in "abc"])
    for route in crowd.plan.routes.values():
        route.lists.clear()  # type: ignore[attr-defined]  # No fallbacks, so that each target's requests are given.
    for name, outcome, gap_s in results:
        crowd.now += gap_s
        if name in only:
            one = crowd.arrive("abc".index(name))
            one.run(_always(outcome))
    known: dict[str, object] = {}
    for name in only:
        own = crowd.shared.health.get(f"{name}/x")
        key = crowd.shared.credentials.get(crowd.plan.labels(name)[0])
        known[name] = [
            replace(part, streak_request=None, last_request=None) if part else None for part in (own, key)
        ]
        event(f"known in the end: {own.status(crowd.now).name if own else 'nothing'}")
    return known


def _always(kind: FailureClass | None) -> Callable[[object], Reply]:
    return lambda _: Reply(Failure(kind, hint_s=2.0) if kind else None, after_s=0.0)


@given(results=_RESULTS, mine=st.sampled_from("abc"))
def test_invariant_19_health_depends_on_own_results_only(
    results: list[tuple[str, FailureClass | None, float]], mine: str
) -> None:
    """A target's health is the same whether or not others were asked, and whatever they answered."""
    assert _healths(results)[mine] == _healths(results, mine)[mine]

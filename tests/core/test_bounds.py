"""The worst case of a route: it holds for every story, and some story reaches it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core import bounds
from router.core.bounds import Excess, Most, WorstCase, excesses
from router.core.delays import Hedge
from router.core.failure import Failure, FailureClass, FallbackList
from router.core.table import Bound, Group, Policy, Retries, Route, Setting
from router.core.traits import Price
from tests.core.strategies import PROFILE, SCRIPTS, play, worlds
from tests.core.world import Reply, busy, group, providers_of, target, world

if TYPE_CHECKING:
    from typing import Any

    from tests.core.world import World

TOKENS = Price(input_per_mtok=1.0, output_per_mtok=2.0)
ONE = {"n": Bound(max=1)}


def route(*groups: Group) -> Route:
    """A route whose on_error lists all groups but the first."""
    return Route(groups=groups, lists={FallbackList.ON_ERROR: tuple(range(1, len(groups)))})


def worst_case(one: Route) -> WorstCase:
    """The worst case of *one*, whose providers have one credential each and no limits."""
    return bounds.worst_case(one, providers_of(one.groups, {}))


def priced(
    name: str = "a/x", *, price: Price | None = TOKENS, window: int | None = 1_000_000, **more: Any
) -> Group:
    """A group of one priced target with one attempt."""
    policy = Policy(**({"bounds": ONE} | more))
    return group(target(name, price=price, context_window=window, policy=policy), retries=Retries(max=0))


# --- for every story


@PROFILE
@given(one=worlds(), script=SCRIPTS)
def test_no_story_goes_beyond_the_worst_case(one: World, script: list[Reply]) -> None:
    """Attempts, and the time up to the answer or the first content, stay within what was computed."""
    worst = worst_case(one.chain.route)
    one.chain.deadline = one.chain.started + one.chain.route.asked.timeout_s
    play(one, script)
    assert len(one.chain.attempts) <= worst.attempts
    over = next((at for at, happened in one.events if type(happened).__name__ == "FirstContent"), one.now)
    assert over - one.chain.started <= worst.seconds + 1e-9
    event(f"attempts as in the worst case: {len(one.chain.attempts) == worst.attempts}")


@PROFILE
@given(
    sizes=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, max_size=3),
    most=st.integers(1, 12),
)
def test_some_story_comes_to_all_its_attempts(sizes: list[tuple[int, int]], most: int) -> None:
    """Where all fails with 500, and time and tokens are ample, every attempt of the worst case is made."""
    groups = [
        group(
            *(f"p/{row}-{n}" for n in range(size)),
            name=f"g{row}",
            retries=Retries(max=max_),
            max_attempts=most,
        )
        for row, (size, max_) in enumerate(sizes)
    ]
    one = world(*groups)
    one.shared = busy("g0", 1000)
    one.run(lambda _: Reply(Failure(FailureClass.SERVER_ERROR), after_s=0.01))
    assert len(one.chain.attempts) == worst_case(one.chain.route).attempts


# --- attempts


def test_attempts_add_up_over_the_chain() -> None:
    """Each group's retries and one, capped by max_attempts."""
    groups = [group("a/x", retries=Retries(max=2)), group("b/y", name="spare", retries=Retries(max=1))]
    assert worst_case(route(*groups)).attempts == 5
    assert worst_case(route(group("a/x", retries=Retries(max=2), max_attempts=4), groups[1])).attempts == 4


@pytest.mark.parametrize(
    ("only", "attempts"),
    [
        (frozenset(), 1),
        (frozenset({FailureClass.TIMEOUT}), 2),
        (frozenset({FailureClass.TIMEOUT, FailureClass.PROTOCOL}), 6),
        (None, 6),
    ],
)
def test_attempts_follow_the_classes_that_are_retried(
    only: frozenset[FailureClass] | None, attempts: int
) -> None:
    """None retried: one attempt; only classes that never ask a target again: each target once."""
    assert worst_case(route(group("a/x", "b/y", retries=Retries(max=5, only=only)))).attempts == attempts


# --- seconds


@pytest.mark.parametrize(
    ("groups", "attempts"),
    [
        ([group("a/x", "b/x", "c/x", retries=Retries(max=1), hedge=Hedge(max=2))], 4),
        ([group("a/x", "b/x", retries=Retries(max=1), hedge=Hedge(max=2))], 3),
        ([group("a/x", retries=Retries(max=1), hedge=Hedge(max=2))], 2),
        ([group("a/x", "b/x", "c/x", retries=Retries(max=0), hedge=Hedge(max=5))], 3),
        (
            [
                group(
                    "a/x",
                    "b/x",
                    retries=Retries(max=2, only=frozenset([FailureClass.TIMEOUT])),
                    hedge=Hedge(max=2),
                )
            ],
            2,
        ),
        (
            [
                group("a/x", "b/x", retries=Retries(max=0), hedge=Hedge()),
                group("c/x", "d/x", name="spare", retries=Retries(max=0), hedge=Hedge()),
            ],
            3,
        ),
        ([group("a/x", "b/x", retries=Retries(max=1), hedge=Hedge(), max_attempts=2)], 2),
    ],
)
def test_hedges_add_to_the_attempts(groups: list[Group], attempts: int) -> None:
    """Each goes to an untried target, and `max` holds for the whole request, as `max_attempts` does."""
    assert worst_case(route(*groups)).attempts == attempts


def test_seconds_are_those_of_attempts_and_waits() -> None:
    """With an attempt_timeout: each attempt's, and one wait for each; never above the timeout."""
    retries = Retries(max=1, max_wait_s=3.0)
    one = group("a/x", retries=retries, attempt_timeout_s=10.0, timeout_s=300.0)
    assert worst_case(route(one)).seconds == 26.0
    spare = group("b/y", name="spare", retries=Retries(max=0, max_wait_s=0.0), attempt_timeout_s=50.0)
    assert worst_case(route(one, spare)).seconds == 76.0
    assert (
        worst_case(route(group("a/x", retries=retries, attempt_timeout_s=10.0, timeout_s=20.0))).seconds
        == 20.0
    )


def test_seconds_of_fewer_attempts_are_those_of_the_longest() -> None:
    """max_attempts leaves out the shortest attempts: which groups are passed over is not known before."""
    first = group("a/x", retries=Retries(max=0, max_wait_s=0.0), attempt_timeout_s=10.0, max_attempts=1)
    spare = group("b/y", name="spare", retries=Retries(max=0, max_wait_s=0.0), attempt_timeout_s=50.0)
    assert worst_case(route(first, spare)).seconds == 50.0


def test_seconds_without_an_attempt_timeout_are_the_timeout() -> None:
    """One silent attempt may take it all."""
    assert worst_case(route(group("a/x", timeout_s=42.0))).seconds == 42.0


# --- cost


def test_a_cost_takes_window_output_and_attempts_in_full() -> None:
    """A million tokens in at 1 dollar, half a million out at 2, twice."""
    bounds = {**ONE, "max_tokens": Bound(max=500_000)}
    one = group(
        target("a/x", price=TOKENS, context_window=1_000_000, policy=Policy(bounds=bounds)),
        retries=Retries(max=1),
    )
    assert worst_case(route(one)) == WorstCase(attempts=2, seconds=300.0, cost=4.0)


@pytest.mark.parametrize(
    ("policy", "cost"),
    [
        ({}, 3.0),
        ({"bounds": {"n": Bound(max=2)}}, 5.0),
        ({"bounds": {}, "force": {"n": Setting(3, "f:1")}}, 7.0),
        ({"bounds": {}, "drop": {"n": "f:1"}}, 3.0),
        ({"bounds": {**ONE, "max_tokens": Bound(max=9e9)}}, 3.0),
        ({"force": {"max_tokens": Setting(1_000, "f:1")}}, 1.002),
        ({"drop": {"max_tokens": "f:1"}}, 3.0),
    ],
    ids=str,
)
def test_a_cost_follows_the_params_that_are_bound(policy: dict[str, Any], cost: float) -> None:
    """Force, bounds and drop limit output tokens and choices; without, the output is at most the window."""
    assert worst_case(route(priced(**policy))).cost == pytest.approx(cost)


def test_bounds_of_the_asked_group_travel() -> None:
    """A fallback's target is bound by what the asked group says."""
    spare = priced("b/y", bounds={})
    assert worst_case(route(priced(price=Price(per_second=0.0)), spare)).cost is None
    first = group(target("a/x", price=Price(0.0, 0.0), context_window=1), policy=Policy(bounds=ONE))
    assert worst_case(route(first, spare)).cost is not None


def test_a_cost_by_time_is_that_of_the_longest_attempt() -> None:
    """A plain request lasts at most the timeout, a stream its own; a stream without end has no bound."""
    one = target("a/x", price=Price(per_second=0.01))
    ended = group(one, retries=Retries(max=0), timeout_s=100.0, stream_timeout_s=200.0)
    assert worst_case(route(ended)).cost == pytest.approx(2.0)
    endless = worst_case(route(group(one, retries=Retries(max=0))))
    assert (endless.cost, endless.unpriced) == (None, "a stream of `a/x` has no `timeout`")


@pytest.mark.parametrize(
    ("one", "missing"),
    [
        (priced(price=None), "`a/x` declares no price"),
        (priced(window=None), "`a/x` declares no context_window"),
        (priced(bounds={}), "`a/x` has no bound on `n`"),
    ],
)
def test_a_cost_that_is_not_known_says_why(one: Group, missing: str) -> None:
    """What keeps it from having a bound is named."""
    found = worst_case(route(one))
    assert (found.cost, found.unpriced) == (None, missing)


# --- limits


def test_limits_at_the_worst_case_hold() -> None:
    """A limit is the most that is allowed, not the first that is not."""
    found = WorstCase(attempts=3, seconds=10.0, cost=0.5)
    assert excesses(found, Most(attempts=3, seconds=10.0, cost=0.5)) == []
    assert excesses(WorstCase(3, math.inf, None, "why"), Most()) == []


def test_each_limit_is_named_with_what_was_found() -> None:
    """Attempts, seconds and cost, each on its own."""
    found = WorstCase(attempts=3, seconds=10.0, cost=0.5)
    beyond = excesses(found, Most(attempts=2, seconds=9.5, cost=0.4))
    assert [(item.limit, item.found) for item in beyond] == [
        ("max_attempts", "3 attempts"),
        ("max_seconds", "10 seconds"),
        ("max_cost", "0.5 US dollars"),
    ]
    unknown = excesses(WorstCase(1, 1.0, None, "`a/x` declares no price"), Most(cost=9.0))
    assert unknown == [Excess("max_cost", "a cost without a bound: `a/x` declares no price")]

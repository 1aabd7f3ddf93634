"""Whose fault it is when time runs out: a target's, or that of a caller who gave less than it has."""

from __future__ import annotations

import pytest

from router.core.events import Ended
from router.core.failure import Failure, FailureClass
from router.core.table import Retries
from tests.core.world import World, group, world

NEVER = Retries(max=0)


def _alone(timeout_s: float | None, attempt_timeout_s: float | None = None) -> World:
    return world(group("a/x", retries=NEVER, attempt_timeout_s=attempt_timeout_s), timeout_s=timeout_s)


def _ran_out(one: World, *, after: float, status: int | None = None) -> bool:
    """Whether a time-out *after* seconds counts against its target; *status*: an upstream's that says so."""
    one.start()
    failure = Failure(kind=FailureClass.TIMEOUT, status=status)
    one.step(Ended(1, failure), after=after)
    health = one.shared.health.get("a/x")
    return health is not None and health.streak == 1


@pytest.mark.parametrize("timeout_s", [None, 300.0, 400.0])
def test_the_group_s_own_time_is_its_target_s_fault(timeout_s: float | None) -> None:
    """A caller who gave no less than the config does is in no hurry."""
    one = _alone(timeout_s)
    assert _ran_out(one, after=300.0)
    assert not one.chain.attempts[0].hurried


@pytest.mark.parametrize("timeout_s", [1.0, 299.5])
def test_a_caller_s_shorter_time_is_his_own(timeout_s: float) -> None:
    """However little less it is; but that the target took so long is known from then on."""
    one = _alone(timeout_s)
    assert not _ran_out(one, after=timeout_s)
    assert one.chain.attempts[0].hurried
    assert one.shared.loads.speed("a/x", one.now) == timeout_s


def test_the_attempt_s_own_time_is_its_target_s_fault() -> None:
    """A caller who gave less than the request's, but more than the attempt's, cut nothing off."""
    assert _ran_out(_alone(100.0, attempt_timeout_s=50.0), after=50.0)


@pytest.mark.parametrize(("status", "counts"), [(None, False), (200, False), (400, True), (504, True)])
def test_an_upstream_that_says_so_itself_is_not_cut_off(status: int | None, counts: bool) -> None:
    """A time-out that is an upstream's word is its fault, however long it had."""
    assert _ran_out(_alone(1.0), after=0.5, status=status) is counts


def test_half_of_the_time_is_what_an_attempt_would_have_had() -> None:
    """With an alternative no attempt has longer than until half of the request's whole time."""
    cut = group("a/x", "b/y", max_attempts=2, timeout_s=0.11)
    one = world(cut, timeout_s=0.08)
    assert one.start().until == pytest.approx(0.08)  # Half of it is worth no attempt, so it has all.
    assert not one.chain.attempts[0].hurried  # With 0.11 s it would have had half of these.

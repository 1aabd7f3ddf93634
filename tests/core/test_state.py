"""What is known before anything has happened, and how much is remembered."""

from __future__ import annotations

from router.core.failure import FallbackList
from router.core.health import Health, Status
from router.core.state import MAX_WILD, Attempt, Chain, Phase, Shared
from router.core.table import Route
from tests.core.world import group, target


def test_a_new_request_has_asked_nothing() -> None:
    """It is no stream unless it says so, stands before its first group, and owes and awaits nothing."""
    chain = Chain(route=Route(groups=(group("a/x"),)), eligible=((True,),), started=0.0, deadline=1.0)
    assert (chain.phase, chain.serial, chain.group, chain.timers) == (Phase.NEW, 0, 0, 0)
    assert (chain.stream, chain.unpaid, chain.pending, chain.floor) == (False, False, None, None)
    assert chain.attempts == []
    assert chain.visited == []
    assert chain.spent == set()
    assert chain.refused == set()
    assert chain.first_list is FallbackList.ON_ERROR
    assert chain.key() == b""


def test_a_new_attempt_has_not_waited_and_tries_nothing_out() -> None:
    """Nothing is known of its end."""
    attempt = Attempt(number=1, group=0, target=0, started=5.0)
    assert (attempt.wait_s, attempt.trial, attempt.key_trial) == (0.0, False, False)
    assert (attempt.ended, attempt.failure) == (None, None)


def test_of_a_new_target_nothing_is_known() -> None:
    """It did not fail, is on no trial, and was never set aside."""
    health = Health()
    assert health.status(0.0) is Status.READY
    assert (health.failing, health.trial, health.step, health.ejected_at) == (False, False, 0, None)


def test_requests_are_counted_from_one() -> None:
    """Before the first there was none."""
    assert Shared().requests == 0


def test_a_thousand_wildcard_models_are_remembered() -> None:
    """The thousandth drives nothing out; the next drives out the first."""
    assert MAX_WILD == 1_000
    shared, wild = Shared(), group("a/x", name="a/*")
    for number in range(1_000):
        shared.health_of(wild, target(f"a/{number}"))
    assert len(shared.health) == 1_000
    shared.health_of(wild, target("a/new"))
    assert len(shared.health) == 1_000
    assert "a/0" not in shared.health

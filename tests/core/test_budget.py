"""The retry budget: a floor, a share of the last ten seconds' requests, never below nothing."""

from __future__ import annotations

import random

import pytest

from router.core.budget import Budget


def _after(requests: int, tokens: int, at: float = 0.0) -> Budget:
    budget = Budget()
    for _ in range(requests):
        budget.request(at)
    for _ in range(tokens):
        budget.take(at)
    return budget


def test_the_floor_is_three() -> None:
    """Without any request three tokens are there, and then none."""
    assert Budget().left(0.0) == 3
    assert [_after(0, taken).left(0.0) for taken in (1, 2, 3)] == [2, 1, 0]


def test_each_request_adds_a_fifth() -> None:
    """3 + 0.2 · requests - taken."""
    assert _after(100, 0).left(0.0) == pytest.approx(23)
    assert _after(10, 4).left(0.0) == pytest.approx(1)


def test_it_is_never_below_nothing() -> None:
    """When requests leave the window before the tokens they paid for, nothing is owed."""
    budget = _after(50, 0)
    for _ in range(13):
        budget.take(5.0)
    assert budget.left(5.0) == 0
    assert budget.left(10.0) == 0
    assert budget.left(15.0) == 3


def test_the_window_is_ten_seconds() -> None:
    """A request and a token count until ten seconds after their slot began."""
    budget = _after(5, 2)
    assert budget.left(9.99) == pytest.approx(2)
    assert budget.left(10.0) == 3


def test_a_slot_lasts_a_second() -> None:
    """What happens within a second of a slot's beginning leaves with it; what comes later has its own."""
    budget = _after(0, 1)
    budget.take(0.99)
    budget.take(1.0)
    assert len(budget.slots) == 2
    assert budget.left(10.0) == 2
    assert budget.left(11.0) == 3


def test_it_stays_small() -> None:
    """However many requests come, at most eleven slots are kept."""
    draw, budget, now, most = random.Random(3), Budget(), 0.0, 0
    for _ in range(100_000):
        now += draw.expovariate(200)
        (budget.request if draw.random() < 0.9 else budget.take)(now)
        most = max(most, len(budget.slots))
    assert most <= 11

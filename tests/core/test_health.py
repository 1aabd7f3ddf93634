"""A target's health: thresholds, growing ejections, trials, cooling."""

from __future__ import annotations

from dataclasses import replace

import pytest

from router.core.health import Ejection, Health, Status

RULE = Ejection()
QUICK = Ejection(consecutive=2, rate=0.5, base_s=10.0, cap_s=25.0)
MIDDLE = 0.5
"""The draw that means no jitter."""


def _fail(health: Health, *requests: int, at: float = 0.0, rule: Ejection = RULE) -> list[bool]:
    return [health.fail(request, rule, at, MIDDLE) for request in requests]


def _ejected(at: float = 0.0, rule: Ejection = QUICK) -> Health:
    health = Health()
    health.eject(rule, at, MIDDLE)
    return health


# --- thresholds


def test_a_new_target_is_ready() -> None:
    """Nothing known means ready."""
    assert Health().status(0.0) is Status.READY


def test_the_fifth_failure_in_a_row_ejects() -> None:
    """Four leave it ready; the fifth, of a second request, sets it aside."""
    health = Health()
    assert _fail(health, 1, 2, 3, 4, 5) == [False] * 4 + [True]
    assert health.status(0.0) is Status.EJECTED


def test_a_success_breaks_the_row() -> None:
    """Failures before a success do not count towards five in a row, nor towards two requests."""
    health = Health()
    _fail(health, 1, 2, 3, 4)
    health.succeed(0.0, 0.0)
    assert _fail(health, 5, 5, 5, 5) == [False] * 4
    assert _fail(health, 5, at=31.0) == [False]  # Five in a row, but of one request.
    assert _fail(health, 6, at=31.0) == [True]


def test_a_single_request_never_ejects() -> None:
    """However often one request fails, another one has to fail too."""
    health = Health()
    assert not any(_fail(health, *[1] * 50))
    assert health.status(0.0) is Status.READY
    assert _fail(health, 2) == [True]


def test_half_of_ten_results_eject() -> None:
    """With ten results in 30 s of which half failed, though never two in a row."""
    health = Health()
    for number in range(5):
        at = float(number)
        health.succeed(at, at)
        assert _fail(health, number, at=at) == [number == 4]


def test_less_than_half_or_fewer_than_ten_do_not_eject() -> None:
    """Four of nine and four of ten are not enough."""
    health = Health()
    for number in range(4):
        health.succeed(0.0, 0.0)
        assert _fail(health, number) == [False]
    health.succeed(0.0, 0.0)
    health.succeed(0.0, 0.0)
    assert _fail(health, 9) == [False]  # Five of eleven.


def test_results_older_than_thirty_seconds_do_not_count() -> None:
    """The same ten results spread over more than the window leave it ready."""
    health = Health()
    for number in range(12):
        at = 8.0 * number
        health.succeed(at, at)
        assert _fail(health, number, at=at) == [False]
    assert len(health.slots) <= 7


def test_the_window_moves_in_steps_of_five_seconds() -> None:
    """What is thirty seconds old is gone, and with it what came less than five seconds after it."""
    gone, kept = Health(), Health()
    for health, at in ((gone, 4.9), (kept, 5.0)):
        health.succeed(0.0, 0.0)
        for request in (1, 1, 1, 2):
            health.succeed(at, at)
            assert _fail(health, request, at=at) == [False]
        health.succeed(at, at)
    assert gone.fail(3, RULE, 30.0, MIDDLE) is False  # One of one.
    assert kept.fail(3, RULE, 30.0, MIDDLE) is True  # Five of ten.


def test_a_success_leaves_nothing_of_a_failure_but_the_count() -> None:
    """What is kept of a target that failed and then answered compares equal to a new target's."""
    health = Health()
    _fail(health, 1)
    health.succeed(1.0, 1.0)
    assert replace(health, slots=[], last_request=None, last_failed_at=float("-inf")) == Health()


def test_the_rate_needs_two_requests_within_the_window() -> None:
    """Failures of another request more than 30 s ago do not make one request's failures count."""
    health = Health()
    _fail(health, 1)
    for _ in range(8):
        health.succeed(31.0, 31.0)
        assert _fail(health, 2, at=31.0) == [False]
    assert _fail(health, 3, at=32.0) == [True]


def test_two_requests_count_until_the_older_failure_leaves_the_window() -> None:
    """Failures of two requests 29 s apart count together; after 30 s they do not."""
    for gap_s, ejects in ((29.0, True), (30.0, False)):
        health = Health()
        _fail(health, 1)
        for _ in range(8):
            health.succeed(gap_s, gap_s)
        assert any(_fail(health, *[2] * 9, at=gap_s, rule=Ejection(consecutive=99))) is ejects


def test_an_ejected_target_counts_nothing_more() -> None:
    """What was in flight when it was ejected does not make the ejection longer."""
    health = _ejected()
    until = health.ejected_until
    assert not any(_fail(health, 1, 2, 3, 4, 5, 6, at=5.0))
    assert (health.ejected_until, health.step, health.streak) == (until, 1, 0)


def test_a_recovered_target_starts_afresh() -> None:
    """Results from before an ejection say nothing once it ended well, not even of who failed."""
    health = Health()
    _fail(health, 1, 2, rule=QUICK)
    health.succeed(11.0, 11.0)
    assert health.status(11.0) is Status.READY
    assert not any(_fail(health, *[3] * 20, at=12.0, rule=QUICK))
    assert _fail(health, 4, at=12.0, rule=QUICK) == [True]


# --- growth


def test_ejections_grow_by_step_up_to_the_cap() -> None:
    """The k-th ejection in a row lasts k times the base, at most the cap."""
    health, now, lengths = Health(), 0.0, []
    for _ in range(4):
        health.eject(QUICK, now, MIDDLE)
        lengths.append(health.ejected_until - now)
        now = health.ejected_until
    assert lengths == [10.0, 20.0, 25.0, 25.0]


@pytest.mark.parametrize(("u", "length_s"), [(0.0, 8.0), (0.5, 10.0), (0.75, 11.0)])
def test_the_jitter_is_a_fifth_both_ways(u: float, length_s: float) -> None:
    """An ejection lasts between 0.8 and 1.2 of its time."""
    health = Health()
    health.eject(QUICK, 100.0, u)
    assert health.ejected_until == pytest.approx(100.0 + length_s)


@pytest.mark.parametrize(
    ("healthy_s", "length_s"),
    [(0.0, 25.0), (29.9, 25.0), (30.0, 25.0), (60.0, 20.0), (90.0, 10.0), (1e6, 10.0)],
)
def test_each_healthy_interval_takes_a_step_back(healthy_s: float, length_s: float) -> None:
    """Three ejections, then healthy for a while: one step less for each 30 s, never below the first."""
    health = Health()
    for at in (0.0, 10.0, 30.0):
        health.eject(QUICK, at, MIDDLE)
    health.succeed(60.0, 60.0)
    now = 60.0 + healthy_s
    health.eject(QUICK, now, MIDDLE)
    assert health.ejected_until - now == pytest.approx(length_s)
    assert health.step >= 1


def test_intervals_are_taken_off_once() -> None:
    """The healthy time before an ejection does not count again for the next one."""
    health = Health()
    for at in (0.0, 10.0, 30.0):
        health.eject(QUICK, at, MIDDLE)
    health.succeed(60.0, 60.0)
    health.eject(QUICK, 120.0, MIDDLE)  # Steps: 3 - 2 + 1.
    health.eject(QUICK, 150.0, MIDDLE)  # A failed trial: no healthy time lies between.
    assert health.step == 3


# --- trials


def test_one_trial_when_its_time_is_served() -> None:
    """Ejected until its end; then one trial; ejected for all others while that is in flight."""
    health = _ejected()
    assert health.status(9.99) is Status.EJECTED
    assert health.status(10.0) is Status.TRIAL
    health.trial = True
    assert health.status(10.0) is Status.EJECTED
    assert health.status(1e9) is Status.EJECTED


def test_a_success_after_the_ejection_began_ends_it() -> None:
    """The trial's, or a panic attempt's, at once."""
    health = _ejected()
    health.trial = True
    health.succeed(3.0, 4.0)
    assert health.status(4.0) is Status.READY
    assert (health.trial, health.slots) == (False, [])


def test_a_success_that_was_on_its_way_proves_nothing() -> None:
    """An attempt begun before the ejection leaves it in force, but the latest outcome is good."""
    health = _ejected(at=5.0)
    health.failing = True
    health.succeed(4.9, 6.0)
    assert health.status(6.0) is Status.EJECTED
    assert not health.failing


def test_an_ejection_is_in_force_for_what_began_within_it() -> None:
    """A trial belongs to the ejection that it met, not to a later one."""
    health = _ejected(at=5.0)
    assert not health.in_force(4.9)
    assert health.in_force(5.0)
    health.succeed(15.0, 16.0)
    assert not health.in_force(15.0)


# --- cooling


def test_the_longest_cooling_holds() -> None:
    """A shorter wait asked for later does not end a longer one early."""
    health = Health()
    health.cool(20.0)
    health.cool(5.0)
    assert health.status(19.9) is Status.COOLING
    assert health.status(20.0) is Status.READY
    assert health.cooled == 2


def test_cooling_comes_before_ejection_and_trial() -> None:
    """A target that is both cooling and ejected is cooling: it said so itself."""
    health = _ejected()
    health.cool(20.0)
    assert health.status(5.0) is Status.COOLING
    assert health.status(15.0) is Status.COOLING
    assert health.status(20.0) is Status.TRIAL


def test_a_success_forgets_how_often_it_cooled() -> None:
    """The next cooling without a hint begins at the first backoff again; the present one holds."""
    health = Health()
    health.cool(20.0)
    health.succeed(1.0, 2.0)
    assert health.cooled == 0
    assert health.status(3.0) is Status.COOLING

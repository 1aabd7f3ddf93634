"""Waits: what they are for, what may be asked when they end, and what panic leaves behind."""

from __future__ import annotations

import pytest

from router.core.events import GiveUp, Send, SetTimer, Started
from router.core.failure import FailureClass, FallbackList
from router.core.health import Ejection
from router.core.table import Retries
from tests.core.crowd import Crowd, lone
from tests.core.world import World, group, target, world

BROKEN, BUSY, OVERFLOW = FailureClass.SERVER_ERROR, FailureClass.RATE_LIMITED, FailureClass.CONTEXT_OVERFLOW
NEVER = Retries(max=0)


def _cool(one: World, name: str, until: float) -> None:
    one.shared.health_of(one.chain.route.asked, target(name)).cool(until)


def _timer(action: object) -> SetTimer:
    assert isinstance(action, SetTimer)
    return action


# --- how long


@pytest.mark.parametrize(("hint", "at"), [(0.5, 3.0), (2.0, 3.0), (2.5, 3.5)])
def test_a_broken_target_that_hints_is_asked_after_the_later_of_hint_and_backoff(
    hint: float, at: float
) -> None:
    """It failed at 1 s; backoff says 2 s more, whatever shorter time it names."""
    one = world(group("a/x", retries=Retries(base_s=4.0, cap_s=4.0)))
    one.start()
    assert _timer(one.fail(BROKEN, hint=hint)).at == at


def test_a_wait_may_leave_exactly_fifty_milliseconds() -> None:
    """That is enough for an attempt, when the wait is chosen and when it ends; less is not."""
    for timeout_s, enough in ((0.1, True), (0.1 - 2**-20, False)):
        one = world(group("a/x"), timeout_s=timeout_s)
        one.start()
        action = one.fail(BUSY, after=0.0, hint=0.05)
        if enough:
            (send,) = one.fire(_timer(action))
            assert one.asked(send) == "a/x"
        else:
            assert action == GiveUp()


def test_panic_may_have_exactly_fifty_milliseconds() -> None:
    """As any other attempt."""
    crowd = lone(timeout_s=0.05)
    crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0]).eject(Ejection(), 0.0, 0.5)
    assert isinstance(crowd.arrive().start(), Send)


def test_each_wait_has_a_timer_of_its_own() -> None:
    """A timer that fires late must not pass for the one that is waited for now."""
    one = world(group("a/x"))
    one.start()
    timers = []
    for _ in range(2):
        timers.append(_timer(one.fail(BROKEN)))
        one.fire(timers[-1])
    assert timers[0].timer != timers[1].timer


# --- how it ends


def _overflowed(*, until: float) -> tuple[World, SetTimer]:
    """a/x overflowed; b/y has a larger window and cools for 3 s; c/z, of unknown window, for *until*."""
    one = world(
        group(
            target("a/x", context_window=1000),
            target("b/y", context_window=8000, weight=0.001),
            target("c/z"),
        ),
        group("d/x", name="broken"),
        group("e/x", name="large"),
        lists={FallbackList.ON_ERROR: (1,), FallbackList.ON_CONTEXT_OVERFLOW: (2,)},
    )
    for name, at in (("b/y", 3.0), ("c/z", until)):
        _cool(one, name, at)
    assert one.asked(one.start()) == "a/x"
    timer = _timer(one.fail(OVERFLOW))
    assert timer.at == 3.0
    return one, timer


def test_after_a_wait_the_failure_before_it_still_says_where_to_go() -> None:
    """A target that became ready meanwhile is no use to what overflowed if its window is not larger."""
    one, timer = _overflowed(until=2.0)
    (send,) = one.fire(timer)
    assert one.asked(send) == "b/y"


def test_after_a_wait_in_vain_the_failure_before_it_still_names_the_list() -> None:
    """What was waited for is cooling on: the groups for overflows serve, neither c/z nor on_error's."""
    one, timer = _overflowed(until=2.0)
    _cool(one, "b/y", 60.0)
    (send,) = one.fire(timer)
    assert one.asked(send) == "e/x"


def test_a_first_wait_in_vain_begins_anew_with_the_asked_group() -> None:
    """It waited in a fallback group; by now the asked group is the one to wait for."""
    one = world(group("a/x"), group("b/y", name="spare"))
    _cool(one, "a/x", 6.0)
    _cool(one, "b/y", 3.0)
    (timer,) = one.step(Started())
    assert _timer(timer).at == 3.0
    _cool(one, "b/y", 60.0)
    (wait,) = one.fire(_timer(timer))
    assert _timer(wait).at == 6.0
    (send,) = one.fire(_timer(wait))
    assert one.asked(send) == "a/x"


# --- panic


def test_panic_needs_no_fallback_list() -> None:
    """A route without any list has its last resort too."""
    one = world(group("a/x"), lists={})
    one.shared.health_of(one.chain.route.asked, target("a/x")).eject(Ejection(), 0.0, 0.5)
    assert one.asked(one.start()) == "a/x"


def test_panic_in_a_fallback_group_visits_it() -> None:
    """The asked group cannot carry the request; the group that stood for it is not entered once more."""
    brief = Ejection(base_s=1.0, cap_s=1.0)
    crowd = Crowd([group("a/x"), group("b/y", name="spare", retries=NEVER, ejection=brief)])
    crowd.shared.health_of(crowd.groups[1], target("b/y")).eject(brief, 0.0, 0.5)
    one = crowd.arrive()
    one.chain.eligible = ((False,), (True,))
    assert one.asked(one.start()) == "b/y"
    assert one.fail(BROKEN) == GiveUp()

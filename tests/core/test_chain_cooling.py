"""What targets that said "later" are spared, and what is tried when nothing is ready."""

from __future__ import annotations

import pytest

from router.core.events import Ended, GiveUp, SetTimer, Started
from router.core.failure import Failure, FailureClass
from router.core.health import Ejection
from router.core.table import Retries
from tests.core.crowd import Crowd, asked, broken, eject, lone, two
from tests.core.world import group, target

BUSY, DENIED = FailureClass.RATE_LIMITED, FailureClass.AUTH

# --- cooling


def test_a_cooling_target_is_left_alone_while_another_is_ready() -> None:
    """A rate limit is learned at once: the next request goes to the other target."""
    crowd = Crowd([group("a/x", "b/y", retries=Retries(max=1))])
    assert asked(crowd.ask({"a/x": broken(BUSY, hint=30.0)})) == ["a/x", "b/y"]
    for _ in range(3):
        assert asked(crowd.ask()) == ["b/y"]


def test_a_cooling_target_is_waited_for() -> None:
    """Alone in its group and due within max_wait, it is waited for: that beats changing the model."""
    crowd = two()
    crowd.ask({"a/x": broken(BUSY, hint=3.0)})
    one = crowd.ask()
    assert asked(one) == ["a/x"]
    assert one.chain.attempts[0].wait_s == pytest.approx(2.0)


def test_all_waits_before_an_attempt_are_within_max_wait_together() -> None:
    """A target that says "later" again and again is not waited for beyond the 5 s, short as each wait is."""
    crowd = lone()
    crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0]).cool(3.0)
    one = crowd.arrive()
    (wait,) = one.step(Started())
    assert isinstance(wait, SetTimer)
    crowd.shared.health["a/x"].cool(4.9)  # Another request was told to come later.
    (again,) = one.fire(wait)
    assert isinstance(again, SetTimer)
    crowd.shared.health["a/x"].cool(5.5)
    (end,) = one.fire(again)
    assert isinstance(end, GiveUp)
    assert end.retry_after_s == pytest.approx(0.6)


def test_a_wait_in_vain_counts_for_the_attempt_that_follows() -> None:
    """Waited for in one group, answered by the next: the attempt says how long the request waited."""
    crowd = two()
    crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0]).cool(3.0)
    one = crowd.arrive()
    (wait,) = one.step(Started())
    assert isinstance(wait, SetTimer)
    crowd.shared.health["a/x"].cool(60.0)
    one.fire(wait)
    assert asked(one) == ["b/y"]
    assert one.chain.attempts[0].wait_s == pytest.approx(3.0)


def test_a_cooling_beyond_max_wait_means_the_fallback() -> None:
    """Due later than max_wait, the group is passed over."""
    crowd = two()
    crowd.ask({"a/x": broken(BUSY, hint=30.0)})
    assert asked(crowd.ask()) == ["b/y"]


def test_cooling_is_never_panicked_through() -> None:
    """Nothing else there: no attempt, and the caller hears when to come back."""
    crowd = lone()
    crowd.ask({"a/x": broken(BUSY, hint=30.0)})
    one = crowd.arrive()
    (end,) = one.step(Started())
    assert end == GiveUp(retry_after_s=30.0)
    assert one.chain.attempts == []


def test_the_first_of_several_cooling_targets_says_when_to_come_back() -> None:
    """The shortest rest counts, and targets that will not be asked do not."""
    crowd = Crowd([group("a/x", "b/y", retries=Retries(max=1))])
    crowd.ask({"a/x": broken(BUSY, hint=50.0), "b/y": broken(BUSY, hint=20.0)})
    assert crowd.arrive().step(Started()) == (GiveUp(retry_after_s=20.0),)


@pytest.mark.parametrize(
    ("fallback_s", "ejected_s", "expected_s"), [(20.0, 0.0, 20.0), (1.0, 9.0, 9.0), (60.0, 0.0, 50.0)]
)
def test_a_fallback_that_is_ready_sooner_says_when_to_come_back(
    fallback_s: float, ejected_s: float, expected_s: float
) -> None:
    """The caller needs to know when any target of the chain may be asked, be it after an ejection."""
    crowd = two()
    for one, cool_s in zip(crowd.groups, (50.0, fallback_s), strict=True):
        crowd.shared.health_of(one, one.targets[0]).cool(cool_s)
    if ejected_s:
        spare = crowd.shared.health["b/y"]
        spare.eject(Ejection(base_s=ejected_s), 0.0, 0.5)
    assert crowd.arrive().step(Started()) == (GiveUp(retry_after_s=expected_s),)


def test_no_cooling_lasts_longer_than_a_minute() -> None:
    """An upstream that asks for an hour is tried again after 60 s."""
    crowd = lone()
    crowd.ask({"a/x": broken(BUSY, hint=3600.0)})
    crowd.now += 59.0
    assert crowd.status("a/x") == "COOLING"
    crowd.now += 1.0
    assert crowd.status("a/x") == "READY"


def test_cooling_without_a_hint_grows() -> None:
    """Half of base · 2^n with a draw in the middle; a success begins anew."""
    crowd = Crowd([group("a/x", retries=Retries(max=0, base_s=8.0, cap_s=100.0))])
    pauses = []
    for _ in range(3):
        crowd.ask({"a/x": broken(BUSY)})
        pauses.append(crowd.shared.health["a/x"].cooling_until - crowd.now)
        crowd.now += 100
    crowd.ask()
    crowd.ask({"a/x": broken(BUSY)})
    pauses.append(crowd.shared.health["a/x"].cooling_until - crowd.now)
    assert pauses == pytest.approx([4.0, 8.0, 16.0, 4.0])


def test_a_target_that_cools_on_is_not_asked_after_the_wait() -> None:
    """The wait was for 3 s; meanwhile another request was told 30: the fallback serves."""
    crowd = two()
    busy = crowd.arrive()
    busy.start()
    crowd.ask({"a/x": broken(BUSY, hint=3.0)})
    one = crowd.arrive()
    (timer,) = one.step(Started())
    assert isinstance(timer, SetTimer)
    busy.step(Ended(1, Failure(BUSY, hint_s=30.0)), after=2.0)
    (send,) = one.fire(timer)
    assert one.asked(send) == "b/y"


def test_after_a_wait_an_untried_target_that_came_back_is_preferred() -> None:
    """One waits to ask a target again; an ejection ends in that time: no target twice before it."""
    crowd = Crowd([group("a/x", "b/y", retries=Retries(max=3, base_s=8.0, cap_s=8.0))])
    health = crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0])
    health.eject(Ejection(), 0.0, 0.5)
    crowd.now = 2.0
    one = crowd.arrive()
    assert one.asked(one.start()) == "b/y"
    timer = one.fail(FailureClass.SERVER_ERROR, after=0.5)
    assert isinstance(timer, SetTimer)
    assert timer.at == 6.5
    (send,) = one.fire(timer)
    assert one.asked(send) == "a/x"
    assert one.chain.attempts[-1].trial
    assert one.chain.attempts[-1].wait_s == 4.0


def test_a_wait_in_the_next_group_may_end_with_any_of_its_targets() -> None:
    """What a content refusal rules out lies in the group that refused: all of the next group's are open."""
    crowd = Crowd([group("a/x"), group("b/y", "c/z", name="spare")])
    spare = crowd.groups[1]
    for item, until in zip(spare.targets, (3.0, 4.0), strict=True):
        crowd.shared.health_of(spare, item).cool(until)
    one = crowd.arrive()
    one.start()
    timer = one.fail(FailureClass.CONTENT_POLICY)
    assert isinstance(timer, SetTimer)
    assert timer.at == 3.0
    crowd.shared.health["b/y"].cool(60.0)
    (wait,) = one.fire(timer)
    assert isinstance(wait, SetTimer)
    (send,) = one.fire(wait)
    assert one.asked(send) == "c/z"


# --- panic


def test_when_nothing_is_ready_the_least_bad_is_tried_once() -> None:
    """The target of the asked group whose ejection ends first; its failure ends the request."""
    crowd = Crowd([group("a/x", "b/y", retries=Retries(max=5)), group("c/z", name="spare")])
    for name, until in (("a/x", 60.0), ("b/y", 30.0), ("c/z", 5.0)):
        health = crowd.shared.health_of(crowd.groups[0], target(name))
        health.eject(Ejection(base_s=until, cap_s=until), 0.0, 0.5)
    one = crowd.arrive()
    assert one.asked(one.start()) == "b/y"
    assert one.fail(FailureClass.SERVER_ERROR) == GiveUp()
    assert crowd.shared.health["b/y"].step == 1


def test_a_panic_that_is_answered_recovers_at_once() -> None:
    """The next request finds the target ready."""
    crowd = lone()
    eject(crowd)
    assert asked(crowd.ask()) == ["a/x"]
    assert crowd.status("a/x") == "READY"


def test_a_refused_credential_is_panicked_with_too() -> None:
    """A credential that is set aside counts like an ejected target."""
    crowd = lone()
    crowd.ask({"a/x": broken(DENIED)})
    assert asked(crowd.ask()) == ["a/x"]
    assert crowd.shared.credentials["env:a"].ejected_at is None


def test_an_answer_that_was_on_its_way_does_not_recover() -> None:
    """A request begun before the ejection says nothing of what came after."""
    crowd = two()
    slow = crowd.arrive()
    slow.start()
    eject(crowd)
    slow.step(Ended(1, None), after=crowd.now - slow.now)
    assert crowd.status("a/x") == "EJECTED"


def test_no_panic_without_time() -> None:
    """With less than 50 ms left not even the last resort is tried."""
    crowd = lone(timeout_s=0.04)
    health = crowd.shared.health_of(crowd.groups[0], crowd.groups[0].targets[0])
    health.eject(Ejection(), 0.0, 0.5)
    assert crowd.arrive().step(Started()) == (GiveUp(),)

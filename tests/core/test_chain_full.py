"""A request between targets that are full, that fail, and that are waited for in vain."""

from __future__ import annotations

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from router.core.bounds import worst_case
from router.core.events import Ended, Finish, Send, SetTimer, Started, TimerFired, Wait
from router.core.failure import Failure, FailureClass
from router.core.health import Health
from router.core.limits import Limits
from router.core.ready import Moment
from router.core.table import Retries
from router.core.waiting import may_start_from
from tests.core.crowd import BAD, NEVER, OK, Crowd, asked, spend
from tests.core.strategies import PROFILE
from tests.core.world import Reply, group, target

LATER = Failure(FailureClass.RATE_LIMITED, hint_s=1.0)


def _full(name: str, max_wait_s: float) -> Crowd:
    """Room for one on b/y, in a group of its own or with a/x, and one that takes it and never ends."""
    limits = Limits(concurrency=1, max_wait_s=max_wait_s)
    second = target("b/y", limits=limits)
    if name == "group":
        groups = [group("a/x", retries=NEVER), group(second, name="spare", retries=NEVER)]
        groups.append(group("c/z", name="last", retries=NEVER))
    else:
        groups = [group("a/x", second)]
    crowd = Crowd(groups)
    holder = crowd.arrive(1 if name == "group" else 0)
    if name != "group":
        crowd.arrive().step(Started())  # The first turn is a/x's.
    holder.step(Started())
    return crowd


# --- the one that was asked already


@pytest.mark.parametrize("max_wait_s", [0.0, 0.2, 2.0])
@pytest.mark.parametrize(
    "failure", [LATER, Failure(FailureClass.SERVER_ERROR), Failure(FailureClass.OVERLOADED, hint_s=0.1)]
)
def test_it_is_asked_again_when_the_untried_one_has_no_room(max_wait_s: float, failure: Failure) -> None:
    """However long others may be waited for: after its pause at the latest it is its turn."""
    crowd = _full("target", max_wait_s)
    one = crowd.arrive()
    end = one.run(lambda send: Reply(failure, after_s=0.1) if send.attempt == 1 else OK)
    assert isinstance(end, Finish)
    assert asked(one) == ["a/x", "a/x"]
    assert one.chain.attempts[1].started <= 0.1 + (failure.hint_s or 2.0) + max_wait_s


def test_without_a_backoff_too() -> None:
    """A pause of no length is over at once, and the request does not wait for it for ever."""
    crowd = Crowd(
        [
            group(
                "a/x",
                target("b/y", limits=Limits(concurrency=1, max_wait_s=2.0)),
                retries=Retries(base_s=0.0, cap_s=0.0),
            )
        ]
    )
    for _ in range(2):
        crowd.arrive().step(Started())
    one = crowd.arrive()
    assert isinstance(one.run(lambda send: BAD if send.attempt == 1 else OK), Finish)


def test_after_its_pause_it_comes_before_a_wait_for_room() -> None:
    """It may be asked now; the other one, which had cooled, by and by."""
    crowd = _full("target", 100.0)
    crowd.shared.health["b/y"] = Health(cooling_until=1.15)
    one = crowd.arrive()
    one.step(Started())
    (timer,) = one.step(Ended(1, LATER), at=0.1)
    assert isinstance(timer, SetTimer)
    (send,) = one.step(TimerFired(timer.timer), at=1.2)  # A little late.
    assert one.asked(send) == "a/x"


def test_with_another_key_it_comes_before_a_wait_for_room() -> None:
    """A key that was refused is no reason to stand in line for another target."""
    limits = Limits(concurrency=1, max_wait_s=100.0)
    crowd = Crowd([group("a/x", target("b/y", limits=limits))], credentials={"a": "one two"})
    for _ in range(2):
        crowd.arrive().step(Started())
    one = crowd.arrive()
    one.step(Started())
    (send,) = one.step(Ended(1, Failure(FailureClass.AUTH)), at=0.1)
    assert one.asked(send) == "a/x"
    assert one.chain.attempts[0].credential != one.chain.attempts[1].credential


@pytest.mark.parametrize("limits", [None, Limits(concurrency=9)])
def test_one_not_asked_yet_comes_before_another_key(limits: Limits | None) -> None:
    """Where it has room, however small its share."""
    targets = [target("a/x", weight=100, limits=limits), target("b/y")]
    one = Crowd([group(*targets)], credentials={"a": "one two"}).arrive()
    assert one.asked(one.start()) == "a/x"
    (send,) = one.step(Ended(1, Failure(FailureClass.AUTH)), at=0.1)
    assert one.asked(send) == "b/y"


def test_room_is_waited_for_anew_before_each_attempt() -> None:
    """What was waited before an attempt of the group does not shorten the wait before its next one."""
    crowd = Crowd([group("a/x", limits=Limits(concurrency=1, max_wait_s=2.0), retries=Retries(base_s=0.0))])
    first = crowd.arrive()
    first.step(Started())
    one = crowd.arrive()
    one.step(Started())
    first.step(Ended(1, None), at=1.5)
    (send,) = one.step(TimerFired(1), at=1.5)
    assert isinstance(send, Send)
    (timer,) = one.step(Ended(1, BAD.failure), at=1.6)
    assert isinstance(timer, SetTimer)
    crowd.now = 1.6
    crowd.arrive().step(Started())
    (wait,) = one.step(TimerFired(timer.timer), at=timer.at)
    assert isinstance(wait, Wait)
    assert wait.at == timer.at + 2.0


# --- when one that was asked may be asked again


def _moment(crowd: Crowd) -> Moment:
    return Moment(crowd.plan, crowd.shared, crowd.arrive().chain, crowd.now, 0.5)


def test_the_first_key_that_rests_no_more_and_has_room() -> None:
    """Each key's rest and room count together: one that is ready has none, the other cools."""
    crowd = Crowd([group("a/x")], credentials={"a": "one two"}, limits={"a": Limits(rpm=1)})
    health = crowd.shared.health["a/x"] = Health()
    assert may_start_from(_moment(crowd), 0, 0.0) == 0.0
    crowd.arrive().step(Started())  # With the first; a minute later it has room again.
    health.keys[1] = Health(cooling_until=70.0)
    assert may_start_from(_moment(crowd), 0, 0.5) == pytest.approx(60.0, abs=10.0)
    health.keys[1] = Health(cooling_until=4.0)
    assert may_start_from(_moment(crowd), 0, 0.5) == 4.0
    assert may_start_from(_moment(crowd), 0, 5.0) == 5.0


def test_time_alone_makes_no_room_for_another_at_once() -> None:
    """Whom only another request's end lets in has no time; nor has one whose keys are ejected."""
    crowd = Crowd([group("a/x")], limits={"a": Limits(concurrency=1)})
    crowd.arrive().step(Started())
    assert may_start_from(_moment(crowd), 0, 0.0) is None
    ejected = Crowd([group("a/x")])
    ejected.shared.health["a/x"] = Health(ejected_at=0.0, ejected_until=9.0)
    assert may_start_from(_moment(ejected), 0, 0.0) is None


# --- a group that was waited for in vain


@pytest.mark.parametrize("max_wait_s", [0.0, 0.2])
def test_a_group_waited_for_in_vain_may_be_asked_later(max_wait_s: float) -> None:
    """Waiting for its room bars no group: when the next one has failed it is looked at again."""
    crowd = _full("group", max_wait_s)
    holder = crowd.worlds[0]
    one = crowd.arrive()
    one.step(Started())
    (move,) = one.step(Ended(1, BAD.failure), at=0.1)
    if isinstance(move, Wait):
        (move,) = one.step(TimerFired(move.ticket), at=move.at)
    assert one.asked(move) == "c/z"
    holder.step(Ended(1, None), at=2.0)
    (move,) = one.step(Ended(2, BAD.failure), at=3.0)
    assert one.asked(move) == "b/y"


# --- how long all of it may take


@PROFILE
@given(
    data=st.data(),
    sizes=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    waits=st.lists(st.sampled_from([0.0, 1.0, 5.0]), min_size=3, max_size=3),
)
def test_no_wait_goes_beyond_the_worst_case(
    data: st.DataObject, sizes: list[int], waits: list[float]
) -> None:
    """Also when others let a target cool longer, again and again, while this request waits for it."""
    groups = [
        group(
            *(f"p{row}{at}/x" for at in range(size)),
            name=f"g{row}",
            retries=Retries(max=data.draw(st.integers(0, 1)), max_wait_s=waits[row]),
            attempt_timeout_s=1.0,
        )
        for row, size in enumerate(sizes)
    ]
    crowd = Crowd(groups)
    worst = worst_case(crowd.plan.routes["g0"], crowd.plan.providers)
    names = [item.id for one in groups for item in one.targets]
    for name in names:
        cool_s = data.draw(st.sampled_from([0.0, 0.5, 3.0, 4.9]))
        crowd.shared.health[name] = Health(cooling_until=cool_s)
    one = crowd.arrive()
    failure = Failure(data.draw(st.sampled_from([FailureClass.SERVER_ERROR, FailureClass.RATE_LIMITED])))
    one.step(Started())
    vain = 0
    while not one.is_over():
        at, happens = one.next(lambda _: Reply(failure, after_s=1.0))
        assert at <= worst.seconds + 1e-9
        if isinstance(happens, TimerFired) and data.draw(st.booleans()):
            for name in names:
                crowd.shared.health[name].cooling_until = at + data.draw(st.sampled_from([0.1, 2.0, 4.0]))
            vain += 1
        one.step(happens, at=at)
        assert len(one.events) < 200
    event(f"waits in vain: {min(vain, 3)}, attempts: {len(one.chain.attempts)}")


def test_time_that_no_other_attempt_could_use_is_the_first_one_s() -> None:
    """An alternative for which there is no token takes no half of the time."""
    crowd = Crowd([group("a/x", target("b/y", tier=2), timeout_s=10.0)])
    crowd.shared.health["b/y"] = Health(failing=True)
    one = crowd.arrive()
    (send,) = one.step(Started())
    assert isinstance(send, Send)
    assert send.until == 5.0
    spend(crowd)
    other = crowd.arrive()
    (send,) = other.step(Started())
    assert isinstance(send, Send)
    assert send.until == 10.0


def test_a_wait_is_kept_to_by_the_hint_of_a_broken_one() -> None:
    """A 500 that says when it may be asked again is asked no earlier."""
    one = Crowd([group("a/x")]).arrive()
    one.step(Started())
    (timer,) = one.step(Ended(1, Failure(FailureClass.SERVER_ERROR, hint_s=3.0)), at=0.1)
    assert isinstance(timer, SetTimer)
    assert timer.at == pytest.approx(3.1)

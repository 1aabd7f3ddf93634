"""What follows a break of a stream, by on_break: virtual time, one request at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from router.core.chain import IllegalEvent
from router.core.delays import Hedge
from router.core.events import (
    Cancel,
    Cancelled,
    Ended,
    Finish,
    FirstContent,
    GiveUp,
    Send,
    SetTimer,
    Started,
)
from router.core.failure import Failure, FailureClass, FallbackList
from router.core.state import Phase
from router.core.streams import OnBreak, takes_up
from router.core.table import Retries
from tests.core.world import TABLE, World, busy, group, target, world

if TYPE_CHECKING:
    from router.core.events import Action
    from router.core.table import Target

BREAK = Failure(FailureClass.CONNECTION)
QUICK = Retries(max=4, base_s=0.0)


def able(name: str, **more: Any) -> Target:
    """A target that can go on with any stream."""
    return target(name, prefill=True, deterministic=True, **more)


def streaming(*targets: Target | str, on_break: OnBreak = OnBreak.CONTINUE, **more: Any) -> World:
    """A stream asked of a group of *targets*, ample retries."""
    one = world(
        group(*targets, on_break=on_break, **{"retries": QUICK, **more}),
        group(able("z/spare"), name="spare", on_break=on_break),
        stream=True,
    )
    one.shared = busy()
    return one


def committed(one: World) -> World:
    """*one* after its first attempt gave its first content, one second after it began."""
    one.start()
    assert one.step(FirstContent(1), after=1.0) == ()
    return one


def breaks(one: World, *, after: float = 1.0, resumable: bool = True, kind: Failure = BREAK) -> Action:
    """The running attempt breaks; the one action that follows."""
    (action,) = one.step(Ended(len(one.chain.attempts), kind, resumable=resumable), after=after)
    return action


BOTH = pytest.mark.parametrize("on_break", [OnBreak.CONTINUE, OnBreak.SPLICE])


@pytest.mark.parametrize(
    ("on_break", "prefill", "deterministic", "able"),
    [
        (OnBreak.FAIL, True, True, False),
        (OnBreak.BUFFER, True, True, False),
        (OnBreak.CONTINUE, True, False, True),
        (OnBreak.CONTINUE, False, True, False),
        (OnBreak.SPLICE, False, True, True),
        (OnBreak.SPLICE, True, False, False),
    ],
)
def test_who_takes_up(on_break: OnBreak, prefill: bool, deterministic: bool, able: bool) -> None:
    """Only what is declared for the policy goes on with a broken stream."""
    item = target("a/x", prefill=prefill, deterministic=deterministic)
    assert takes_up(group(item, on_break=on_break), item) is able


@BOTH
def test_another_attempt_goes_on(on_break: OnBreak) -> None:
    """After a break the next attempt starts at once, may give its first content, and may end well."""
    one = committed(streaming("a/x", able("b/y"), on_break=on_break))
    send = breaks(one)
    assert one.asked(send) == "b/y"
    phases = [one.chain.phase]
    assert one.step(FirstContent(2), after=1.0) == ()
    assert [*phases, one.chain.phase] == [Phase.BROKEN, Phase.COMMITTED]
    assert one.step(Ended(2, None), after=1.0) == (Finish(2),)


@BOTH
def test_only_those_that_can_are_asked(on_break: OnBreak) -> None:
    """A target that declares nothing is passed over, however good; with none left the stream fails."""
    one = committed(streaming("a/x", "b/y", able("c/z", tier=2), on_break=on_break))
    assert one.asked(breaks(one)) == "c/z"
    assert breaks(one, kind=Failure(FailureClass.TIMEOUT)) == GiveUp()


def test_no_other_group_goes_on() -> None:
    """A text that one group's model began is not finished by another's."""
    one = committed(streaming("a/x"))
    assert breaks(one) == GiveUp()
    assert one.chain.phase is Phase.DONE


@pytest.mark.parametrize("on_break", OnBreak)
def test_what_cannot_be_resumed_fails(on_break: OnBreak) -> None:
    """Whatever the policy: when the driver says that nobody could go on, nobody is asked."""
    one = committed(streaming("a/x", able("b/y"), on_break=on_break))
    assert breaks(one, resumable=False) == GiveUp()


@pytest.mark.parametrize("on_break", [OnBreak.FAIL, OnBreak.BUFFER])
def test_policies_that_do_not_resume(on_break: OnBreak) -> None:
    """With fail, and with buffer beyond its bound, a break after content is the end."""
    one = committed(streaming(able("a/x"), able("b/y"), on_break=on_break))
    assert breaks(one) == GiveUp()


@BOTH
@pytest.mark.parametrize("kind", FailureClass)
def test_the_failure_says_who_may_be_asked_again(on_break: OnBreak, kind: FailureClass) -> None:
    """The same target goes on itself where the table lets it be asked again, and never else."""
    one = committed(streaming(able("a/x"), on_break=on_break))
    action = breaks(one, kind=Failure(kind))
    if TABLE[kind].again == "never":
        assert action == GiveUp()
    else:
        assert isinstance(action, SetTimer)
        (again,) = one.fire(action)
        assert one.asked(again) == "a/x"


def test_an_untried_target_comes_first() -> None:
    """As before the first content, no target is used twice while another may be asked."""
    one = committed(streaming(able("a/x"), able("b/y")))
    assert one.asked(breaks(one)) == "b/y"
    (again,) = one.fire(_timer(breaks(one)))
    assert isinstance(again, Send)


def test_retries_and_max_attempts_hold() -> None:
    """Attempts that go on count like any other."""
    one = committed(streaming(able("a/x"), able("b/y"), able("c/z"), retries=Retries(max=1)))
    assert isinstance(breaks(one), Send)
    assert breaks(one) == GiveUp()
    one = committed(streaming(able("a/x"), able("b/y"), able("c/z"), max_attempts=2))
    assert isinstance(breaks(one), Send)
    assert breaks(one) == GiveUp()


def test_the_retry_budget_holds() -> None:
    """Without a token the target that just broke is not asked again."""
    one = committed(streaming(able("a/x")))
    budget = one.shared.budget(one.chain.route.asked)
    while budget.left(one.now) >= 1:
        budget.take(one.now)
    assert breaks(one) == GiveUp()


@pytest.mark.parametrize("second_content", [False, True])
def test_the_timeout_begins_anew_with_each_break(second_content: bool) -> None:
    """A stream that broke after longer than its timeout has that timeout again, and not longer."""
    one = committed(streaming(able("a/x"), able("b/y"), able("c/z"), timeout_s=10.0))
    send = breaks(one, after=60.0)
    assert isinstance(send, Send)
    # The other half is kept for the third target.
    assert send.until == pytest.approx(one.now + 5.0)
    if second_content:
        one.step(FirstContent(2), after=1.0)
        third = breaks(one, after=60.0)
        assert isinstance(third, Send)
        assert third.until == pytest.approx(one.now + 10.0)
    else:
        third = breaks(one, after=4.0)
        assert isinstance(third, Send)
        assert third.until == pytest.approx(one.now + 6.0)


def test_the_whole_stream_s_timeout_holds() -> None:
    """No attempt goes on beyond stream.timeout, which counts from the request's start."""
    one = committed(streaming(able("a/x"), able("b/y"), able("c/z"), stream_timeout_s=30.0))
    send = breaks(one, after=20.0)
    assert isinstance(send, Send)
    assert send.until <= 30.0
    assert send.ends_at == 30.0
    one.step(FirstContent(2), after=1.0)
    assert breaks(one, after=7.97) == GiveUp()


def test_content_comes_from_the_attempt_that_goes_on() -> None:
    """A first content is taken of an attempt in flight only, once, and none of the one that broke."""
    one = committed(streaming("a/x", able("b/y")))
    with pytest.raises(IllegalEvent):
        one.step(FirstContent(1))
    breaks(one)
    with pytest.raises(IllegalEvent):
        one.step(FirstContent(1))
    one.step(FirstContent(2))
    with pytest.raises(IllegalEvent):
        one.step(FirstContent(2))


def test_a_caller_leaves_a_broken_stream() -> None:
    """What is in flight for it is cancelled."""
    one = committed(streaming("a/x", able("b/y")))
    breaks(one)
    assert one.step(Cancelled()) == (Cancel(2),)
    assert one.chain.phase is Phase.DONE


def test_no_hedge_beside_an_attempt_that_goes_on() -> None:
    """One attempt at a time takes a stream up: what another said could not be told apart."""
    one = streaming("a/x", able("b/y"), able("c/z"), hedge=Hedge(after_s=0.5))
    assert [type(action) for action in one.step(Started())] == [Send, SetTimer]
    one.step(FirstContent(1), after=0.1)
    assert isinstance(breaks(one), Send)


def test_an_answer_without_content_ends_it_well() -> None:
    """The text was complete when it broke: nothing more comes, and that is an answer."""
    one = committed(streaming("a/x", able("b/y")))
    breaks(one)
    assert one.step(Ended(2, None), after=1.0) == (Finish(2),)


def test_late_failures_are_learned() -> None:
    """A break after content counts against its target when the request ends, as with fail."""
    one = committed(streaming("a/x", able("b/y")))
    breaks(one)
    assert one.shared.health["a/x"].failing
    one.step(FirstContent(2), after=1.0)
    one.step(Ended(2, None), after=1.0)
    assert one.shared.health["a/x"].streak == 1
    assert not one.shared.health["b/y"].failing


# --- buffer


def test_buffer_holds_the_whole_stream() -> None:
    """The attempt's time bounds the whole stream, first_chunk_timeout its first content only."""
    one = streaming(
        "a/x", on_break=OnBreak.BUFFER, first_chunk_s=3.0, timeout_s=100.0, attempt_timeout_s=40.0
    )
    send = one.start()
    assert (send.hold, send.until, send.content_by, send.idle_s) == (True, 40.0, 3.0, 60.0)


def test_buffer_without_times_of_its_own() -> None:
    """The built-in first-chunk timeout of the target bounds the first content."""
    one = streaming(target("a/x", first_chunk_s=300.0), on_break=OnBreak.BUFFER, timeout_s=1000.0)
    send = one.start()
    assert (send.until, send.content_by) == (500.0, 300.0)


def test_buffer_keeps_to_the_stream_s_timeout() -> None:
    """stream.timeout bounds a stream that is held back too."""
    one = streaming("a/x", on_break=OnBreak.BUFFER, stream_timeout_s=20.0)
    assert one.start().until == 20.0


def test_buffer_concerns_streams_only() -> None:
    """A plain request of the same group is as ever, and so is a stream of another policy."""
    plain = world(group("a/x", on_break=OnBreak.BUFFER)).start()
    assert (plain.hold, plain.content_by, plain.idle_s) == (False, None, None)
    other = streaming("a/x").start()
    assert (other.hold, other.content_by) == (False, None)


def test_a_break_of_a_held_stream_is_an_ordinary_failure() -> None:
    """Nothing was delivered: other targets and the fallbacks answer in its place."""
    one = streaming("a/x", on_break=OnBreak.BUFFER, retries=Retries(max=0))
    one.start()
    send = breaks(one, after=30.0, resumable=False)
    assert one.asked(send) == "z/spare"


def test_the_group_being_tried_decides() -> None:
    """In a fallback group its own policy holds."""
    one = world(
        group("a/x", on_break=OnBreak.BUFFER, retries=Retries(max=0)),
        group(able("b/y"), able("c/z"), name="spare", on_break=OnBreak.SPLICE),
        lists={FallbackList.ON_ERROR: (1,)},
        stream=True,
    )
    assert one.start().hold
    second = breaks(one, resumable=False)
    assert isinstance(second, Send)
    assert not second.hold
    one.step(FirstContent(2))
    assert one.asked(breaks(one)) == "c/z"


def _timer(action: Action) -> SetTimer:
    assert isinstance(action, SetTimer)
    return action

"""How a request ends: answers, commitment, cancelling; events that cannot happen."""

from __future__ import annotations

import copy

import pytest

from router.core.chain import IllegalEvent
from router.core.events import (
    Cancel,
    Cancelled,
    Ended,
    Event,
    Finish,
    FirstContent,
    GiveUp,
    SetTimer,
    Started,
    TimerFired,
)
from router.core.failure import Failure, FailureClass
from router.core.state import Phase
from tests.core.world import World, group, world

_ALL = pytest.mark.parametrize("kind", list(FailureClass), ids=str)
BROKEN = FailureClass.SERVER_ERROR


# --- ends


def test_an_answer_finishes_the_request() -> None:
    """An attempt without a failure is the answer; the chain is done."""
    one = world(group("a/x", "b/y"))
    one.start()
    one.fail(BROKEN)
    assert one.step(Ended(2, None), after=1.0) == (Finish(2),)
    assert one.chain.phase is Phase.DONE
    assert one.live() == []


@_ALL
def test_after_the_first_content_nothing_else_is_tried(kind: FailureClass) -> None:
    """A committed stream that breaks ends the request, whatever could be tried."""
    one = world(group("a/x", "b/y"), group("c/z"), stream=True)
    one.start()
    assert one.step(FirstContent(1), after=1.0) == ()
    assert one.chain.phase is Phase.COMMITTED
    assert one.fail(kind) == GiveUp()


def test_a_committed_stream_that_ends_well_is_the_answer() -> None:
    """FirstContent, then an end without a failure: Finish."""
    one = world(group("a/x"), stream=True)
    one.start()
    one.step(FirstContent(1), after=1.0)
    assert one.step(Ended(1, None), after=1.0) == (Finish(1),)


# --- cancelling


def test_cancelling_stops_the_attempt_in_flight() -> None:
    """The live attempt is cancelled, recorded as such, and nothing follows."""
    one = world(group("a/x", "b/y"))
    one.start()
    one.fail(BROKEN)
    assert one.step(Cancelled(), after=0.5) == (Cancel(2),)
    last = one.chain.attempts[-1]
    assert last.failure == Failure(kind=FailureClass.CANCELLED)
    assert last.ended == one.now
    assert one.chain.phase is Phase.DONE


def test_cancelling_a_wait_forgets_it() -> None:
    """While waiting there is nothing to stop, and the timer that still fires is refused."""
    one = world(group("a/x"))
    one.start()
    timer = one.fail(BROKEN)
    assert isinstance(timer, SetTimer)
    assert one.step(Cancelled()) == ()
    assert one.chain.pending is None
    with pytest.raises(IllegalEvent):
        one.fire(timer)


def test_cancelling_a_committed_stream_stops_it() -> None:
    """The caller may leave in the middle of a stream."""
    one = world(group("a/x"), stream=True)
    one.start()
    one.step(FirstContent(1))
    assert one.step(Cancelled()) == (Cancel(1),)


def test_cancelling_before_the_start_ends_the_chain() -> None:
    """A request cancelled before it began never begins."""
    one = world(group("a/x"))
    assert one.step(Cancelled()) == ()
    with pytest.raises(IllegalEvent, match="Started in phase done"):
        one.step(Started())


# --- illegal events


def _new() -> World:
    return world(group("a/x"), stream=True)


def _open() -> World:
    one = _new()
    one.start()
    return one


def _plain() -> World:
    one = world(group("a/x"))
    one.start()
    return one


def _waiting() -> World:
    one = _open()
    one.fail(BROKEN)
    return one


def _committed() -> World:
    one = _open()
    one.step(FirstContent(1))
    return one


def _done() -> World:
    one = _open()
    one.step(Ended(1, None))
    return one


_FAILED = Failure(kind=BROKEN)


@pytest.mark.parametrize(
    ("stage", "event"),
    [
        (_new, Ended(1, None)),
        (_new, FirstContent(1)),
        (_new, TimerFired(1)),
        (_open, Started()),
        (_open, Ended(0, _FAILED)),
        (_open, Ended(2, _FAILED)),
        (_open, Ended(-1, _FAILED)),
        (_open, FirstContent(2)),
        (_open, TimerFired(1)),
        (_plain, FirstContent(1)),
        (_waiting, Started()),
        (_waiting, Ended(1, _FAILED)),
        (_waiting, FirstContent(1)),
        (_waiting, TimerFired(2)),
        (_committed, Started()),
        (_committed, FirstContent(1)),
        (_committed, Ended(2, None)),
        (_committed, TimerFired(1)),
        (_done, Started()),
        (_done, Ended(1, None)),
        (_done, FirstContent(1)),
        (_done, TimerFired(1)),
        (_done, Cancelled()),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else repr(value),
)
def test_an_event_that_cannot_happen_is_refused_and_changes_nothing(stage: object, event: Event) -> None:
    """An illegal event raises, and chain and shared state stay as they were."""
    assert callable(stage)
    one: World = stage()
    before = copy.deepcopy((one.chain, one.shared))
    with pytest.raises(IllegalEvent):
        one.step(event, after=1.0)
    assert (one.chain, one.shared) == before


@pytest.mark.parametrize(
    ("stage", "event", "words"),
    [
        (_open, Ended(2, None), "attempt 2 in phase open"),
        (_done, Ended(1, None), "attempt 1 in phase done"),
        (_waiting, Ended(1, None), "attempt 1 has ended"),
        (_open, TimerFired(1), r"TimerFired\(1\) while waiting for None"),
        (_waiting, TimerFired(2), r"TimerFired\(2\) while waiting for Pending"),
        (_done, Cancelled(), "^Cancelled after the end$"),
    ],
)
def test_a_refusal_says_what_came_when(stage: object, event: Event, words: str) -> None:
    """Whoever writes a driver reads which event was out of place, and why."""
    assert callable(stage)
    one: World = stage()
    with pytest.raises(IllegalEvent, match=words):
        one.step(event)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_only_a_stream_has_a_first_content(number: int) -> None:
    """For a request that is not streamed it is a bug of the driver, and nothing changes."""
    one = world(group("a/x"))
    one.start()
    with pytest.raises(IllegalEvent, match="not streamed"):
        one.step(FirstContent(number))
    assert one.chain.phase is Phase.OPEN

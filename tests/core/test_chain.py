"""The chain's rules, one story each: the specification's table row by row, retries, hints."""

from __future__ import annotations

import pytest

from router.core.events import (
    GiveUp,
    Send,
    SetTimer,
)
from router.core.failure import RULES, Failure, FailureClass, FallbackList
from router.core.table import Retries
from tests.core.world import TABLE, Reply, busy, group, world

_ALL = pytest.mark.parametrize("kind", list(FailureClass), ids=str)
_RETRYABLE = [kind for kind, row in TABLE.items() if row.again != "never"]
_BUSY = (FailureClass.RATE_LIMITED, FailureClass.OVERLOADED)
BROKEN = FailureClass.SERVER_ERROR
NEVER = Retries(max=0)
LISTS = {
    FallbackList.ON_ERROR: (1,),
    FallbackList.ON_CONTEXT_OVERFLOW: (2,),
    FallbackList.ON_CONTENT_POLICY: (3,),
}


# --- the table


def test_the_table_has_a_row_for_every_class() -> None:
    """No failure class is without a rule, and no rule without a class."""
    assert set(RULES) == set(FailureClass) == set(TABLE)


@_ALL
def test_column_same_target_again(kind: FailureClass) -> None:
    """A lone target is asked again after backoff exactly when its row says so, else never."""
    one = world(group("a/x"), draws=(0.8,))
    one.start()
    action = one.fail(kind)
    if TABLE[kind].again == "never":
        assert action == GiveUp()
        return
    assert isinstance(action, SetTimer)
    assert action.at == pytest.approx(1.0 + 0.8 * 0.25)
    (send,) = one.fire(action)
    assert one.asked(send) == "a/x"
    assert one.chain.attempts[-1].wait_s == pytest.approx(0.2)


@_ALL
def test_column_another_target(kind: FailureClass) -> None:
    """With another target left, it is asked at once exactly when the row allows another target."""
    one = world(group("a/x", "b/y"))
    one.start()
    action = one.fail(kind)
    if TABLE[kind].other in ("any", "credential"):
        assert one.asked(action) == "b/y"
        assert one.now == 1.0
    else:
        assert action == GiveUp()


@_ALL
def test_column_fallback_list(kind: FailureClass) -> None:
    """With nothing left in the group, the row's own fallback list goes on, and no other."""
    groups = [group(f"p{index}/x", name=f"g{index}", retries=NEVER) for index in range(4)]
    one = world(*groups, lists=LISTS)
    one.start()
    action = one.fail(kind)
    expected = {"on_error": "p1/x", "on_context_overflow": "p2/x", "on_content_policy": "p3/x", None: None}
    wanted = expected[TABLE[kind].fallback]
    assert (one.asked(action) if isinstance(action, Send) else None) == wanted


@_ALL
def test_an_earlier_failure_does_not_soften_a_later_row(kind: FailureClass) -> None:
    """A target that could be retried by itself is left alone when the last failure forbids other targets."""
    one = world(group("a/x", "b/y"))
    one.start()
    one.fail(BROKEN)
    action = one.fail(kind)
    if TABLE[kind].other in ("any", "credential"):
        assert isinstance(action, SetTimer)
    else:
        assert action == GiveUp()


@_ALL
def test_a_target_is_asked_again_only_after_every_other(kind: FailureClass) -> None:
    """While an untried target of the group is left, none is used twice."""
    one = world(group("a/x", "b/y", "c/z", retries=Retries(max=4)))
    asked = [one.asked(one.start())]
    while isinstance(action := one.fail(kind), Send):
        asked.append(one.asked(action))
    assert len(asked) == len(set(asked))
    assert len(asked) == (3 if TABLE[kind].other in ("any", "credential") else 1)


# --- retries and attempts


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_retries_count_attempts_after_the_first(limit: int) -> None:
    """A group gets one attempt and `retries` more, then nothing sleeps any more."""
    one = world(group("a/x", retries=Retries(max=limit)))
    assert isinstance(one.run(lambda _: Reply(Failure(BROKEN))), GiveUp)
    assert len(one.of(Send)) == limit + 1
    assert len(one.of(SetTimer)) == limit


def test_each_group_has_its_own_retries() -> None:
    """A fallback group's attempts are counted from its own first."""
    one = world(
        group("a/x", retries=Retries(max=1)),
        group("b/y", name="second", retries=Retries(max=2)),
        group("c/z"),
    )
    one.shared = busy()
    one.run(lambda _: Reply(Failure(BROKEN)))
    assert [send.group for _, send in one.of(Send)] == [0, 0, 1, 1, 1, 2, 2, 2]


@pytest.mark.parametrize("limit", range(1, 6))
def test_max_attempts_caps_the_request(limit: int) -> None:
    """No more attempts than the asked group's max_attempts, whatever retries and fallbacks allow."""
    one = world(group("a/x", "b/x", max_attempts=limit), group("c/x", max_attempts=8))
    one.run(lambda _: Reply(Failure(BROKEN)))
    assert len(one.of(Send)) == limit
    assert isinstance(one.actions[-1][1], GiveUp)


def test_only_listed_classes_are_retried() -> None:
    """With `only`, another class moves to the fallback at once, past an untried target."""
    only = Retries(only=frozenset({FailureClass.RATE_LIMITED}))
    one = world(group("a/x", "b/y", retries=only), group("c/z"))
    one.start()
    assert one.asked(one.fail(FailureClass.RATE_LIMITED)) == "b/y"
    assert one.asked(one.fail(BROKEN)) == "c/z"


def test_backoff_grows_with_the_attempts_of_the_group() -> None:
    """The n-th wait in a group has the upper end base · 2^(n-1), up to the cap."""
    one = world(group("a/x", retries=Retries(max=4, base_s=1, cap_s=3)), draws=(0.5,))
    one.shared = busy()
    one.run(lambda _: Reply(Failure(BROKEN), after_s=1.0))
    waits = [attempt.wait_s for attempt in one.chain.attempts]
    assert waits == pytest.approx([0, 0.5, 1.0, 1.5, 1.5])


def test_of_targets_that_may_be_asked_together_the_one_that_rested_longest_goes() -> None:
    """After a full round, the round starts again with its first target."""
    one = world(group("a/x", "b/x", "c/x", retries=Retries(max=4)))
    one.run(lambda _: Reply(Failure(BROKEN)))
    assert [send.target for _, send in one.of(Send)] == [0, 1, 2, 0, 1]


# --- hints and waiting


@pytest.mark.parametrize("kind", _BUSY)
def test_a_hint_replaces_the_backoff(kind: FailureClass) -> None:
    """A target that named a time is asked again at that time, counted from its answer."""
    one = world(group("a/x"))
    one.start()
    action = one.fail(kind, after=2.0, hint=3.0)
    assert action == SetTimer(timer=1, at=5.0)


@pytest.mark.parametrize("kind", [kind for kind in _RETRYABLE if kind not in _BUSY])
def test_a_hint_of_a_broken_target_is_kept_too(kind: FailureClass) -> None:
    """Where the row says backoff, the later of backoff and hint holds."""
    late, early = world(group("a/x")), world(group("a/x"), draws=(0.8,))
    late.start()
    early.start()
    assert late.fail(kind, hint=3.0) == SetTimer(timer=1, at=4.0)
    assert early.fail(kind, hint=0.0) == SetTimer(timer=1, at=1.2)


def test_waiting_beats_changing_the_model() -> None:
    """A hint within max_wait is waited for, though a fallback is ready."""
    one = world(group("a/x", retries=Retries(max_wait_s=5)), group("b/y"))
    one.start()
    timer = one.fail(FailureClass.RATE_LIMITED, hint=5.0)
    assert isinstance(timer, SetTimer)
    (send,) = one.fire(timer)
    assert one.asked(send) == "a/x"
    assert one.now == 6.0


def test_another_target_beats_waiting() -> None:
    """A rate-limited target is not waited for while another of its group is untried."""
    one = world(group("a/x", "b/y"))
    one.start()
    assert one.asked(one.fail(FailureClass.RATE_LIMITED, hint=0.1)) == "b/y"


def test_a_hint_of_zero_is_backed_off_from() -> None:
    """A Retry-After of 0 does not make every waiting caller ask at the same instant."""
    one = world(group("a/x"), timeout_s=60.0)
    one.start()
    timer = one.fail(FailureClass.RATE_LIMITED, hint=0.0)
    bare = world(group("a/x"), timeout_s=60.0)
    bare.start()
    assert timer == bare.fail(FailureClass.RATE_LIMITED)
    assert isinstance(timer, SetTimer)
    assert timer.at > one.now


@pytest.mark.parametrize("hint", [5.1, 60.0, 61.0])
def test_a_hint_beyond_max_wait_changes_the_model(hint: float) -> None:
    """Nobody waits longer than max_wait: the fallback is asked at once."""
    one = world(group("a/x", retries=Retries(max_wait_s=5)), group("b/y"))
    one.start()
    assert one.asked(one.fail(FailureClass.RATE_LIMITED, hint=hint)) == "b/y"
    assert one.now == 1.0


def test_a_hint_beyond_a_minute_is_never_waited_for() -> None:
    """A longer hint rules the target out of the request, however long max_wait is."""
    patient = Retries(max=4, max_wait_s=1000)
    one = world(group("a/x", retries=patient, timeout_s=5000))
    one.start()
    assert one.fail(FailureClass.RATE_LIMITED, hint=60.1) == GiveUp()
    two = world(group("a/x", retries=patient, timeout_s=5000))
    two.start()
    assert two.fail(FailureClass.RATE_LIMITED, hint=60.0) == SetTimer(timer=1, at=61.0)


def test_the_target_that_is_ready_first_is_waited_for() -> None:
    """Of several busy targets the one whose hint ends first is asked; a hint in the past means now."""
    one = world(group("a/x", "b/y", "c/z", retries=Retries(max=4)))
    one.start()
    one.fail(FailureClass.RATE_LIMITED, hint=4.0)
    one.fail(FailureClass.RATE_LIMITED, hint=1.5)
    timer = one.fail(FailureClass.RATE_LIMITED, after=2.0, hint=4.0)
    assert timer == SetTimer(timer=1, at=4.0)  # b/y ended at 2.0 and asked for 1.5 s, which are over.
    (send,) = one.fire(SetTimer(timer=1, at=4.0))
    assert one.asked(send) == "b/y"

"""Where a request goes next: fallbacks, windows, credentials, tiers, turns."""

from __future__ import annotations

import pytest

from router.core.events import (
    GiveUp,
    Send,
    SetTimer,
    Started,
)
from router.core.failure import Failure, FailureClass, FallbackList
from router.core.table import Retries
from tests.core.world import Reply, group, target, world

BROKEN = FailureClass.SERVER_ERROR
NEVER = Retries(max=0)


# --- fallbacks


def test_fallbacks_are_the_asked_groups_own_list_in_order() -> None:
    """Each listed group is entered once, in the order of the list."""
    groups = [group(f"p{index}/x", name=f"g{index}", retries=NEVER) for index in range(4)]
    one = world(*groups, lists={FallbackList.ON_ERROR: (3, 1, 2)})
    one.run(lambda _: Reply(Failure(BROKEN)))
    assert [send.group for _, send in one.of(Send)] == [0, 3, 1, 2]


def test_a_failure_in_a_fallback_group_follows_its_own_row() -> None:
    """Content policy in a fallback group goes to that list, and a broken one after it back to on_error."""
    groups = [group(f"p{index}/x", name=f"g{index}", retries=NEVER) for index in range(4)]
    one = world(*groups, lists={FallbackList.ON_ERROR: (1, 3), FallbackList.ON_CONTENT_POLICY: (1, 2)})
    one.start()
    assert one.asked(one.fail(BROKEN)) == "p1/x"
    assert one.asked(one.fail(FailureClass.CONTENT_POLICY)) == "p2/x"
    assert one.asked(one.fail(BROKEN)) == "p3/x"
    assert one.fail(BROKEN) == GiveUp()


def test_content_policy_is_never_served_by_the_error_list() -> None:
    """Without its own list a content-policy refusal ends the request."""
    one = world(group("a/x"), group("b/y"))
    one.start()
    assert one.fail(FailureClass.CONTENT_POLICY) == GiveUp()


def test_overflow_moves_to_a_larger_declared_window_only() -> None:
    """Inside the group only a window known to be larger is asked; an unknown one is not larger."""
    one = world(
        group(
            target("a/x", context_window=8000),
            target("b/same", context_window=8000),
            target("c/unknown"),
            target("d/larger", context_window=8001),
        )
    )
    assert one.asked(one.start()) == "a/x"
    assert one.asked(one.fail(FailureClass.CONTEXT_OVERFLOW)) == "d/larger"
    assert one.fail(FailureClass.CONTEXT_OVERFLOW) == GiveUp()


def test_overflow_of_an_unknown_window_makes_none_larger() -> None:
    """When the overflowing target's window is unknown, no target of the group counts as larger."""
    one = world(group(target("a/x"), target("b/y", context_window=10**6)))
    assert one.asked(one.start()) == "a/x"
    assert one.fail(FailureClass.CONTEXT_OVERFLOW) == GiveUp()


def test_overflow_does_not_retry_a_tried_target_of_unknown_window() -> None:
    """A target that failed before the overflow is asked again only if its window is known to be larger."""
    small, large = target("b/y", context_window=4000), target("a/x", context_window=8000)
    unknown, known = world(group("a/x", small)), world(group(large, small))
    for one in (unknown, known):
        assert one.asked(one.start()) == "a/x"
        assert one.asked(one.fail(BROKEN)) == "b/y"
    assert unknown.fail(FailureClass.CONTEXT_OVERFLOW) == GiveUp()
    assert isinstance(known.fail(FailureClass.CONTEXT_OVERFLOW), SetTimer)


def test_overflow_skips_groups_known_to_be_too_small() -> None:
    """A listed group is tried unless its window is known not to be larger; unknown is tried."""
    listed = {FallbackList.ON_CONTEXT_OVERFLOW: (1, 2, 3)}
    one = world(
        group(target("a/x", context_window=8000)),
        group(target("b/small", context_window=8000)),
        group("c/unknown"),
        group(target("d/large", context_window=9000)),
        lists=listed,
    )
    one.start()
    assert one.asked(one.fail(FailureClass.CONTEXT_OVERFLOW)) == "c/unknown"
    assert one.asked(one.fail(FailureClass.CONTEXT_OVERFLOW)) == "d/large"


def test_a_window_that_proved_too_small_stays_too_small() -> None:
    """After an overflow no later group's smaller target is asked, for whatever reason it is entered."""
    one = world(
        group(target("a/x", context_window=8000), retries=NEVER),
        group("b/y", retries=NEVER),
        group(target("c/small", context_window=4000), retries=NEVER),
        lists={FallbackList.ON_CONTEXT_OVERFLOW: (1,), FallbackList.ON_ERROR: (2,)},
    )
    one.start()
    assert one.asked(one.fail(FailureClass.CONTEXT_OVERFLOW)) == "b/y"
    assert one.fail(BROKEN) == GiveUp()


def test_a_target_that_is_not_to_be_asked_again_is_not_asked_in_another_group() -> None:
    """A fallback group with only the silent target is passed over."""
    one = world(group("a/x"), group("a/x", name="mirror"), group("b/y"))
    one.start()
    assert one.asked(one.fail(FailureClass.TIMEOUT)) == "b/y"


# --- credentials


@pytest.mark.parametrize("kind", [FailureClass.AUTH, FailureClass.PAYMENT])
def test_a_refused_credential_rules_out_every_provider_that_uses_it(kind: FailureClass) -> None:
    """Targets of the same provider, and of another one with the same key, are not asked; others are."""
    one = world(
        group("a/x", "a/y", "twin/x", "other/x"),
        credentials={"a": "env:KEY", "twin": "env:KEY", "other": "env:OTHER"},
    )
    assert one.asked(one.start()) == "a/x"
    assert one.asked(one.fail(kind)) == "other/x"
    assert one.chain.barred == {"a", "twin"}


def test_a_refused_credential_stays_refused_in_later_groups() -> None:
    """A fallback group of the same credential is passed over."""
    one = world(group("a/x"), group("a/y"), group("b/z"))
    one.start()
    assert one.asked(one.fail(FailureClass.AUTH)) == "b/z"


def test_providers_without_a_credential_share_none() -> None:
    """A 401 from a provider without a key says nothing about another one without."""
    one = world(group("a/x", "a/y", "b/z"), credentials={"a": "", "b": ""})
    one.start()
    assert one.asked(one.fail(FailureClass.AUTH)) == "b/z"
    assert one.chain.barred == {"a"}


# --- eligibility, tiers, turns


def test_a_target_that_cannot_carry_the_request_is_never_asked() -> None:
    """Ineligible targets are neither first, nor next, nor a fallback."""
    eligible = [[False, True, False], [False], [True]]
    one = world(group("a/x", "b/y", "c/z"), group("d/x"), group("e/x"), eligible=eligible)
    assert one.asked(one.start()) == "b/y"
    assert one.asked(one.fail(FailureClass.TIMEOUT)) == "e/x"
    assert one.fail(FailureClass.TIMEOUT) == GiveUp()


def test_an_asked_group_without_an_eligible_target_goes_to_its_fallback() -> None:
    """When the asked group cannot carry the request, its error list can."""
    one = world(group("a/x"), group("b/y"), eligible=[[False], [True]])
    assert one.asked(one.start()) == "b/y"


def test_a_chain_without_an_eligible_target_gives_up_at_once() -> None:
    """Nothing to ask: one GiveUp, no attempt."""
    one = world(group("a/x"), group("b/y"), eligible=[[False], [False]])
    assert one.step(Started()) == (GiveUp(),)
    assert one.chain.attempts == []


def test_a_later_tier_waits_for_the_earlier() -> None:
    """Tier 2 is asked when every target of tier 1 was tried."""
    one = world(group(target("a/x", tier=2), target("b/y"), target("c/z"), retries=Retries(max=2)))
    one.run(lambda _: Reply(Failure(BROKEN)))
    assert [one.asked(send) for _, send in one.of(Send)] == ["b/y", "c/z", "a/x"]


def test_requests_take_turns() -> None:
    """Shared state spreads requests over targets by weight."""
    asked = group(target("a/x", weight=3), target("b/y", weight=1))
    first = world(asked)
    counts = {"a/x": 0, "b/y": 0}
    for _ in range(40):
        one = world(asked)
        one.shared = first.shared
        counts[one.asked(one.start())] += 1
    assert counts == {"a/x": 30, "b/y": 10}

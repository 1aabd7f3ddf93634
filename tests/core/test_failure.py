"""The table of failures, held against the specification's, which the tests' world types a second time."""

from __future__ import annotations

import pytest

from router.core.failure import RULES, Again, Effect, Failure, FailureClass, FallbackList, Other, Rule
from tests.core.world import TABLE, Row

_AGAIN = {"never": Again.NEVER, "backoff": Again.AFTER_BACKOFF, "hint": Again.AFTER_HINT}
_OTHER = {
    "none": Other.NONE,
    "any": Other.ANY,
    "credential": Other.OTHER_CREDENTIAL,
    "window": Other.LARGER_WINDOW,
}
_EFFECTS = {
    Effect.COOL: {"rate_limited", "overloaded"},
    Effect.COUNT: {"server_error", "connection", "protocol", "timeout"},
    Effect.CREDENTIAL: {"auth", "payment"},
    Effect.COUNT_UNLESS_WILD: {"forbidden", "not_found"},
    Effect.NONE: {"unsupported", "bad_request", "context_overflow", "content_policy", "cancelled"},
}


@pytest.mark.parametrize(("kind", "row"), TABLE.items(), ids=str)
def test_each_failure_class_has_its_row(kind: FailureClass, row: Row) -> None:
    """What it says of health, whether the same target is asked again, which others, and which list."""
    (effect,) = [effect for effect, kinds in _EFFECTS.items() if kind in kinds]
    fallback = None if row.fallback is None else FallbackList(row.fallback)
    assert RULES[kind] == Rule(effect, _AGAIN[row.again], _OTHER[row.other], fallback)


def test_there_are_no_other_rows() -> None:
    """The table is total, and so is the specification's."""
    assert set(RULES) == set(TABLE) == set(FailureClass)


def test_the_lists_are_named_as_in_the_config() -> None:
    """The values are the keys under ``fallbacks``."""
    assert list(FallbackList) == ["on_error", "on_context_overflow", "on_content_policy"]


def test_a_failure_of_which_nothing_is_known() -> None:
    """No status, no hint, no words: nothing is made up."""
    assert Failure(FailureClass.TIMEOUT) == Failure(FailureClass.TIMEOUT, None, None, "")

"""The retry budget: invariants 26 and 27."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import event, given

from router.core.events import FirstContent, Started
from router.core.failure import FallbackList
from tests.core.crowd import Crowd, end_of
from tests.core.world import LEAST_S, TABLE
from tests.property.crowds import attempts, crowds, open_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.core.events import Event
    from tests.core.world import World


@given(crowd=crowds())
def test_invariant_26_second_tries_are_a_share_of_requests(crowd: Crowd) -> None:
    """In 9 s no more attempts need a token than 3 + 0.2 · the requests of the 10 s; all others are free."""
    begun = [
        (at, one.chain.route.asked.name) for at, one, happens in crowd.history if isinstance(happens, Started)
    ]
    taken = [
        (attempt.started, one.chain.route.asked.name)
        for one, _, attempt, seen in attempts(crowd.worlds)
        if not seen.free and seen.status != "ejected"
    ]
    for now, name in taken:
        tokens = sum(name == other and now - 9 < at <= now for at, other in taken)
        requests = sum(name == other and now - 10 < at <= now for at, other in begun)
        assert tokens <= 3 + 0.2 * requests
    event(f"hedges: {min(sum(attempt.hedge for _, _, attempt, _ in attempts(crowd.worlds)), 4)}")
    event(f"tokens taken: {min(len(taken), 4)}{'+' * (len(taken) > 4)}")
    for _, _, _, seen in attempts(crowd.worlds):
        if seen.free and seen.tokens < 1:
            event("a free attempt with an empty budget")


def _waits_for_what_it_can_pay(one: World, _: Event, act: Callable[[], object]) -> None:
    """Let it happen; a wait is for a target that needs no token, or for which there is one."""
    act()
    pending = one.chain.pending
    if pending is not None:
        seen = one.stood[-1][one.chain.current().targets[pending.target].id]
        event(f"a wait that is {'free' if seen.free else 'paid'}")
        assert seen.affordable


@given(crowd=crowds(look=_waits_for_what_it_can_pay))
def test_invariant_27_an_empty_budget_never_blocks(crowd: Crowd) -> None:
    """A token is there when it is taken, none is ever owed, and nothing is waited for that needs one."""
    for _, _, _, seen in attempts(crowd.worlds):
        assert seen.affordable
    for name, budget in crowd.shared.budgets.items():
        assert 0 <= budget.left(crowd.now) <= 3 + 0.2 * len(crowd.worlds), name
    for one in crowd.worlds:
        if end_of(one) == "failed" and not _is_final(one):
            event("nothing was left to ask")
            stood = one.stood[-1]
            failed = [one.chain.attempts[number - 1] for number in one.failed]
            for index in one.chain.route.lists[FallbackList.ON_ERROR]:
                targets = one.chain.route.groups[index].targets
                ids = [targets[at].id for at in open_to(one, failed, index)]
                assert index in one.chain.visited or not any(stood[name].may_go for name in ids)


def _is_final(one: World) -> bool:
    """Whether nothing may follow the last failure, whatever is ready."""
    last = one.chain.attempts[one.failed[-1] - 1].failure
    assert last is not None
    no_time = one.chain.deadline - one.now < LEAST_S
    committed = any(isinstance(item, FirstContent) for _, item in one.events)
    all_used = len(one.chain.attempts) >= one.chain.route.asked.max_attempts
    return no_time or committed or all_used or TABLE[last.kind].fallback != "on_error"

"""The end without an answer, or the one attempt in panic before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.core.events import GiveUp
from router.core.health import Status
from router.core.ready import able_targets, ejected_until, rests_until, status
from router.core.sending import send
from router.core.state import Phase
from router.core.timing import MIN_ATTEMPT_S, left_s
from router.core.waiting import panic_full, refusal

if TYPE_CHECKING:
    from router.core.events import Action
    from router.core.ready import Moment
    from router.core.rooms import Full
    from router.core.state import Chain


def give_up(chain: Chain, retry_after_s: float | None = None, full: Full | None = None) -> tuple[Action, ...]:
    """The end without an answer."""
    chain.phase = Phase.DONE
    return (GiveUp(retry_after_s, full),)


def panic(m: Moment) -> tuple[Action, ...]:
    """No target of the whole chain is ready: the asked group's least bad ejected one is tried once.

    Where no target of the asked group can carry the request, the first group that can stands for it.
    A cooling target said itself that it is of no use: the caller is told when to come back. So it is
    where a target in health has no room: that is no reason to ask one that is not.
    """
    chain = m.chain
    entered = (0, *chain.route.lists.get(chain.first_list, ()))
    chain.group = next((index for index in entered if any(chain.eligible[index])), 0)
    if chain.group not in chain.visited:
        chain.visited.append(chain.group)
    able = [(group, index) for group in entered for index in able_targets(chain, group)]
    full = refusal(m, able) if m.plan.limited else None
    if full is not None:
        return _refuse(m, able, full)
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:
        return give_up(chain)
    targets = chain.current().targets
    here = able_targets(chain, chain.group)
    ejected = {index: panic_full(m, index) for index in here if status(m, targets[index]) is Status.EJECTED}
    possible = [index for index, found in ejected.items() if found is None]
    if possible:
        return (send(m, min(possible, key=lambda index: (ejected_until(m, targets[index]), index))),)
    crowded = [found for found in ejected.values() if found is not None]
    return _refuse(m, able, min(crowded, key=lambda found: found[0], default=None))


def _refuse(m: Moment, able: list[tuple[int, int]], full: tuple[float, Full] | None) -> tuple[Action, ...]:
    """The end, with the time at which the first of *able* may be asked again."""
    groups = m.chain.route.groups
    rests = [rests_until(m, groups[group].targets[index]) for group, index in able]
    due = [until for until in rests if until > m.now]
    if full is not None:
        due.append(full[0])
    return give_up(m.chain, min(due) - m.now if due else None, None if full is None else full[1])

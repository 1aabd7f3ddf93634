"""Which targets may be asked now, and from when on: what moves are chosen from. Nothing changes here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.core.failure import Other
from router.core.health import Status
from router.core.keys import alone, healths, worst
from router.core.state import Phase
from router.core.streams import takes_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.core.health import Health
    from router.core.state import Chain, Shared
    from router.core.table import Group, Plan, Target

_BEST_FIRST = (Status.READY, Status.TRIAL, Status.EJECTED, Status.COOLING)
"""Of several credentials: one that is ejected may be tried in panic, one that cools may not."""


@dataclass(slots=True)
class Moment:
    """Everything that a decision may depend on. Not frozen: that would make it four times as dear."""

    plan: Plan
    shared: Shared
    chain: Chain
    now: float
    u: float


def status(m: Moment, target: Target) -> Status:
    """Whether *target* may be asked now: its own health and its credential's.

    With several credentials the one that is best off counts.
    """
    labels = m.plan.labels(target.provider)
    if len(labels) == 1:
        return alone(m.shared, target, labels, m.now)
    found = {worst(known, m.now) for known in _known(m, target)}
    return next((best for best in _BEST_FIRST if best in found), Status.EJECTED)


def _known(m: Moment, target: Target) -> list[list[Health]]:
    """For each credential that *target* may be asked with, what is known of it and of the target."""
    labels = m.plan.labels(target.provider)
    if len(labels) == 1:
        return [healths(m.shared, target, labels, 0)]
    return [
        healths(m.shared, target, labels, index)
        for index, label in enumerate(labels)
        if label not in m.chain.refused
    ]


def able_targets(chain: Chain, group: int, but: str = "") -> list[int]:
    """The targets of *group*, other than the id *but*, that may still be asked, tried or not.

    Left out: those that cannot carry it, those whose credentials were refused, those (in any group)
    that failed in a way that is never asked again, windows known to be too small, and, once a stream
    broke, those that cannot go on with it.
    """
    tried = chain.route.groups[group]
    able = [index for index, carries in enumerate(chain.eligible[group]) if carries]
    if chain.failed:  # Else nothing is ruled out.
        able = [index for index in able if not _ruled_out(chain, tried, tried.targets[index])]
    return [index for index in able if tried.targets[index].id != but] if but else able


def _ruled_out(chain: Chain, tried: Group, target: Target) -> bool:
    """Whether what has failed so far forbids asking *target* of the group *tried*."""
    return (
        (chain.phase is Phase.BROKEN and not takes_up(tried, target))
        or target.id in chain.spent
        or target.provider in chain.barred
        or (
            chain.floor is not None
            and target.context_window is not None
            and target.context_window <= chain.floor
        )
    )


def allowed_targets(chain: Chain, other: Other) -> list[int]:
    """The targets of the group, tried or not, that a failure whose rule says *other* may move to."""
    if other is Other.NONE:
        return []
    able = able_targets(chain, chain.group)  # Refused credentials are left out there.
    if other is Other.LARGER_WINDOW:
        targets = chain.current().targets
        # An unknown window, on either side, is not "larger".
        return [i for i in able if chain.floor is not None and targets[i].context_window is not None]
    return able


def affordable(m: Moment, target: Target) -> bool:
    """Whether the retry budget allows an attempt on *target* now."""
    return not needs_token(m, target) or m.shared.budget(m.chain.route.asked).left(m.now) >= 1


def needs_token(m: Moment, target: Target) -> bool:
    """Whether an attempt on *target* is a second try: of this request, or of what is known to be failing.

    Always free: the first attempt of a request, and a half-open trial.
    """
    chain = m.chain
    if not chain.attempts or status(m, target) is Status.TRIAL:
        return False
    health = m.shared.health.get(target.id)
    failing = health is not None and health.failing
    return failing or any(chain.target_of(attempt).id == target.id for attempt in chain.attempts)


def ready_from(m: Moment, target: Target, at: float) -> float | None:
    """When, from *at* on, *target* is not cooling any more; None while it is ejected."""
    return min(ready_with(m, target, at).values(), default=None)


def ready_with(m: Moment, target: Target, at: float) -> dict[int, float]:
    """The same for each credential, by its index; those that are refused or ejected are left out."""
    labels = m.plan.labels(target.provider)
    return {
        index: found
        for index, label in enumerate(labels)
        if label not in m.chain.refused
        and (found := _ready_from(healths(m.shared, target, labels, index), at)) is not None
    }


def _ready_from(known: Sequence[Health], at: float) -> float | None:
    # All of it cools before any of it is looked at: an ejection may be over when the last is done.
    at = max([at, *(item.cooling_until for item in known)])
    return None if any(item.status(at) is Status.EJECTED for item in known) else at


def ejected_until(m: Moment, target: Target) -> float:
    """When *target*, which is ejected or whose credential is, may be tried out."""
    return min(
        max(item.ejected_until for item in known)
        for known in _known(m, target)
        if worst(known, m.now) is Status.EJECTED
    )


def rests_until(m: Moment, target: Target) -> float:
    """When *target*, if it cools or is ejected, may be asked again, be it as a trial; else a time gone by."""
    return min(_rests_until(known, m.now) for known in _known(m, target))


def _rests_until(known: Sequence[Health], now: float) -> float:
    ends = [item.cooling_until for item in known]
    ends += [item.ejected_until for item in known if item.ejected_at is not None]
    return max(ends, default=now)

"""Which targets may be asked now, and from when on: what moves are chosen from. Nothing changes here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.core.failure import Other
from router.core.health import Status
from router.core.state import Phase
from router.core.streams import takes_up

if TYPE_CHECKING:
    from router.core.health import Health
    from router.core.state import Chain, Shared
    from router.core.table import Plan, Target


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that a decision may depend on."""

    plan: Plan
    shared: Shared
    chain: Chain
    now: float
    u: float


def status(m: Moment, target: Target) -> Status:
    """Whether *target* may be asked now: its own health and its credential's."""
    found = {item.status(m.now) for item in _healths(m, target)}
    for worst in (Status.COOLING, Status.EJECTED, Status.TRIAL):
        if worst in found:
            return worst
    return Status.READY


def _healths(m: Moment, target: Target) -> list[Health]:
    """The health of *target* and of its credential, as far as anything is known."""
    found = (m.shared.health.get(target.id), m.shared.credentials.get(m.plan.credential(target)))
    return [item for item in found if item is not None]


def able_targets(chain: Chain, group: int, but: str = "") -> list[int]:
    """The targets of *group*, other than the id *but*, that may still be asked, tried or not.

    Left out: those that cannot carry it, those whose credential was refused, those (in any group)
    that failed in a way that is never asked again, windows known to be too small, and, once a stream
    broke, those that cannot go on with it.
    """
    broken, tried = chain.phase is Phase.BROKEN, chain.route.groups[group]
    return [
        index
        for index, target in enumerate(tried.targets)
        if chain.eligible[group][index]
        and not (broken and not takes_up(tried, target))
        and target.id not in chain.spent
        and target.id != but
        and target.provider not in chain.refused
        and (chain.floor is None or target.context_window is None or target.context_window > chain.floor)
    ]


def allowed_targets(chain: Chain, other: Other) -> set[int]:
    """The targets of the group, tried or not, that a failure whose rule says *other* may move to."""
    if other is Other.NONE:
        return set()
    able = able_targets(chain, chain.group)  # Refused credentials are left out there.
    if other is Other.LARGER_WINDOW:
        targets = chain.current().targets
        # An unknown window, on either side, is not "larger".
        return {i for i in able if chain.floor is not None and targets[i].context_window is not None}
    return set(able)


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
    for item in _healths(m, target):
        at = max(at, item.cooling_until)
        if item.status(at) is Status.EJECTED:
            return None
    return at


def ejected_until(m: Moment, target: Target) -> float:
    """When *target*, which is ejected or whose credential is, may be tried out."""
    return max(item.ejected_until for item in _healths(m, target))


def rests_until(m: Moment, target: Target) -> float:
    """When *target*, if it cools or is ejected, may be asked again, be it as a trial; else a time gone by."""
    ends = [item.cooling_until for item in _healths(m, target)]
    ends += [item.ejected_until for item in _healths(m, target) if item.ejected_at is not None]
    return max(ends, default=m.now)

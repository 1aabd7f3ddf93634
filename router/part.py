"""The part of what requests share that one request may see or change: for one that is only rehearsed.

A copy of all of it would take as long as there are targets, limits and requests that wait, and nobody
can go on meanwhile. Copied by hand: ``copy.deepcopy`` takes ten times as long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from router.core.budget import Budget
from router.core.delays import Delays
from router.core.lines import Line, Lines, Waiter
from router.core.loads import Loads
from router.core.rooms import Rooms
from router.core.state import Shared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from router.core.health import Health
    from router.core.limits import Scope, Usage
    from router.core.lines import LineKey
    from router.core.loads import Speed
    from router.core.state import Chain
    from router.core.table import Group, Plan, Target

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


def part_of(plan: Plan, shared: Shared, chain: Chain) -> Shared:
    """A state of its own, in which *chain* comes to what it would come to in *shared*.

    In it is what is known of the targets, credentials and groups that it may meet; and, of who waits for
    room, all whose turn may decide over the same room, with what their turn depends on.

    Args:
        plan: the plan that the chain's route is of.
        shared: not changed, and nothing of the result is of it that could change.
        chain: one that has not begun.
    """
    groups = chain.route.groups
    met = [(group, target) for group in groups for target in group.targets]
    lines = _near(plan, shared.lines, {group.name for group in groups}, _scopes(plan, met))
    met += [pair for line in lines.values() for pair in _choice(line)]
    ids = {target.id for _, target in met}
    providers = {target.provider for _, target in met}
    labels = {label for name in providers for label in plan.labels(name)}
    names = [group.name for group in groups]
    loads, asked = shared.loads, (chain.route.asked.name,)
    return Shared(
        requests=shared.requests,
        turns=_of(shared.turns, names, dict),
        health=_of(shared.health, ids, _health),
        credentials=_of(shared.credentials, labels, _health),
        budgets=_of(shared.budgets, asked, lambda budget: Budget(list(budget.slots))),
        loads=Loads(_of(loads.in_flight, ids, int), _of(loads.speeds, ids, _speed)),
        delays=Delays(_of(shared.delays.seconds, [(name, chain.stream) for name in names], list)),
        rotation=_of(shared.rotation, providers, list),
        rooms=Rooms(_of(shared.rooms.usages, _scopes(plan, met), _usage)),
        lines=Lines(
            lines={key: _line(line) for key, line in lines.items()},
            where=dict(shared.lines.where),
            kept=dict(shared.lines.kept),
            numbers=shared.lines.numbers,
        ),
        wild=dict(shared.wild),
    )


def _of(
    found: Mapping[_Key, _Value], keys: Iterable[_Key], copied: Callable[[_Value], _Value]
) -> dict[_Key, _Value]:
    return {key: copied(found[key]) for key in keys if key in found}


# --- who waits


def _near(plan: Plan, lines: Lines, groups: set[str], scopes: set[Scope]) -> Mapping[LineKey, Line]:
    """The lines of *groups*, those that wait for room in *scopes*, and those that may take theirs."""
    rest = {key: _scopes(plan, _choice(line)) for key, line in lines.lines.items()}
    found: dict[LineKey, Line] = {}
    while near := [key for key, held in rest.items() if key[0] in groups or not scopes.isdisjoint(held)]:
        found.update((key, lines.lines[key]) for key in near)
        scopes = scopes.union(*(rest.pop(key) for key in near))
    return found


def _choice(line: Line) -> list[tuple[Group, Target]]:
    return [(line.group, line.group.targets[index]) for index in line.choice]


def _scopes(plan: Plan, met: Iterable[tuple[Group, Target]]) -> set[Scope]:
    """Where attempts on these may count."""
    if not plan.limited:
        return set()
    return {
        scope
        for group, target in met
        for held in (group.held, target.held, *plan.providers[target.provider].held)
        for scope, _ in held
    }


# --- copies


def _health(health: Health) -> Health:
    keys = {index: _health(one) for index, one in health.keys.items()}
    return replace(health, slots=list(health.slots), keys=keys)


def _speed(speed: Speed) -> Speed:
    return replace(speed)


def _usage(usage: Usage) -> Usage:
    return replace(usage, slots=[replace(slot) for slot in usage.slots])


def _line(line: Line) -> Line:
    waiters = [Waiter(one.number, one.request, one.ticket, one.tokens, one.at) for one in line.waiters]
    return Line(line.group, line.choice, line.refused, waiters)

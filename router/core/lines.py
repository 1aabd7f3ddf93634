"""Who waits for room under the limits, and whose turn it is.

Requests that wait for the same choice of targets stand in one line. Room that appears is kept for
the one that has waited longest of all that it suffices for, looking at the head of each line: no
younger request takes it first. Inside a line nobody is overtaken, so that a large request is not
starved of its tokens by small ones.
"""

from __future__ import annotations

import heapq
import math
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from router.core.events import Grant
from router.core.rooms import Room, Want, give_back, room_at, take

if TYPE_CHECKING:
    from router.core.state import Shared
    from router.core.table import Group, Plan

MAX_WAITING = 1_000
"""Requests that wait in one group; one more goes on as if it had waited already."""

LineKey = tuple[str, tuple[str, ...], frozenset[str]]
"""A line: the group's name, the ids of the targets, the labels of refused credentials."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a request knows of its wait.

    Attributes:
        number: smaller numbers came earlier, over all lines.
        until: how long it may stand there.
        choice: indexes of the targets that it waits for.
    """

    number: int
    until: float
    choice: tuple[int, ...]


@dataclass(slots=True)
class Waiter:
    """A request in a line.

    Attributes:
        number: as in ``Place``.
        request: its serial number.
        ticket: what it is to be told.
        tokens: what it is charged with, for each target of the choice.
        at: when it looks by itself.
    """

    number: int
    request: int
    ticket: int
    tokens: tuple[int, ...]
    at: float


@dataclass(slots=True)
class Line:
    """Requests that wait for the same, the earliest first; never empty."""

    group: Group
    choice: tuple[int, ...]
    refused: frozenset[str]
    waiters: list[Waiter] = field(default_factory=list)


@dataclass(slots=True)
class Lines:
    """Everybody who waits.

    Attributes:
        lines: those that somebody stands in.
        where: the line of each request that stands in one.
        kept: room kept for requests that have been told; None: they were told to look elsewhere.
        told: whom this step tells to go on; empty between steps.
        numbers: how many places were given out.
    """

    lines: dict[LineKey, Line] = field(default_factory=dict)
    where: dict[int, LineKey] = field(default_factory=dict)
    kept: dict[int, Room | None] = field(default_factory=dict)
    told: list[Grant] = field(default_factory=list)
    numbers: int = 0

    def waiting(self, group: str) -> int:
        """How many stand in lines of *group*."""
        return sum(len(line.waiters) for key, line in self.lines.items() if key[0] == group)


def line_key(group: Group, choice: tuple[int, ...], refused: frozenset[str]) -> LineKey:
    """The line for requests that wait for these targets."""
    return group.name, tuple(group.targets[index].id for index in choice), refused


def enter(lines: Lines, line: Line, waiter: Waiter) -> None:
    """Put *waiter* where its number belongs in *line*, which may be new."""
    key = line_key(line.group, line.choice, line.refused)
    waiters = lines.lines.setdefault(key, line).waiters
    insort(waiters, waiter, key=lambda one: one.number)
    lines.where[waiter.request] = key


def leave(shared: Shared, request: int) -> None:
    """*request* waits no more; what was kept for it is free again."""
    lines = shared.lines
    room = lines.kept.pop(request, None)
    if room is not None:
        give_back(shared, room)
    key = lines.where.pop(request, None)
    if key is not None:
        waiters = lines.lines[key].waiters
        waiters[:] = [one for one in waiters if one.request != request]
        if not waiters:
            del lines.lines[key]
    if lines.told:
        lines.told = [grant for grant in lines.told if grant.request != request]


def serve(plan: Plan, shared: Shared, now: float) -> None:
    """Keep the room that there is for those who wait longest, and note that they are to be told."""
    lines = shared.lines
    if not lines.lines:
        return
    heads = [(line.waiters[0].number, key) for key, line in lines.lines.items()]
    heapq.heapify(heads)
    while heads:
        _, key = heapq.heappop(heads)
        line = lines.lines[key]
        if not _serve_head(plan, shared, line, now):
            continue
        head = line.waiters.pop(0)
        del lines.where[head.request]
        lines.told.append(Grant(head.request, head.ticket))
        if line.waiters:
            heapq.heappush(heads, (line.waiters[0].number, key))
        else:
            del lines.lines[key]


def soonest(plan: Plan, shared: Shared, line: Line, waiter: Waiter, now: float) -> tuple[float, int | None]:
    """When time alone makes room for *waiter*, and at which place of the choice; None: all are set aside."""
    best: tuple[float, int | None] = (math.inf, None)
    for place, (index, tokens) in enumerate(zip(line.choice, waiter.tokens, strict=True)):
        want = Want(line.group, line.group.targets[index], tokens, line.refused)
        at, credential = room_at(plan, shared, want, now)
        if credential is not None and (best[1] is None or at < best[0]):
            best = (at, place)
    return best


def _serve_head(plan: Plan, shared: Shared, line: Line, now: float) -> bool:
    """Whether the head of *line* need wait no more: room is kept for it, or its targets are set aside.

    One whose room comes by time, sooner than it will look, is told so that it looks in time.
    """
    head, lines = line.waiters[0], shared.lines
    at, place = soonest(plan, shared, line, head, now)
    if place is None:
        lines.kept[head.request] = None
        return True
    if at <= now:
        target = line.group.targets[line.choice[place]]
        want = Want(line.group, target, head.tokens[place], line.refused)
        _, credential = room_at(plan, shared, want, now)
        assert credential is not None
        lines.kept[head.request] = take(plan, shared, want, credential, now)
        return True
    if at < head.at:
        head.at = at
        lines.told.append(Grant(head.request, head.ticket))
    return False

"""A request that needs room under the limits: what it may ask now, and its wait for the rest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from router.core.events import Wait
from router.core.keys import least_bad, take_turn, usable
from router.core.lines import MAX_WAITING, Line, Place, Waiter, enter, leave, line_key, serve, soonest
from router.core.ready import ready_with
from router.core.rooms import Full, Room, Want, first_full, full_with, patience_s, room_at, room_with, take
from router.core.state import Pending, Phase
from router.core.timing import MIN_ATTEMPT_S, left_s

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from router.core.events import Grant
    from router.core.ready import Moment


def wanted(m: Moment, index: int, group: int | None = None) -> Want:
    """An attempt on the target *index* of *group*; None: of the group being tried."""
    chain = m.chain
    at = chain.group if group is None else group
    tokens = chain.tokens[at][index] if chain.tokens else 0
    tried = chain.route.groups[at]
    return Want(tried, tried.targets[index], tokens, chain.refused)


def has_room(m: Moment, index: int) -> bool:
    """Whether an attempt on the target *index* of the group being tried may start now."""
    return room_at(m.plan, m.shared, wanted(m, index), m.now)[0] <= m.now


def may_start_from(m: Moment, index: int, at: float) -> float | None:
    """When, from *at* on, an attempt on the target *index* may start by what is known now; None: not by time.

    With the same credential it must have stopped to cool and have room.
    """
    want = wanted(m, index)
    times = [
        max(found, room_with(m.plan, m.shared, want, credential, m.now))
        for credential, found in ready_with(m, want.target, at).items()
    ]
    first = min(times, default=math.inf)
    return None if first == math.inf else first


def may_start(m: Moment, ready: list[int], place: Place | None = None) -> list[int]:
    """Those of *ready* with room for this request, whose turn it is; *place*: it has waited already.

    Those who wait already come first, and those who wait for the very same keep their order.
    """
    if not m.plan.limited:
        return ready
    if place is None:
        serve(m.plan, m.shared, m.now)
    lines = m.shared.lines.lines
    if lines:
        line = lines.get(line_key(m.chain.current(), tuple(ready), frozenset(m.chain.refused)))
        if line is not None and (place is None or line.waiters[0].number < place.number):
            return []
    return [index for index in ready if has_room(m, index)]


def wait_for_room(m: Moment, ready: Sequence[int], place: Place | None = None) -> Wait | None:
    """Stand in line for one of *ready*, none of which has room; None: it may not, or not any longer.

    *place* is what the request had in a line already.
    """
    chain, lines = m.chain, m.shared.lines
    choice = tuple(ready)
    if chain.group in chain.impatient:
        return None
    if place is None:
        longest = max(patience_s(m.plan, m.shared, wanted(m, index), m.now) for index in choice)
        longest -= chain.queued.get(chain.group, 0.0)  # Another line, or this one before a pause.
        until = min(m.now + longest, m.now + left_s(chain, chain.group, m.now) - MIN_ATTEMPT_S)
        if until <= m.now or lines.waiting(chain.current().name) >= MAX_WAITING:
            chain.impatient.add(chain.group)
            return None
        lines.numbers += 1
        place = Place(lines.numbers, until, choice)
    else:
        place = Place(place.number, place.until, choice)
    chain.timers += 1
    waiter = Waiter(place.number, chain.serial, chain.timers, _tokens(m, choice), place.until)
    _enter(m, waiter, choice)
    waiter.at = min(place.until, _look_at(m, waiter))
    chain.idle_since = m.now if chain.idle_since is None else chain.idle_since
    chain.pending = Pending(chain.timers, choice[0], m.now, place)
    return Wait(ticket=chain.timers, at=waiter.at)


def _look_at(m: Moment, waiter: Waiter) -> float:
    """When the head of a line has room by time alone; those behind it are told when they are the head."""
    lines = m.shared.lines
    line = lines.lines[lines.where[waiter.request]]
    if line.waiters[0] is not waiter:
        return waiter.at
    return soonest(m.plan, m.shared, line, waiter, m.now)[0]


def stop_waiting(m: Moment, pending: Pending, place: Place) -> None:
    """Out of the line; what was kept is free, and for this request alone: all before it had their turn.

    It was told some time ago. Since then one that came earlier may have come back to its place, and
    time may have made room: so it stands in line once more, and the line is served.
    """
    lines, serial = m.shared.lines, m.chain.serial
    if serial in lines.kept:
        leave(m.shared, serial)
        _enter(
            m,
            Waiter(place.number, serial, pending.timer, _tokens(m, place.choice), place.until),
            place.choice,
        )
    serve(m.plan, m.shared, m.now)
    leave(m.shared, serial)


def _enter(m: Moment, waiter: Waiter, choice: tuple[int, ...]) -> None:
    enter(m.shared.lines, Line(m.chain.current(), choice, frozenset(m.chain.refused)), waiter)


def _tokens(m: Moment, choice: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(wanted(m, index).tokens for index in choice)


def claim(m: Moment, index: int) -> tuple[int, Room | None]:
    """The credential for an attempt on the target *index*, and the room that it takes.

    A target that is ready has been found to have room; in panic one may be asked that is not ready.
    """
    target = m.chain.current().targets[index]
    if len(m.plan.labels(target.provider)) == 1:
        return 0, take(m.plan, m.shared, wanted(m, index), 0, m.now) if m.plan.limited else None
    refused = m.chain.refused
    credentials = usable(m.plan, m.shared, target, refused, m.now)
    if not credentials:
        credentials = [least_bad(m.plan, m.shared, target, refused, m.now)]
    room = None
    if m.plan.limited:
        want = wanted(m, index)
        credentials = [one for one in credentials if room_with(m.plan, m.shared, want, one, m.now) <= m.now]
        room = take(m.plan, m.shared, want, credentials[0], m.now)
    take_turn(m.plan, m.shared, target, credentials[0])
    return credentials[0], room


def panic_full(m: Moment, index: int) -> tuple[float, Full] | None:
    """When an ejected target has room for a panic attempt, and the limit in the way; None: it has now."""
    if not m.plan.limited:
        return None
    want = wanted(m, index)
    credential = least_bad(m.plan, m.shared, want.target, want.refused, m.now)
    return full_with(m.plan, m.shared, want, credential, m.now)


def refusal(m: Moment, able: Iterable[tuple[int, int]]) -> tuple[float, Full] | None:
    """When to come back, and the limit in the way, of the targets in health that merely have no room.

    Looked at are those of *able*: group and target.
    """
    wants = [wanted(m, index, group) for group, index in able]
    found = [full for want in wants if (full := first_full(m.plan, m.shared, want, m.now)) is not None]
    return min(found, key=lambda one: one[0], default=None)


def grants(m: Moment) -> tuple[Grant, ...]:
    """Whom this step, now done, made room for; a request that is over gives back all it waited for."""
    lines = m.shared.lines
    if m.chain.phase is Phase.DONE:
        leave(m.shared, m.chain.serial)
    serve(m.plan, m.shared, m.now)
    if not lines.told:
        return ()
    told, lines.told = tuple(lines.told), []
    return told

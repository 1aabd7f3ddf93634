"""What a request does next: the first move that is allowed, in the order of the rules.

Another target of the group at once; else a wait that ends in time; else the next group of the
fallback list; else, when nothing was ready at all, one panic attempt; else nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.core.backoff import backoff
from router.core.ends import give_up, panic
from router.core.events import Action, Send, SetTimer, Wait
from router.core.failure import RULES, Again, FailureClass, FallbackList, Other, Rule
from router.core.keys import OPEN, unused
from router.core.ready import Moment, affordable, allowed_targets, ready_from, status
from router.core.select import choose
from router.core.sending import may_retry, send
from router.core.state import Attempt, Chain, Pending, Phase
from router.core.timing import MIN_ATTEMPT_S, left_s
from router.core.waiting import has_room, may_start, may_start_from, stop_waiting, wait_for_room

if TYPE_CHECKING:
    from router.core.lines import Place

MAX_HINT_S = 60.0
"""An upstream that asks for a longer wait is not asked again in the same request."""


def advance(m: Moment, rule: Rule | None) -> tuple[Action, ...]:
    """The next move after the request began (*rule* is None) or after a failure that *rule* speaks of."""
    chain = m.chain
    chain.unpaid = False
    if len(chain.attempts) >= chain.route.asked.max_attempts:
        return give_up(chain)
    kind = _last_kind(chain)
    if not chain.in_group() or (kind is not None and may_retry(chain, kind)):
        move = _within_group(m, _reach(chain, rule))
        if move is not None:
            return (move,)
    fallback = chain.first_list if rule is None else rule.fallback
    if chain.phase is Phase.BROKEN:
        fallback = None  # Another model would go on with a text that it did not begin.
    if fallback is not None:
        move = _next_group(m, fallback)
        if move is not None:
            return (move,)
    return give_up(chain) if chain.attempts else panic(m)


def resume(m: Moment, pending: Pending) -> tuple[Action, ...]:
    """The move after a wait: an untried target if one may be asked, else the one waited for, else another."""
    if pending.place is not None:
        return _leave_line(m, pending, pending.place)
    chain = m.chain
    target = chain.current().targets[pending.target]
    chain.rested[chain.group] = chain.rested.get(chain.group, 0.0) + m.now - pending.since
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:  # The driver was late; the wait had left enough.
        return give_up(chain)
    rule = _last_rule(chain)
    untried = _untried(m, allowed_targets(chain, _reach(chain, rule)))
    again = [pending.target] if status(m, target) in OPEN and affordable(m, target) else []
    move = _first_of(m, untried, [index for index in again if index not in untried])
    return _anew(m, rule) if move is None else (move,)


def _leave_line(m: Moment, pending: Pending, place: Place) -> tuple[Action, ...]:
    """The move after a wait for room: what it waited for, or another wait at the same place, or another."""
    chain = m.chain
    stop_waiting(m, pending, place)
    chain.queued[chain.group] = chain.queued.get(chain.group, 0.0) + m.now - pending.since
    if m.now >= place.until:
        chain.impatient.add(chain.group)
    move = None
    if left_s(chain, chain.group, m.now) >= MIN_ATTEMPT_S:
        targets = chain.current().targets
        choice = [i for i in place.choice if status(m, targets[i]) in OPEN and affordable(m, targets[i])]
        move = _ask(m, choice, place)
    return _anew(m, _last_rule(chain)) if move is None else (move,)


def _anew(m: Moment, rule: Rule | None) -> tuple[Action, ...]:
    """The move after a wait in vain."""
    if not m.chain.attempts:  # Nothing was asked yet: any group may have become ready during the wait.
        m.chain.group, m.chain.visited = 0, [0]
    return advance(m, rule)


def beside(m: Moment, rule: Rule) -> tuple[Action, ...]:
    """After a failure, while others are in flight: an untried target at once, else nothing yet."""
    chain = m.chain
    chain.unpaid = False
    kind = _last_kind(chain)
    if len(chain.attempts) >= chain.route.asked.max_attempts or kind is None or not may_retry(chain, kind):
        return ()
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:
        return ()
    ready = may_start(m, _untried(m, allowed_targets(chain, rule.other)))
    return (send(m, choose(m, ready)),) if ready else ()


def _last_kind(chain: Chain) -> FailureClass | None:
    last = chain.last_failed()
    return None if last is None or last.failure is None else last.failure.kind


def _last_rule(chain: Chain) -> Rule | None:
    kind = _last_kind(chain)
    return None if kind is None else RULES[kind]


# --- inside a group


def _within_group(m: Moment, other: Other) -> Send | SetTimer | Wait | None:
    """An attempt now, or a wait for one, in the group being tried; None when there is neither."""
    chain = m.chain
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:
        return None
    allowed = allowed_targets(chain, other)
    move = _first_of(m, _untried(m, allowed), _with_another_key(m, allowed))
    return _wait(m, allowed) if move is None else move


def _first_of(m: Moment, better: list[int], worse: list[int]) -> Send | Wait | None:
    """An attempt now, if need be on one of *worse*; else a wait for room on any of them."""
    if better and worse and not may_start(m, better):
        return _ask(m, better + worse)
    return _ask(m, better or worse)


def _ask(m: Moment, ready: list[int], place: Place | None = None) -> Send | Wait | None:
    """An attempt on one of *ready*, or a wait for room on one of them; None when neither is possible.

    *place* is what the request had in a line, when a wait for room is over.
    """
    if not ready:
        return None
    open_now = may_start(m, ready, place)
    if not open_now:
        wait = wait_for_room(m, ready, place)
        if wait is not None:
            return wait
        # Who may not wait goes past a line that room does not suffice for.
        open_now = [index for index in ready if has_room(m, index)]
        if not open_now:
            return None
    return send(m, choose(m, open_now))


def _with_another_key(m: Moment, allowed: list[int]) -> list[int]:
    """Tried targets of *allowed* that failed by their credential and may be asked with another one now."""
    latest = {attempt.target: attempt for attempt in m.chain.in_group()}
    targets = m.chain.current().targets
    return [
        index
        for index, attempt in latest.items()
        if index in allowed
        and unused(m.plan, m.shared, m.chain, attempt, m.now)
        and affordable(m, targets[index])
    ]


def _reach(chain: Chain, rule: Rule | None) -> Other:
    """Which targets of the group may be asked: *rule* speaks of the group that failed, not of a next one."""
    return Other.ANY if rule is None or not chain.in_group() else rule.other


def _untried(m: Moment, allowed: list[int]) -> list[int]:
    """Those of *allowed* that this visit of the group has not tried and that may be asked now."""
    targets = m.chain.current().targets
    tried = {attempt.target for attempt in m.chain.in_group()}
    ready = [index for index in allowed if index not in tried and status(m, targets[index]) in OPEN]
    if not m.chain.attempts:
        return ready  # A first attempt needs no token.
    paid = [index for index in ready if affordable(m, targets[index])]
    m.chain.unpaid = m.chain.unpaid or len(paid) < len(ready)
    return paid


def _wait(m: Moment, allowed: list[int]) -> SetTimer | None:
    """Wait for the first target in *allowed* that may be asked in time; None when none may.

    Of targets that may be asked at the same time, the one that rested longest. All waits in one group
    before the next attempt are within its ``max_wait`` together, so that the worst case has a bound.
    """
    chain = m.chain
    retries = chain.current().retries
    targets = chain.current().targets
    pause = m.now + backoff(chain.rounds() or 1, retries.base_s, retries.cap_s, m.u)
    latest = {attempt.target: attempt for attempt in chain.in_group()}
    times = []
    for index in allowed:
        at = _again_at(latest[index], pause) if index in latest else m.now
        if at is not None and affordable(m, targets[index]):
            found = _open_from(m, index, max(at, m.now), tried=index in latest)
            if found is not None:
                times.append((found, latest[index].number if index in latest else 0, index))
    if not times:
        return None
    at, _, index = min(times)
    patience_s = retries.max_wait_s - chain.rested.get(chain.group, 0.0)
    if at - m.now > patience_s or left_s(chain, chain.group, at) < MIN_ATTEMPT_S:
        return None
    chain.timers += 1
    chain.idle_since = m.now if chain.idle_since is None else chain.idle_since
    chain.pending = Pending(timer=chain.timers, target=index, since=m.now)
    return SetTimer(timer=chain.timers, at=at)


def _open_from(m: Moment, index: int, at: float, *, tried: bool) -> float | None:
    """When, from *at* on, waiting for time leads to an attempt on the target *index*; None: it does not.

    A tried one pauses first, and then looks for room; unless this request has waited for room already. What
    keeps an untried one that is ready is room, so that waiting for time is in vain.
    """
    if tried and m.plan.limited and m.chain.group in m.chain.impatient:
        return may_start_from(m, index, at)
    found = ready_from(m, m.chain.current().targets[index], at)
    return None if not tried and found is not None and m.plan.limited and found <= m.now else found


def _again_at(attempt: Attempt, pause: float) -> float | None:
    """When a failed attempt's target may be asked again; None: its upstream asked for too long a wait.

    A hint of any failure is kept to; where the rule says backoff, the later of the two holds.
    """
    assert attempt.failure is not None
    assert attempt.ended is not None
    hint_s = attempt.failure.hint_s
    if not hint_s:  # "0" is no information: without jitter every waiting caller would ask at once.
        return pause
    if hint_s > MAX_HINT_S:
        return None
    hinted = attempt.ended + hint_s
    return hinted if RULES[attempt.failure.kind].again is Again.AFTER_HINT else max(hinted, pause)


# --- other groups


def _next_group(m: Moment, which: FallbackList) -> Send | SetTimer | Wait | None:
    """The first move in the next group of list *which* that has one."""
    chain = m.chain
    here, unasked = chain.group, not chain.in_group()
    for index in chain.route.lists.get(which, ()):
        if index in chain.visited:
            continue
        chain.group = index
        chain.visited.append(index)
        move = _within_group(m, Other.ANY)
        if move is not None:
            if unasked:
                chain.visited.remove(here)  # It was waited for in vain: likewise.
            return move
        chain.visited.remove(index)  # Not now; a later failure may find it ready.
    chain.group = here
    return None

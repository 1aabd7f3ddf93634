"""What a request does next: the first move that is allowed, in the order of the rules.

Another target of the group at once; else a wait that ends in time; else the next group of the
fallback list; else, when nothing was ready at all, one panic attempt; else nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.core.backoff import backoff
from router.core.events import Action, GiveUp, Send, SetTimer
from router.core.failure import RULES, Again, FailureClass, FallbackList, Other, Rule
from router.core.health import Status
from router.core.ready import (
    Moment,
    able_targets,
    affordable,
    allowed_targets,
    ejected_until,
    needs_token,
    ready_from,
    rests_until,
    status,
)
from router.core.select import choose
from router.core.state import Attempt, Chain, Pending, Phase
from router.core.timing import MIN_ATTEMPT_S, content_by, ends_at, holds, left_s, until

if TYPE_CHECKING:
    from router.core.table import Target

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
    return give_up(chain) if chain.attempts else _panic(m)


def resume(m: Moment, pending: Pending) -> tuple[Action, ...]:
    """The move after a wait: an untried target that is ready now, else the one waited for, else another."""
    chain = m.chain
    waited_s = m.now - pending.since
    target = chain.current().targets[pending.target]
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:  # The driver was late; the wait had left enough.
        return give_up(chain)
    kind = _last_kind(chain)
    rule = RULES[kind] if kind is not None else None
    untried = _untried(m, allowed_targets(chain, _reach(chain, rule)))
    if untried:
        return (send(m, choose(m, untried), wait_s=waited_s),)
    if status(m, target) in (Status.READY, Status.TRIAL) and affordable(m, target):
        return (send(m, pending.target, wait_s=waited_s),)
    if not chain.attempts:  # Nothing was asked yet: any group may have become ready during the wait.
        chain.group, chain.visited = 0, [0]
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
    untried = _untried(m, allowed_targets(chain, rule.other))
    return (send(m, choose(m, untried)),) if untried else ()


def give_up(chain: Chain, retry_after_s: float | None = None) -> tuple[Action, ...]:
    """The end without an answer."""
    chain.phase = Phase.DONE
    return (GiveUp(retry_after_s),)


def _last_kind(chain: Chain) -> FailureClass | None:
    last = chain.last_failed()
    return None if last is None or last.failure is None else last.failure.kind


def may_retry(chain: Chain, kind: FailureClass) -> bool:
    """Whether the group's retries allow another attempt after a failure of *kind*; hedges are none."""
    retries = chain.current().retries
    if chain.rounds() > retries.max:
        return False
    return retries.only is None or kind in retries.only


# --- inside a group


def _within_group(m: Moment, other: Other) -> Send | SetTimer | None:
    """An attempt now, or a wait for one, in the group being tried; None when there is neither."""
    chain = m.chain
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:
        return None
    allowed = allowed_targets(chain, other)
    untried = _untried(m, allowed)
    if untried:
        return send(m, choose(m, untried))
    return _wait(m, allowed)


def _reach(chain: Chain, rule: Rule | None) -> Other:
    """Which targets of the group may be asked: *rule* speaks of the group that failed, not of a next one."""
    return Other.ANY if rule is None or not chain.in_group() else rule.other


def _untried(m: Moment, allowed: set[int]) -> list[int]:
    """Those of *allowed* that this visit of the group has not tried and that may be asked now."""
    targets = m.chain.current().targets
    ready = [
        index
        for index in sorted(allowed - {attempt.target for attempt in m.chain.in_group()})
        if status(m, targets[index]) in (Status.READY, Status.TRIAL)
    ]
    paid = [index for index in ready if affordable(m, targets[index])]
    m.chain.unpaid = m.chain.unpaid or len(paid) < len(ready)
    return paid


def _wait(m: Moment, allowed: set[int]) -> SetTimer | None:
    """Wait for the first target in *allowed* that may be asked in time; None when none may.

    Of targets that may be asked at the same time, the one that rested longest.
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
            found = ready_from(m, targets[index], max(at, m.now))
            if found is not None:
                times.append((found, latest[index].number if index in latest else 0, index))
    if not times:
        return None
    at, _, index = min(times)
    if at - m.now > retries.max_wait_s or left_s(chain, chain.group, at) < MIN_ATTEMPT_S:
        return None
    chain.timers += 1
    chain.pending = Pending(timer=chain.timers, target=index, since=m.now)
    return SetTimer(timer=chain.timers, at=at)


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


def _next_group(m: Moment, which: FallbackList) -> Send | SetTimer | None:
    """The first move in the next group of list *which* that has one."""
    chain = m.chain
    here = chain.group
    for index in chain.route.lists.get(which, ()):
        if index in chain.visited:
            continue
        chain.group = index
        chain.visited.append(index)
        move = _within_group(m, Other.ANY)
        if move is not None:
            return move
        chain.visited.remove(index)  # Not now; a later failure may find it ready.
    chain.group = here
    return None


def _panic(m: Moment) -> tuple[Action, ...]:
    """No target of the whole chain is ready: the asked group's least bad ejected one is tried once.

    Where no target of the asked group can carry the request, the first group that can stands for it.
    A cooling target said itself that it is of no use: the caller is told when to come back.
    """
    chain = m.chain
    entered = (0, *chain.route.lists.get(chain.first_list, ()))
    chain.group = next((index for index in entered if any(chain.eligible[index])), 0)
    if chain.group not in chain.visited:
        chain.visited.append(chain.group)
    able = able_targets(chain, chain.group)
    targets = chain.current().targets
    if left_s(chain, chain.group, m.now) < MIN_ATTEMPT_S:
        return give_up(chain)
    ejected = [index for index in able if status(m, targets[index]) is Status.EJECTED]
    if ejected:
        return (send(m, min(ejected, key=lambda index: (ejected_until(m, targets[index]), index))),)
    rests = [
        rests_until(m, chain.route.groups[group].targets[index])
        for group in entered
        for index in able_targets(chain, group)
    ]
    due = [until for until in rests if until > m.now]
    return give_up(chain, min(due) - m.now if due else None)


# --- sending


def send(m: Moment, index: int, *, wait_s: float = 0.0, hedge: bool = False) -> Send:
    """Start an attempt on the target *index* of the group being tried; a token is there if it needs one."""
    chain, group = m.chain, m.chain.current()
    target = group.targets[index]
    if hedge or needs_token(m, target):
        m.shared.budget(chain.route.asked).take(m.now)
    attempt = Attempt(
        number=len(chain.attempts) + 1,
        group=chain.group,
        target=index,
        started=m.now,
        wait_s=wait_s,
        hedge=hedge,
    )
    chain.attempts.append(attempt)
    m.shared.loads.begin(target.id)
    _begin_trial(m, target, attempt)
    return Send(
        attempt=attempt.number,
        group=chain.group,
        target=index,
        until=until(chain, target, m.now, alternative=_has_alternative(m)),
        idle_s=group.idle_s if chain.stream else None,
        ends_at=ends_at(chain, chain.group),
        hold=holds(chain),
        content_by=content_by(chain, target, m.now),
    )


def _begin_trial(m: Moment, target: Target, attempt: Attempt) -> None:
    """Mark the attempt as the one half-open trial of what has served its time."""
    health = m.shared.health.get(target.id)
    if health is not None and health.status(m.now) is Status.TRIAL:
        health.trial = attempt.trial = True
    credential = m.shared.credentials.get(m.plan.credential(target))
    if credential is not None and credential.status(m.now) is Status.TRIAL:
        credential.trial = attempt.key_trial = True


def _has_alternative(m: Moment) -> bool:
    """Whether a timeout of the attempt just recorded would leave another target or group to try now."""
    chain = m.chain
    if len(chain.attempts) >= chain.route.asked.max_attempts:
        return False
    silent = chain.target_of(chain.attempts[-1]).id
    if may_retry(chain, FailureClass.TIMEOUT):
        tried = {attempt.target for attempt in chain.in_group()}
        if _any_ready(m, chain.group, silent, tried):
            return True
    return chain.phase is not Phase.BROKEN and any(
        index not in chain.visited and _any_ready(m, index, silent, set())
        for index in chain.route.lists.get(FallbackList.ON_ERROR, ())
    )


def _any_ready(m: Moment, group: int, but: str, tried: set[int]) -> bool:
    targets = m.chain.route.groups[group].targets
    return any(
        index not in tried and status(m, targets[index]) in (Status.READY, Status.TRIAL)
        for index in able_targets(m.chain, group, but)
    )

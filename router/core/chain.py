"""One request's way through its chain: ``step`` turns what happened into what to do next.

Everything that decides about attempts lives here; nothing here reads a clock, draws a number or
does I/O. ``step`` changes only the chain and the shared state it is handed. The driver performs
the actions and reports back with events; so do the simulator and the tests.

Invariants (each a test in tests/core):
* no target of a group is used twice while an eligible untried one of that group is left;
* after the first content no further attempt starts;
* every attempt and every wait ends by the deadline, and no attempt starts within its last 50 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from router.core.backoff import backoff
from router.core.events import (
    Action,
    Cancel,
    Cancelled,
    Ended,
    Event,
    Finish,
    FirstContent,
    GiveUp,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from router.core.failure import RULES, Again, Failure, FailureClass, FallbackList, Other
from router.core.select import pick
from router.core.state import Attempt, Chain, Pending, Phase, Shared

if TYPE_CHECKING:
    from router.core.table import Plan, Target

MIN_ATTEMPT_S = 0.05
"""No attempt starts with less time left."""
MAX_HINT_S = 60.0
"""An upstream that asks for a longer wait is not asked again in the same request."""


class IllegalEvent(RuntimeError):
    """An event that cannot happen now: a bug of the driver. The state is unchanged."""


def step(
    plan: Plan, shared: Shared, chain: Chain, event: Event, *, now: float, u: float
) -> tuple[Action, ...]:
    """What to do after *event*.

    Args:
        plan: the plan that the chain's route is of.
        shared: changed as targets take their turns.
        chain: changed to what the event makes of it.
        event: what happened.
        now: seconds on the monotonic clock that ``chain.deadline`` is of; never smaller than before.
        u: in [0, 1), drawn by the driver; the jitter of this step's wait, if any.

    Raises:
        IllegalEvent: the event cannot happen in the chain's phase.
    """
    match event:
        case Started():
            return _start(shared, chain, now)
        case Ended():
            attempt = _in_flight(chain, event.attempt, Phase.OPEN, Phase.COMMITTED)
            attempt.ended = now
            attempt.failure = event.outcome
            if event.outcome is not None:
                _learn(plan, chain, attempt, event.outcome)
            return _end(shared, chain, attempt, now, u)
        case FirstContent():
            if not chain.stream:
                raise IllegalEvent("FirstContent of a request that is not streamed")
            _in_flight(chain, event.attempt, Phase.OPEN)
            chain.phase = Phase.COMMITTED
            return ()
        case TimerFired():
            return _resume(chain, event, now)
        case Cancelled():
            return _cancel(chain, now)
        case _:
            assert_never(event)


def _start(shared: Shared, chain: Chain, now: float) -> tuple[Action, ...]:
    if chain.phase is not Phase.NEW:
        raise IllegalEvent(f"Started in phase {chain.phase.value}")
    chain.phase = Phase.OPEN
    chain.visited.append(0)
    ready = _untried(chain)
    if ready and _left(chain, 0, now) >= MIN_ATTEMPT_S:
        return (_send(chain, _turn(shared, chain, ready), now),)
    return _fall_back(shared, chain, FallbackList.ON_ERROR, now)


def _end(shared: Shared, chain: Chain, attempt: Attempt, now: float, u: float) -> tuple[Action, ...]:
    if attempt.failure is None:
        chain.phase = Phase.DONE
        return (Finish(attempt.number),)
    if chain.phase is Phase.COMMITTED:
        return _give_up(chain)
    return _after(shared, chain, attempt.failure, now, u)


def _learn(plan: Plan, chain: Chain, attempt: Attempt, failure: Failure) -> None:
    """Remember what a failure rules out for the rest of the request."""
    rule = RULES[failure.kind]
    target = chain.target_of(attempt)
    if rule.again is Again.NEVER:
        chain.spent.add(target.id)
    if rule.other is Other.OTHER_CREDENTIAL:
        credential = plan.providers[target.provider].credential
        chain.refused.add(target.provider)
        if credential:
            chain.refused.update(p.name for p in plan.providers.values() if p.credential == credential)
    if rule.other is Other.LARGER_WINDOW and target.context_window is not None:
        chain.floor = max(chain.floor or 0, target.context_window)


def _resume(chain: Chain, event: TimerFired, now: float) -> tuple[Action, ...]:
    pending = chain.pending
    if pending is None or pending.timer != event.timer:
        raise IllegalEvent(f"TimerFired({event.timer}) while waiting for {pending}")
    chain.pending = None
    if _left(chain, chain.group, now) < MIN_ATTEMPT_S:  # The driver was late; the wait had left enough.
        return _give_up(chain)
    return (_send(chain, pending.target, now, wait_s=now - pending.since),)


def _cancel(chain: Chain, now: float) -> tuple[Action, ...]:
    if chain.phase is Phase.DONE:
        raise IllegalEvent("Cancelled after the end")
    live = [attempt for attempt in chain.attempts if attempt.ended is None]
    for attempt in live:
        attempt.ended = now
        attempt.failure = Failure(kind=FailureClass.CANCELLED)
    chain.phase = Phase.DONE
    chain.pending = None
    return tuple(Cancel(attempt.number) for attempt in live)


def _give_up(chain: Chain) -> tuple[Action, ...]:
    chain.phase = Phase.DONE
    return (GiveUp(),)


def _in_flight(chain: Chain, number: int, *phases: Phase) -> Attempt:
    """The attempt *number*, which must be in flight while the chain is in one of *phases*."""
    if chain.phase not in phases or not 1 <= number <= len(chain.attempts):
        raise IllegalEvent(f"attempt {number} in phase {chain.phase.value}")
    attempt = chain.attempts[number - 1]
    if attempt.ended is not None:
        raise IllegalEvent(f"attempt {number} has ended")
    return attempt


# --- deciding what follows a failure


def _after(shared: Shared, chain: Chain, failure: Failure, now: float, u: float) -> tuple[Action, ...]:
    """Another target at once, else the same after a wait, else the next group, else nothing."""
    rule = RULES[failure.kind]
    if len(chain.attempts) >= chain.route.asked.max_attempts:
        return _give_up(chain)
    if _may_retry(chain, failure.kind) and _left(chain, chain.group, now) >= MIN_ATTEMPT_S:
        allowed = _allowed(chain, rule.other)
        ready = [index for index in _untried(chain) if index in allowed]
        if ready:
            return (_send(chain, _turn(shared, chain, ready), now),)
        wait = _soonest(chain, allowed, now, u)
        if wait is not None:
            return (_wait(chain, wait, now),)
    if rule.fallback is None:
        return _give_up(chain)
    return _fall_back(shared, chain, rule.fallback, now)


def _may_retry(chain: Chain, kind: FailureClass) -> bool:
    retries = chain.current().retries
    if len(chain.in_group()) > retries.max:
        return False
    return retries.only is None or kind in retries.only


def _allowed(chain: Chain, other: Other) -> set[int]:
    """The targets of the group, tried or not, that a failure whose rule says *other* may move to."""
    if other is Other.NONE:
        return set()
    able = _able(chain, chain.group)  # Refused credentials are left out there.
    if other is Other.LARGER_WINDOW:
        targets = chain.current().targets
        # An unknown window, on either side, is not "larger".
        return {i for i in able if chain.floor is not None and targets[i].context_window is not None}
    return set(able)


def _untried(chain: Chain, but: str = "") -> list[int]:
    tried = {attempt.target for attempt in chain.in_group()}
    return [i for i in _able(chain, chain.group, but) if i not in tried]


def _able(chain: Chain, group: int, but: str = "") -> list[int]:
    """The targets of *group*, other than the id *but*, that may still be asked, tried or not.

    Left out: those that cannot carry it, those whose credential was refused, those (in any group)
    that failed in a way that is never asked again, and windows known to be too small.
    """
    return [
        index
        for index, target in enumerate(chain.route.groups[group].targets)
        if chain.eligible[group][index]
        and target.id not in chain.spent
        and target.id != but
        and target.provider not in chain.refused
        and (chain.floor is None or target.context_window is None or target.context_window > chain.floor)
    ]


def _turn(shared: Shared, chain: Chain, ready: list[int]) -> int:
    group = chain.current()
    return pick(shared.turns.setdefault(group.name, {}), group.targets, ready)


def _soonest(chain: Chain, allowed: set[int], now: float, u: float) -> tuple[float, int] | None:
    """When the first tried target in *allowed* may be asked again, and which; None: not in time.

    Of targets that may be asked at the same time, the one that rested longest.
    """
    retries = chain.current().retries
    pause = now + backoff(len(chain.in_group()), retries.base_s, retries.cap_s, u)
    latest = {attempt.target: attempt for attempt in chain.in_group()}
    times = []
    for index in allowed & latest.keys():
        at = _again_at(latest[index], pause)
        if at is not None:
            times.append((max(at, now), latest[index].number, index))
    if not times:
        return None
    at, _, index = min(times)
    if at - now > retries.max_wait_s or _left(chain, chain.group, at) < MIN_ATTEMPT_S:
        return None
    return at, index


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


def _wait(chain: Chain, wait: tuple[float, int], now: float) -> SetTimer:
    at, target = wait
    chain.timers += 1
    chain.pending = Pending(timer=chain.timers, target=target, since=now)
    return SetTimer(timer=chain.timers, at=at)


def _fall_back(shared: Shared, chain: Chain, which: FallbackList, now: float) -> tuple[Action, ...]:
    """The first attempt in the next group of list *which* that can serve, or the end."""
    for index in chain.route.lists.get(which, ()):
        in_time = _left(chain, index, now) >= MIN_ATTEMPT_S
        if in_time and index not in chain.visited and _able(chain, index):
            chain.visited.append(index)
            chain.group = index
            return (_send(chain, _turn(shared, chain, _untried(chain)), now),)
    return _give_up(chain)


# --- time


def _ends_at(chain: Chain, group: int) -> float | None:
    """When a stream of *group* must have ended; None: no limit, or no stream."""
    limit_s = chain.route.groups[group].stream_timeout_s
    return chain.started + limit_s if chain.stream and limit_s is not None else None


def _left(chain: Chain, group: int, at: float) -> float:
    """Seconds, at the time *at*, that an attempt in *group* could have at most."""
    ends_at = _ends_at(chain, group)
    return (chain.deadline if ends_at is None else min(chain.deadline, ends_at)) - at


# --- sending


def _send(chain: Chain, target: int, now: float, *, wait_s: float = 0.0) -> Send:
    group = chain.current()
    number = len(chain.attempts) + 1
    chain.attempts.append(
        Attempt(number=number, group=chain.group, target=target, started=now, wait_s=wait_s)
    )
    ends_at = _ends_at(chain, chain.group)
    return Send(
        attempt=number,
        group=chain.group,
        target=target,
        until=_until(chain, group.targets[target], ends_at, now),
        idle_s=group.idle_s if chain.stream else None,
        ends_at=ends_at,
    )


def _until(chain: Chain, target: Target, ends_at: float | None, now: float) -> float:
    """When the attempt just recorded must have answered.

    What the config says holds. What is built in never takes more than half of the time that is
    left while another target or group could still be tried.
    """
    group = chain.current()
    built_in = chain.deadline
    half_s = (chain.deadline - now) / 2
    if half_s >= MIN_ATTEMPT_S and _has_alternative(chain):
        built_in = now + half_s
    until = built_in if group.attempt_timeout_s is None else now + group.attempt_timeout_s
    if chain.stream:
        if group.first_chunk_s is not None:
            until = min(until, now + group.first_chunk_s)
        else:
            until = min(until, built_in, now + target.first_chunk_s)
        if ends_at is not None:
            until = min(until, ends_at)
    return min(until, chain.deadline)


def _has_alternative(chain: Chain) -> bool:
    """Whether a timeout of the attempt just recorded would leave another target or group to try."""
    if len(chain.attempts) >= chain.route.asked.max_attempts:
        return False
    silent = chain.target_of(chain.attempts[-1]).id
    if _may_retry(chain, FailureClass.TIMEOUT) and _untried(chain, but=silent):
        return True
    return any(
        index not in chain.visited and _able(chain, index, but=silent)
        for index in chain.route.lists.get(FallbackList.ON_ERROR, ())
    )

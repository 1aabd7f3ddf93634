"""One request's way through its chain: ``step`` turns what happened into what to do next.

What may happen when, and what is learned from it, stands here; which move follows stands in
``core.moves``. Nothing reads a clock, draws a number or does I/O. ``step`` changes only the chain
and the shared state it is handed. The driver performs the actions and reports back with events; so
do the simulator and the tests.

Invariants (each a test in tests/core):
* no target of a group is used twice while an eligible, ready, untried one of that group is left;
* after the first content no further attempt starts;
* every attempt and every wait ends by the deadline, and no attempt starts within its last 50 ms;
* an ejected target is asked only as its one trial, or as one panic attempt when nothing is ready.
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
    Started,
    TimerFired,
)
from router.core.failure import RULES, Again, Effect, Failure, FailureClass, Other
from router.core.health import MAX_COOLING_S, Ejection
from router.core.moves import Moment, advance, give_up, resume
from router.core.state import Attempt, Chain, Phase, Shared

if TYPE_CHECKING:
    from router.core.table import Plan

_REFUSED = Ejection()
"""How long a refused credential is set aside; it does not depend on the group that found out."""


class IllegalEvent(RuntimeError):
    """An event that cannot happen now: a bug of the driver. The state is unchanged."""


def step(
    plan: Plan, shared: Shared, chain: Chain, event: Event, *, now: float, u: float
) -> tuple[Action, ...]:
    """What to do after *event*.

    Args:
        plan: the plan that the chain's route is of.
        shared: changed as targets take their turns, fail and recover.
        chain: changed to what the event makes of it.
        event: what happened.
        now: seconds on the monotonic clock that ``chain.deadline`` is of; never smaller than before.
        u: in [0, 1), drawn by the driver; the jitter of this step's wait, if any.

    Raises:
        IllegalEvent: the event cannot happen in the chain's phase.
    """
    moment = Moment(plan, shared, chain, now, u)
    match event:
        case Started():
            return _start(moment)
        case Ended():
            attempt = _in_flight(chain, event.attempt, Phase.OPEN, Phase.COMMITTED)
            return _end(moment, attempt, event.outcome)
        case FirstContent():
            if not chain.stream:
                raise IllegalEvent("FirstContent of a request that is not streamed")
            attempt = _in_flight(chain, event.attempt, Phase.OPEN)
            _learn_first_content(moment, attempt)
            chain.phase = Phase.COMMITTED
            return ()
        case TimerFired():
            return _fire(moment, event)
        case Cancelled():
            return _cancel(moment)
        case _:
            assert_never(event)


def _start(m: Moment) -> tuple[Action, ...]:
    chain = m.chain
    if chain.phase is not Phase.NEW:
        raise IllegalEvent(f"Started in phase {chain.phase.value}")
    chain.phase = Phase.OPEN
    chain.visited.append(0)
    m.shared.requests += 1
    chain.serial = m.shared.requests
    m.shared.budget(chain.route.asked).request(m.now)
    return _settled(m, advance(m, None))


def _end(m: Moment, attempt: Attempt, failure: Failure | None) -> tuple[Action, ...]:
    chain = m.chain
    _close(m, attempt, failure)
    _forget_stale_trials(m, attempt)
    if failure is None:
        _learn_success(m, attempt)
        chain.phase = Phase.DONE
        return _settled(m, (Finish(attempt.number),))
    _learn_failure(m, attempt, failure)
    if chain.phase is Phase.COMMITTED:
        return _settled(m, give_up(chain))
    return _settled(m, advance(m, RULES[failure.kind]))


def _fire(m: Moment, event: TimerFired) -> tuple[Action, ...]:
    pending = m.chain.pending
    if pending is None or pending.timer != event.timer:
        raise IllegalEvent(f"TimerFired({event.timer}) while waiting for {pending}")
    m.chain.pending = None
    return _settled(m, resume(m, pending))


def _cancel(m: Moment) -> tuple[Action, ...]:
    chain = m.chain
    if chain.phase is Phase.DONE:
        raise IllegalEvent("Cancelled after the end")
    live = [attempt for attempt in chain.attempts if attempt.ended is None]
    for attempt in live:
        _close(m, attempt, Failure(kind=FailureClass.CANCELLED))
        _forget_stale_trials(m, attempt)
        _end_trials(m, attempt)
    chain.phase = Phase.DONE
    chain.pending = None
    return _settled(m, tuple(Cancel(attempt.number) for attempt in live))


def _in_flight(chain: Chain, number: int, *phases: Phase) -> Attempt:
    """The attempt *number*, which must be in flight while the chain is in one of *phases*."""
    if chain.phase not in phases or not 1 <= number <= len(chain.attempts):
        raise IllegalEvent(f"attempt {number} in phase {chain.phase.value}")
    attempt = chain.attempts[number - 1]
    if attempt.ended is not None:
        raise IllegalEvent(f"attempt {number} has ended")
    return attempt


def _close(m: Moment, attempt: Attempt, failure: Failure | None) -> None:
    """The attempt is over; *failure* None: it answered."""
    attempt.ended = m.now
    attempt.failure = failure
    m.shared.loads.end(m.chain.target_of(attempt).id)


# --- learning


def _learn_success(m: Moment, attempt: Attempt) -> None:
    target = m.chain.target_of(attempt)
    m.shared.health_of(m.chain.route.groups[attempt.group], target).succeed(attempt.started, m.now)
    if m.chain.phase is Phase.OPEN:  # Else its first content was what counts.
        m.shared.loads.answered(target.id, m.now - attempt.started, m.now)
    credential = m.shared.credentials.get(m.plan.credential(target))
    if credential is not None:
        credential.succeed(attempt.started, m.now)
    _end_trials(m, attempt)


def _learn_first_content(m: Moment, attempt: Attempt) -> None:
    target = m.chain.target_of(attempt)
    m.shared.health_of(m.chain.route.groups[attempt.group], target)  # Keeps a wildcard's model in memory.
    m.shared.loads.answered(target.id, m.now - attempt.started, m.now)


def _learn_failure(m: Moment, attempt: Attempt, failure: Failure) -> None:
    """What a failure rules out for the rest of the request, and what it says of the target at once."""
    chain = m.chain
    rule = RULES[failure.kind]
    target = chain.target_of(attempt)
    if rule.again is Again.NEVER:
        chain.spent.add(target.id)
    if rule.other is Other.OTHER_CREDENTIAL:
        label = m.plan.credential(target)
        chain.refused.update(name for name in m.plan.providers if m.plan.label(name) == label)
    if rule.other is Other.LARGER_WINDOW and target.context_window is not None:
        chain.floor = max(chain.floor or 0, target.context_window)
    _mark(m, attempt, failure)
    _end_trials(m, attempt)


def _mark(m: Moment, attempt: Attempt, failure: Failure) -> None:
    """Cooling, a refused credential and a failed trial take effect at once; counting waits for the end."""
    group = m.chain.route.groups[attempt.group]
    target = m.chain.target_of(attempt)
    effect = _effect(m, attempt)
    if effect is Effect.NONE:
        return
    health = m.shared.health_of(group, target)
    health.failing = True
    if effect is Effect.COUNT:
        m.shared.loads.failed(target.id, m.now - attempt.started, m.now)
    if effect is Effect.COOL:
        pause = backoff(health.cooled + 1, group.retries.base_s, group.retries.cap_s, m.u)
        health.cool(m.now + min(failure.hint_s or pause, MAX_COOLING_S))
    elif effect is Effect.CREDENTIAL:
        credential = m.shared.credential(m.plan.credential(target))
        if credential.ejected_at is None or attempt.key_trial:  # What was in flight does not add up.
            credential.eject(_REFUSED, m.now, m.u)
    elif attempt.trial and group.ejection is not None:
        health.eject(group.ejection, m.now, m.u)


def _effect(m: Moment, attempt: Attempt) -> Effect:
    """What an attempt's failure says of its target's health."""
    assert attempt.failure is not None
    effect = RULES[attempt.failure.kind].effect
    if effect is Effect.COUNT_UNLESS_WILD:
        return Effect.NONE if m.chain.route.groups[attempt.group].wild else Effect.COUNT
    return effect


def _forget_stale_trials(m: Moment, attempt: Attempt) -> None:
    """A trial whose ejection another attempt has ended is an attempt like any other."""
    target = m.chain.target_of(attempt)
    health = m.shared.health.get(target.id)
    attempt.trial = attempt.trial and health is not None and health.in_force(attempt.started)
    credential = m.shared.credential(m.plan.credential(target)) if attempt.key_trial else None
    attempt.key_trial = credential is not None and credential.in_force(attempt.started)


def _end_trials(m: Moment, attempt: Attempt) -> None:
    """Whatever came of it, the trial is over and another may begin."""
    target = m.chain.target_of(attempt)
    if attempt.trial:
        m.shared.health_of(m.chain.route.groups[attempt.group], target).trial = False
    if attempt.key_trial:
        m.shared.credential(m.plan.credential(target)).trial = False


def _settled(m: Moment, actions: tuple[Action, ...]) -> tuple[Action, ...]:
    """*actions*; when they end the request, its failures are counted.

    Failures of one class on two or more targets, of a request that succeeded nowhere, lie with the
    request and are counted on none.
    """
    if m.chain.phase is not Phase.DONE:
        return actions
    counted = [
        attempt
        for attempt in m.chain.attempts
        if attempt.failure is not None and not attempt.trial and _effect(m, attempt) is Effect.COUNT
    ]
    if all(attempt.failure is not None for attempt in m.chain.attempts):
        counted = [attempt for attempt in counted if not _failed_alike_elsewhere(m.chain, attempt)]
    for attempt in counted:
        group = m.chain.route.groups[attempt.group]
        if group.ejection is not None:
            health = m.shared.health_of(group, m.chain.target_of(attempt))
            health.fail(m.chain.serial, group.ejection, m.now, m.u)
    return actions


def _failed_alike_elsewhere(chain: Chain, attempt: Attempt) -> bool:
    assert attempt.failure is not None
    return any(
        other.failure is not None
        and other.failure.kind is attempt.failure.kind
        and chain.target_of(other).id != chain.target_of(attempt).id
        for other in chain.attempts
    )

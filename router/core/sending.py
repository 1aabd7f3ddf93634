"""Starting an attempt: what it takes of shared state, and how long it may last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.core.events import Send
from router.core.failure import FailureClass, FallbackList
from router.core.health import Status
from router.core.keys import OPEN
from router.core.ready import able_targets, affordable, needs_token, status
from router.core.state import Attempt, Phase
from router.core.timing import content_by, ends_at, holds, is_hurried, until
from router.core.waiting import claim

if TYPE_CHECKING:
    from router.core.ready import Moment
    from router.core.state import Chain
    from router.core.table import Target


def send(m: Moment, index: int, *, hedge: bool = False) -> Send:
    """Start an attempt on the target *index* of the group being tried; a token is there if it needs one."""
    chain, group = m.chain, m.chain.current()
    target = group.targets[index]
    if hedge or needs_token(m, target):
        m.shared.budget(chain.route.asked).take(m.now)
    credential, room = claim(m, index)
    attempt = Attempt(
        number=len(chain.attempts) + 1,
        group=chain.group,
        target=index,
        started=m.now,
        wait_s=0.0 if chain.idle_since is None else m.now - chain.idle_since,
        hedge=hedge,
        credential=credential,
        room=room,
    )
    chain.attempts.append(attempt)
    chain.idle_since = None
    chain.rested.pop(chain.group, None)
    chain.queued.pop(chain.group, None)
    m.shared.loads.begin(target.id)
    _begin_trial(m, target, attempt)
    alternative = _has_alternative(m)
    end = until(chain, target, m.now, alternative=alternative)
    attempt.hurried = is_hurried(chain, target, m.now, end, alternative=alternative)
    if not chain.stream:
        return Send(attempt.number, chain.group, index, end, credential=credential)
    return Send(
        attempt=attempt.number,
        group=chain.group,
        target=index,
        until=end,
        idle_s=group.idle_s,
        ends_at=ends_at(chain, chain.group),
        credential=credential,
        hold=holds(chain),
        content_by=content_by(chain, target, m.now),
    )


def _begin_trial(m: Moment, target: Target, attempt: Attempt) -> None:
    """Mark the attempt as the one half-open trial of what has served its time."""
    health = m.shared.health.get(target.id)
    if health is not None and health.status(m.now) is Status.TRIAL:
        health.trial = attempt.trial = True
    credential = m.shared.credentials.get(m.plan.credential(target, attempt.credential))
    if credential is not None and credential.status(m.now) is Status.TRIAL:
        credential.trial = attempt.key_trial = True


def _has_alternative(m: Moment) -> bool:
    """Whether a timeout of the attempt just recorded would leave another target or group to try now."""
    chain = m.chain
    if len(chain.current().targets) == 1 and not chain.route.lists:
        return False  # There is no other, ready or not.
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
        index not in tried and status(m, targets[index]) in OPEN and affordable(m, targets[index])
        for index in able_targets(m.chain, group, but)
    )


def may_retry(chain: Chain, kind: FailureClass) -> bool:
    """Whether the group's retries allow another attempt after a failure of *kind*; hedges are none."""
    retries = chain.current().retries
    if chain.rounds() > retries.max:
        return False
    return retries.only is None or kind in retries.only

"""What is decided for one request before anything is sent, as a record: what ``explain`` says.

Nothing is decided here: the plan, the merge, the judge of targets and the core are asked, as for a
request that is served, and what they say is written down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.chain_decision import group_decisions
from router.considered import consider
from router.core.needs import estimated_tokens
from router.keeping import Use, inputs_of, use_of
from router.rehearsal import as_asked, copied
from router.telemetry.decisions import CacheDecision, Decision, Expectation
from router.telemetry.events import Routing
from router.virtual import Reply, Script, Timeline

if TYPE_CHECKING:
    from router.considered import Considered
    from router.core.needs import Estimator
    from router.core.state import Chain, Shared
    from router.engine import Engine
    from router.request import Ask, Request, Tokens
    from router.telemetry.decisions import GroupDecision
    from router.virtual import Story

_KEY_DIGITS = 12
_REFUSED = "the request is refused"
_NOTHING = Expectation(0, 0.0, 0.0)
_ON_OTHERS = Expectation(1, None, None, "it waits, and others hold or wait for room that it may need")


def decide(
    engine: Engine,
    ask: Ask,
    *,
    now: float,
    estimator: Estimator = estimated_tokens,
    wire: bool = False,
    tokens: Tokens | None = None,
) -> Decision:
    """What is decided for *ask*, asked now.

    Args:
        engine: as it stands; nothing of it changes.
        ask: what a caller asks.
        now: on the clock of the engine's state.
        estimator: how many tokens messages are.
        wire: whether to add what each target would be sent.
        tokens: about how many *ask* is, where that was counted; None: it was not.

    Raises:
        RequestError: it is malformed, or names no group.
    """
    found = consider(engine, ask, estimator=estimator, tokens=tokens)
    request, route = found.request, found.request.route
    chain = request.chain(now, ask.options.timeout)
    shared = copied(engine, chain)
    groups = group_decisions(engine, found, shared, now, wire=wire)
    crowded = _crowded(shared)
    story = None if found.refused is not None else _at_best(engine, request, shared, chain)
    hangs = story is not None and crowded and _waits(story)
    timeout_s = ask.options.timeout
    longest_s = route.asked.timeout_s
    return Decision(
        model=str(ask.model),
        matched=_matched(str(ask.model), route.asked.name),
        task=ask.task.value,
        stream=request.stream,
        caller=ask.options.caller,
        tags=tuple(ask.options.tags),
        tokens=found.tokens,
        timeout_s=longest_s if timeout_s is None else min(longest_s, timeout_s),
        max_attempts=route.asked.max_attempts,
        lists={
            which.value: tuple(route.groups[index].name for index in indexes)
            for which, indexes in route.lists.items()
        },
        refused=None if found.refused is None else str(found.refused),
        first=None if story is None or hangs else _first(story),
        expected=_NOTHING if story is None else _ON_OTHERS if hangs else _expected(story, groups),
        worst=_NOTHING if story is None else _worst(request, longest_s, timeout_s),
        chain=groups,
        cache=_cache(engine, found, ask),
    )


def foreseen(
    engine: Engine,
    ask: Ask,
    *,
    now: float,
    estimator: Estimator = estimated_tokens,
    wire: bool = False,
    request_id: str = "",
) -> Routing:
    """The record that a reply to *ask* would carry, as far as it is known beforehand; see ``decide``.

    Its target is the one that the first attempt would go to, its params what that would be sent; there
    are no attempts.
    """
    decision = decide(engine, ask, now=now, estimator=estimator, wire=wire)
    targets = [target for group in decision.chain for target in group.targets]
    first = next((target for target in targets if target.target == decision.first), None)
    return Routing(
        request_id=request_id,
        group=decision.chain[0].group,
        plan=engine.plan.digest,
        target=decision.first,
        params=() if first is None else first.ledger,
        cache="bypass" if decision.cache is None else decision.cache.now,
        decision=decision,
    )


def _cache(engine: Engine, found: Considered, ask: Ask) -> CacheDecision | None:
    request = found.request
    caching = request.route.asked.cache
    if caching is None:
        return None
    use = _REFUSED if found.refused is not None else use_of(engine, request, ask.options)
    if not isinstance(use, Use):
        now, why = "bypass", use
    elif not use.reads:
        now, why = "bypass", "the request wants a new answer"
    else:
        now, why = "hit" if engine.answers.knows(use.key) else "miss", ""
    used = use if isinstance(use, Use) else None
    return CacheDecision(
        now=now,
        why=why,
        reads=used is not None and used.reads,
        keeps=used is not None,
        key=None if used is None else used.key.hex()[:_KEY_DIGITS],
        inputs=() if used is None else inputs_of(request, ask.options),
        scope=caching.scope,
        when=caching.when,
        ttl_s=caching.ttl_s,
        fallback_ttl_s=caching.fallback_ttl_s,
        stale_s=caching.stale_s,
    )


def _matched(model: str, group: str) -> str:
    if "*" in group:
        return "wildcard"
    return "group" if model == group else "alias"


def _at_best(engine: Engine, request: Request, shared: Shared, chain: Chain) -> Story:
    """What comes of it when every upstream answers at once, and nobody else does anything meanwhile."""
    timeline = Timeline(engine.plan, shared=shared, now=chain.started)
    return timeline.play(chain, as_asked(request, engine, Script({}, Reply())))


def _crowded(shared: Shared) -> bool:
    """Whether somebody holds, or waits for, room under limits that a request may meet, in its part of all."""
    return bool(shared.lines.lines) or any(usage.in_flight for usage in shared.rooms.usages.values())


def _waits(story: Story) -> bool:
    """Whether time passes before its first attempt, or before it ends without any."""
    return (story.chain.attempts[0].started if story.sends else story.ended) != story.chain.started


def _first(story: Story) -> str | None:
    return story.target(story.sends[0]) if story.sends else None


def _expected(story: Story, groups: tuple[GroupDecision, ...]) -> Expectation:
    """As *story* has it; how long an answer takes is known only where it was observed."""
    if not story.ok:
        assert story.error is not None
        return Expectation(0, story.seconds, 0.0, f"it would be refused: {story.error.code}")
    attempt = story.chain.attempts[-1]
    target = groups[attempt.group].targets[attempt.target]
    return Expectation(
        attempts=len(story.chain.attempts),
        seconds=None if target.observed_s is None else story.seconds + target.observed_s,
        cost=target.cost,
        why="" if target.cost is not None else f"{target.target} has no price, or its reply no bound",
    )


def _worst(request: Request, longest_s: float, timeout_s: float | None) -> Expectation:
    """As computed when the plan was made; a caller's own timeout shortens it."""
    worst = request.route.worst
    assert worst is not None  # Every compiled route has one.
    seconds = worst.seconds if timeout_s is None else min(worst.seconds, timeout_s, longest_s)
    return Expectation(worst.attempts, seconds, worst.cost, worst.unpriced.replace("`", ""))

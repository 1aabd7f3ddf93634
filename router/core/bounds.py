"""The worst case of a route: what one request may come to at most, whatever its upstreams do.

Computed once for each group when a plan is made. The bounds hold for every story; each is reached by
some story, but for the cost, whose bound takes every attempt as paid in full, and for the time of hedges,
which run beside other attempts and are taken as if they ran after them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.core.failure import RULES, Again, Other
from router.core.merge import combine
from router.core.rooms import limits_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from router.core.failure import FailureClass
    from router.core.table import Group, Policy, Provider, Route, Target

_OUTPUT, _CHOICES = "max_tokens", "n"


@dataclass(frozen=True, slots=True)
class WorstCase:
    """What one request may come to at most.

    Attributes:
        attempts: upstream calls, ≥ 1.
        seconds: up to the whole reply, or for a stream up to its first content.
        cost: US dollars, every attempt taken as paid for; None when it has no bound that is known.
        unpriced: why the cost has none: a target's id and what it lacks; "" when there is a cost.
    """

    attempts: int
    seconds: float
    cost: float | None
    unpriced: str = ""


@dataclass(frozen=True, slots=True)
class Most:
    """What a config allows as the worst case; None: no limit.

    Attributes:
        attempts: upstream calls.
        seconds: as in ``WorstCase``.
        cost: US dollars.
    """

    attempts: int | None = None
    seconds: float | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Excess:
    """A limit that the worst case is beyond.

    Attributes:
        limit: the config's key.
        found: what the worst case comes to, in words.
    """

    limit: str
    found: str


def worst_case(route: Route, providers: Mapping[str, Provider]) -> WorstCase:
    """The worst case of a request asked of *route*."""
    asked = route.asked
    begun = [_attempts(group, providers) for group in route.groups]
    hedges = [_hedges(group, providers) for group in route.groups]
    counts = [one + more for one, more in zip(begun, hedges, strict=True)]
    most_hedges = max(group.hedge.max if group.hedge is not None else 0 for group in route.groups)
    attempts = min(asked.max_attempts, sum(begun) + min(sum(hedges), most_hedges))
    times = [
        math.inf if group.attempt_timeout_s is None else group.attempt_timeout_s for group in route.groups
    ]
    # A hedge starts before another attempt has ended: it adds at most its own time.
    waits = sum(
        # Room may be waited for before each attempt, and once in vain.
        count * group.retries.max_wait_s + (count + 1) * _patience(group, providers)
        for count, group in zip(begun, route.groups, strict=True)
    )
    seconds = min(asked.timeout_s, _largest(times, counts, attempts) + waits)
    costs, unpriced = [], ""
    for group in route.groups:
        time_s = _longest(group, asked.timeout_s)
        prices = [_cost(target, asked.policy, time_s) for target in group.targets]
        missing = [price for price in prices if isinstance(price, str)]
        unpriced = unpriced or next(iter(missing), "")
        costs.append(max((price for price in prices if not isinstance(price, str)), default=0.0))
    cost = None if unpriced else _largest(costs, counts, attempts)
    return WorstCase(attempts=attempts, seconds=seconds, cost=cost, unpriced=unpriced)


def excesses(found: WorstCase, most: Most) -> list[Excess]:
    """The limits of *most* that *found* is beyond."""
    beyond = []
    if most.attempts is not None and found.attempts > most.attempts:
        beyond.append(Excess("max_attempts", f"{found.attempts} attempts"))
    if most.seconds is not None and found.seconds > most.seconds:
        beyond.append(Excess("max_seconds", f"{found.seconds:g} seconds"))
    if most.cost is not None:
        if found.cost is None:
            beyond.append(Excess("max_cost", f"a cost without a bound: {found.unpriced}"))
        elif found.cost > most.cost:
            beyond.append(Excess("max_cost", f"{found.cost:.6g} US dollars"))
    return beyond


def _patience(group: Group, providers: Mapping[str, Provider]) -> float:
    """The longest wait for room in *group*, seconds."""
    used = {target.provider: providers[target.provider] for target in group.targets}
    return max((limits.max_wait_s for limits in limits_of([group], used)), default=0.0)


def _attempts(group: Group, providers: Mapping[str, Provider]) -> int:
    """The most attempts in *group*, hedges aside: retries and one, no target twice if that is never done."""
    retries = group.retries
    if not _kinds(group):
        return 1
    most = retries.max + 1
    return most if _asks_again(group, providers) else min(most, len(group.targets))


def _hedges(group: Group, providers: Mapping[str, Provider]) -> int:
    """The most hedges in *group*: they go to untried targets only, while another attempt runs."""
    if group.hedge is None:
        return 0
    taken = 1 if _asks_again(group, providers) else _attempts(group, providers)
    return min(group.hedge.max, len(group.targets) - taken)


def _asks_again(group: Group, providers: Mapping[str, Provider]) -> bool:
    """Whether some failure lets the same target of *group* be asked twice, if with another credential."""
    several = any(len(providers[target.provider].credentials) > 1 for target in group.targets)
    rules = [RULES[kind] for kind in _kinds(group)]
    return any(
        rule.again is not Again.NEVER or (several and rule.other is Other.OTHER_CREDENTIAL) for rule in rules
    )


def _kinds(group: Group) -> Collection[FailureClass]:
    """The classes after which *group* is retried."""
    return RULES.keys() if group.retries.only is None else group.retries.only


def _largest(values: Iterable[float], counts: Iterable[int], attempts: int) -> float:
    """The largest sum of *attempts* values, each used at most as often as *counts* says."""
    total, left = 0.0, attempts
    for value, count in sorted(zip(values, counts, strict=True), reverse=True):
        used = min(count, left)
        total += value * used if used else 0.0
        left -= used
    return total


def _longest(group: Group, timeout_s: float) -> float:
    """Seconds that one attempt may last, whole or streamed; infinite where a stream has no end."""
    return math.inf if group.stream_timeout_s is None else max(timeout_s, group.stream_timeout_s)


def _cost(target: Target, asked: Policy, seconds: float) -> float | str:
    """The most that one attempt may cost; else what keeps it from having a bound."""
    price = target.price
    if price is None:
        return f"`{target.id}` declares no price"
    if price.input_per_mtok is None:
        by_time = price.of_seconds(seconds)
        assert by_time is not None  # A price is one by tokens or one by time.
        return by_time if by_time < math.inf else f"a stream of `{target.id}` has no `timeout`"
    if target.context_window is None:
        return f"`{target.id}` declares no context_window"
    policy = combine(asked, target.policy)
    written = _most(policy, _OUTPUT, absent=target.context_window)
    choices = _most(policy, _CHOICES, absent=None)
    if choices is None:
        return f"`{target.id}` has no bound on `{_CHOICES}`"
    assert written is not None
    by_tokens = price.of_tokens(
        target.context_window, math.ceil(min(written, target.context_window) * choices)
    )
    assert by_tokens is not None
    return by_tokens


def _most(policy: Policy, param: str, *, absent: float | None) -> float | None:
    """The greatest value of *param* that *policy* lets up; *absent* when it sets no limit."""
    forced = policy.force.get(param)
    if forced is not None and isinstance(forced.value, int | float):
        return float(forced.value)
    bound = policy.bounds.get(param)
    if bound is not None and bound.max is not None:
        return bound.max
    return 1.0 if param in policy.drop and param == _CHOICES else absent

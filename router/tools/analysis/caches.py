"""Kept answers that no request can ever be given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from router.adapters.base import Upstream
from router.adapters.registry import build
from router.config.diagnostics import shorten
from router.core.merge import combine, merge
from router.inherited import protocol
from router.keeping import cold, several
from router.plan import adapter_of, passthrough_of
from router.preconditions import tagged
from router.tools.analysis.subject import Verdicts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from router.adapters.base import Adapter, ChatWire
    from router.core.caching import Caching
    from router.core.merge import Merged
    from router.core.table import Bound, Policy, Route, Target
    from router.tools.analysis.subject import Subject

_COLD = {"temperature": 0, "seed": 1, "n": 1}
"""What a caller gives who does everything for a kept answer."""


def caches(subject: Subject) -> None:
    """Report caches that keep nothing for anybody, and times of fallbacks where there are none."""
    whole, parts, adapters = Verdicts(), Verdicts(), _adapters(subject)
    for route in subject.routes.values():
        caching, path = route.asked.cache, subject.written(route.asked, "cache")
        if caching is None or path is None:
            continue
        whole.add(path, _never(route, caching, adapters))
        part = subject.written(route.asked, "cache", "fallback_ttl")
        if part is not None:
            alone = len(route.groups) == 1
            parts.add(part, "no answer comes from a fallback: there is none" if alone else None)
    for path, message in whole.told():
        subject.report("useless-cache", path, message, at="key")
    for path, message in parts.told():
        subject.report("useless-cache", path, message)


class _Reach(NamedTuple):
    """What decides which requests a target can carry.

    Attributes:
        wires: it is asked over, by identity; empty: not known.
        tags: that it has.
        settled: the params that its config forces or drops, so that they need no carrier.
        bounds: of its params.
        free: whether nothing that is declared of its window and abilities stands in a request's way.
    """

    wires: tuple[int, ...]
    tags: frozenset[str]
    settled: frozenset[str]
    bounds: Mapping[str, Bound]
    free: bool

    def within(self, other: _Reach) -> bool:
        """Whether the *other* can for certain carry all that this one can."""
        return (
            other.free
            and self.wires == other.wires
            and self.tags <= other.tags
            and self.settled <= other.settled
            and self.bounds == other.bounds
        )


class _Sent(NamedTuple):
    """What a target gets of the request that is most likely to be kept.

    Attributes:
        target: whom it goes to.
        policy: by which its params are merged.
        merged: its params.
        serves: whether it has the tags that the chain requires.
    """

    target: Target
    policy: Policy
    merged: Merged
    serves: bool


def _never(route: Route, caching: Caching, adapters: Mapping[str, Adapter]) -> str | None:
    """Why no answer of *route* is ever kept; None: some may be."""
    best = list(_best(route))
    if any(several(sent.merged.params) for sent in best):
        return "the config makes every request one for several answers (`n`), and these are not kept"
    embeds = any(sent.target.embedding_space is not None for sent in best)  # Embeddings know no chance.
    if caching.when != "deterministic" or embeds:
        return None
    sure: list[_Reach] = []
    unsure: dict[str, _Reach] = {}
    for sent in best:
        if not sent.serves:
            continue
        # Of a wildcard's target it is not known which wires it has.
        target = sent.target
        wires = () if "*" in target.id else adapters[target.provider].wires(target.model)
        reach = _reach(sent, wires)
        if cold(sent.merged.params) or _seeded(sent.merged, wires):
            if reach not in sure:
                sure.append(reach)
        elif reach not in unsure.values():
            unsure[target.id] = reach
    if not all(any(one.within(other) for other in unsure.values()) for one in sure):
        return None
    named = next((name for name, other in unsure.items() if not sure or sure[0].within(other)), None)
    if named is None:
        return None
    return (
        "`when: deterministic` wants temperature 0 or a seed for every target that may answer, "
        f"and the config lets neither go up to `{shorten(named)}`"
    )


def _reach(sent: _Sent, wires: Sequence[ChatWire]) -> _Reach:
    target, policy = sent.target, sent.policy
    return _Reach(
        wires=tuple(map(id, wires)),
        tags=target.tags,
        settled=frozenset((*policy.force, *policy.drop)),
        bounds=policy.bounds,
        free=bool(wires) and not (target.lacks or target.context_window or sent.merged.violations),
    )


def _seeded(merged: Merged, wires: Sequence[ChatWire]) -> bool:
    """Whether a seed may go up, over whichever of the *wires* is taken; of none nothing is known."""
    seed = merged.params.get("seed")
    if seed is None or not wires:
        return seed is not None
    return any(wire.sends("seed", seed) and wire.carries("seed", seed) for wire in wires)


def _best(route: Route) -> Iterator[_Sent]:
    """What goes to each target of a chain when the caller does all for a kept answer."""
    for index, group in enumerate(route.groups):
        serving = set(tagged(group, route.asked))
        for at, target in enumerate(group.targets):
            policy = target.policy if index == 0 else combine(route.asked.policy, target.policy)
            yield _Sent(target, policy, merge(target, policy, _COLD), at in serving)


def _adapters(subject: Subject) -> Mapping[str, Adapter]:
    """An adapter for each provider, to be asked what it carries; providers alike have one together."""
    built: dict[tuple[str, frozenset[str] | None, str], Adapter] = {}
    found = {}
    for name in subject.plan.providers:
        written = (subject.config.providers or {}).get(name)
        kind = (adapter_of(written), passthrough_of(written), protocol(written))
        if kind not in built:
            built[kind] = build(kind[0], Upstream(name, "", passthrough=kind[1], protocol=kind[2]))
        found[name] = built[kind]
    return found

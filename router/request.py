"""From what a caller asked to what the chain may do with it: checked, merged, eligible.

Pure: no I/O, no clock. The result holds everything an attempt needs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from router.adapters.base import ChatCall
from router.adapters.params import RESERVED, canonical
from router.core.failure import FallbackList
from router.core.merge import REQUEST, LedgerEntry, Merged, Violation, combine, fit, merge
from router.errors import InvalidRequest, UnknownModel
from router.plainjson import json_problem

if TYPE_CHECKING:
    from router.adapters.base import Adapter
    from router.core.table import Group, Route, Target
    from router.routes import Routes

MAX_MESSAGES = 10_000
"""More messages than this in one request are refused."""
_SHOWN_CHARS = 100


@dataclass(slots=True)
class ChatRequest:
    """A chat request, checked against its plan.

    Attributes:
        route: the groups it may go through.
        messages: as the caller gave them; never changed.
        params: the caller's, under canonical names, without None.
        renames: (written, canonical) for each synonym the caller used.
        stream: whether a stream was asked for.
        eligible: for each group and target of the route, whether it can carry the request.
        dropped: the caller's params that no target can carry and that may be left out.
    """

    route: Route
    messages: Sequence[Mapping[str, Any]]
    params: Mapping[str, Any]
    renames: Sequence[tuple[str, str]]
    stream: bool
    eligible: tuple[tuple[bool, ...], ...] = ()
    dropped: frozenset[str] = frozenset()
    _merged: dict[tuple[int, int], Merged] = field(default_factory=dict)

    def call(self, group: int, target: int, adapters: Mapping[str, Adapter]) -> ChatCall:
        """What to send to one target."""
        chosen = self.route.groups[group].targets[target]
        merged = self.merged(group, target)
        fit(merged, adapters[chosen.provider].carries, drop=self.dropped)
        return ChatCall(model=chosen.model, messages=self.messages, params=merged.params, stream=self.stream)

    def merged(self, group: int, target: int) -> Merged:
        """The params for one target, merged once."""
        merged = self._merged.get((group, target))
        if merged is None:
            tried = self.route.groups[group].targets[target]
            policy = tried.policy if group == 0 else combine(self.route.asked.policy, tried.policy)
            merged = self._merged[group, target] = merge(tried, policy, self.params)
        return merged

    def ledger(self, group: int, target: int, adapters: Mapping[str, Adapter]) -> tuple[LedgerEntry, ...]:
        """What was done to the params for one target: the caller's renames, the merge, the wire's names."""
        renamed = [LedgerEntry(name, "renamed", REQUEST, written) for written, name in self.renames]
        merged = self.merged(group, target)
        provider = self.route.groups[group].targets[target].provider
        adapter = adapters[provider]
        wire = f"provider {provider}"
        sent = []
        for name, value in merged.params.items():
            spelt = adapter.sends(name, value)
            if spelt is None:
                sent.append(LedgerEntry(name, "idle", wire, value))
            elif spelt != name:
                sent.append(LedgerEntry(name, "sent_as", wire, spelt))
        return (*renamed, *merged.ledger, *sent)


def chat_request(
    routes: Routes,
    adapters: Mapping[str, Adapter],
    *,
    model: object,
    messages: object,
    params: Mapping[str, Any],
    stream: bool,
) -> ChatRequest:
    """Check a chat request and find out which targets can carry it.

    Raises:
        UnknownModel: *model* names no group, alias or wildcard.
        InvalidRequest: a field is missing, malformed or reserved, or no target can carry the request.
    """
    route = find_route(routes, model)
    given, renames = _caller_params(params)
    request = ChatRequest(
        route=route, messages=_checked_messages(messages), params=given, renames=renames, stream=stream
    )
    _settle_eligibility(request, adapters)
    return request


def find_route(routes: Routes, model: object) -> Route:
    """The route for an asked model.

    Raises:
        UnknownModel: with the nearest known name.
        InvalidRequest: *model* is no string.
    """
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model must be the name of a model group, a string", param="model")
    route = routes.find(model)
    if route is not None:
        return route
    shown = model if len(model) <= _SHOWN_CHARS else model[: _SHOWN_CHARS - 1] + "…"
    # Comparing with every name of a huge config would make a typo expensive for the service.
    askable = [name for name in routes.plan.names[:1000] if "*" not in name]
    near = difflib.get_close_matches(shown, askable, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; known: {_some(routes.plan.names)}"
    raise UnknownModel(f"no model group is named {shown!r}{hint}", param="model")


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:10], "…"] if names[10:] else names)


def _caller_params(params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[tuple[str, str]]]:
    given = {name: value for name, value in params.items() if value is not None}
    for name, value in given.items():
        if name in RESERVED:
            raise InvalidRequest(
                f"{name} may not be set by a caller; it belongs in the config file", param=name
            )
        problem = json_problem(value)
        if problem is not None:
            raise InvalidRequest(f"{name} {problem}", param=name)
    result = canonical(given)
    for conflict in result.conflicts:
        raise InvalidRequest(
            f"{conflict.first} and {conflict.second} mean the same and have different values; give one",
            param=conflict.second,
        )
    return result.params, result.renames


def _checked_messages(messages: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(messages, list | tuple) or not messages:
        raise InvalidRequest("messages must be a list with at least one message", param="messages")
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequest(f"messages has more than {MAX_MESSAGES} entries", param="messages")
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, Mapping):
            raise InvalidRequest(f"{where} must be an object with role and content", param=where)
        if not isinstance(message.get("role"), str):
            raise InvalidRequest(f"{where}.role must be a string such as 'user'", param=f"{where}.role")
        problem = json_problem(message)
        if problem is not None:
            raise InvalidRequest(f"{where} {problem}", param=where)
        content = message.get("content")
        if content is not None and not isinstance(content, str | list | tuple):
            raise InvalidRequest(
                f"{where}.content must be a string, a list of parts, or null", param=f"{where}.content"
            )
    return messages


def _settle_eligibility(request: ChatRequest, adapters: Mapping[str, Adapter]) -> None:
    """Fill in which targets can carry the request.

    Raises:
        InvalidRequest: none can; the message names the field.
    """
    route = request.route
    providers = {target.provider for group in route.groups for target in group.targets}
    uncarried = {
        name: {param for param, value in request.params.items() if not adapters[name].carries(param, value)}
        for name in providers
    }
    request.dropped = _droppable(route.groups, uncarried)
    asked = ChatCall(model="", messages=request.messages, params=request.params, stream=request.stream)
    refusals = {name: adapters[name].refuses(asked) for name in providers}
    problems: list[Violation] = []
    request.eligible = tuple(
        tuple(
            _eligible(request, (g, t), uncarried[target.provider], refusals[target.provider], problems)
            for t, target in enumerate(group.targets)
        )
        for g, group in enumerate(route.groups)
    )
    # Without an attempt nothing but on_error can lead to another group.
    first = (0, *route.lists.get(FallbackList.ON_ERROR, ()))
    if not any(any(request.eligible[index]) for index in first):
        raise _refused(route, problems)


def _refused(route: Route, problems: Sequence[Violation]) -> InvalidRequest:
    """Why no target may serve: what every target refuses is named alone, else all that stand in the way."""
    first = problems[0]
    if first.message:
        return InvalidRequest(first.message, param=first.param)
    names = sorted({problem.param for problem in problems if not problem.message})
    what = f"no target of {route.asked.name!r} can carry {', '.join(names)}"
    if names[1:]:  # Each may have its carrier, but no target carries all.
        return InvalidRequest(f"{what} together; leave out what you need least", param=names[0])
    if all(target.drop_unsupported for group in route.groups for target in group.targets):
        return InvalidRequest(f"{what}; leave it out", param=names[0])
    advice = "leave it out, or let the config drop it with `unsupported: drop`"
    return InvalidRequest(f"{what}; {advice}", param=names[0])


def _droppable(groups: Sequence[Group], uncarried: Mapping[str, set[str]]) -> frozenset[str]:
    """The caller's params that no target can carry and that every target's config allows to drop."""
    nowhere = set.intersection(*uncarried.values())
    if nowhere and all(target.drop_unsupported for group in groups for target in group.targets):
        return frozenset(nowhere)
    return frozenset()


def _eligible(
    request: ChatRequest,
    place: tuple[int, int],
    uncarried: set[str],
    refusal: str | None,
    problems: list[Violation],
) -> bool:
    """Whether one target can carry the request; if not, why is added to *problems*."""
    group, index = place
    target = request.route.groups[group].targets[index]
    if refusal is not None:
        problems.append(Violation(refusal.partition(":")[0], refusal))
        return False
    in_the_way = [name for name in sorted(uncarried - request.dropped) if _counts(request, place, name)]
    problems.extend(Violation(name, "") for name in in_the_way)
    violations = request.merged(group, index).violations if _bounded(request, target) else []
    problems.extend(violations)
    return not in_the_way and not violations


def _counts(request: ChatRequest, place: tuple[int, int], name: str) -> bool:
    """Whether the caller's value of *name* would go up to the target at all (not dropped, not forced)."""
    return name in request.merged(*place).given


def _bounded(request: ChatRequest, target: Target) -> bool:
    return bool(target.policy.bounds or request.route.asked.policy.bounds)

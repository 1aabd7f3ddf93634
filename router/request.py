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
from router.core.merge import REQUEST, LedgerEntry, Merged, combine, fit, merge
from router.core.select import affinity_key
from router.eligible import Eligible, eligible
from router.errors import InvalidRequest, UnknownModel
from router.plainjson import json_problem
from router.types import RouterOptions

if TYPE_CHECKING:
    from router.adapters.base import Adapter, Wire
    from router.core.needs import Estimator
    from router.core.table import Group, Route
    from router.routes import Routes

MAX_MESSAGES = 10_000
"""More messages than this in one request are refused."""
MAX_TAGS = 100
"""Nobody needs more tags of one target."""
_SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class Ask:
    """What a caller asks, as it came: nothing of it has been checked.

    Attributes:
        model, messages: whatever was given.
        params: whatever else was given.
        stream: whether a stream is asked for.
        options: options for routing.
        headers: of the gateway's request, names in lower case; empty in the library.
    """

    model: object
    messages: object
    params: Mapping[str, Any]
    stream: bool = False
    options: RouterOptions = field(default_factory=RouterOptions)
    headers: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class ChatRequest:
    """A chat request, checked against its plan.

    Attributes:
        route: the groups it may go through.
        messages: as the caller gave them; never changed.
        params: the caller's, under canonical names, without None.
        renames: (written, canonical) for each synonym the caller used.
        stream: whether a stream was asked for.
        keys: for each group the digest that its affinity goes by; empty: no group has affinity.
        able: which targets can carry it.
    """

    route: Route
    messages: Sequence[Mapping[str, Any]]
    params: Mapping[str, Any]
    renames: Sequence[tuple[str, str]]
    stream: bool
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    able: Eligible = field(default_factory=Eligible)
    _merged: dict[tuple[int, int], Merged] = field(default_factory=dict)

    def call(self, group: int, target: int, adapters: Mapping[str, Adapter]) -> ChatCall:
        """What to send to one target."""
        chosen = self.route.groups[group].targets[target]
        merged = self.merged(group, target)
        fit(merged, self.wire(group, target, adapters).carries, drop=self.able.dropped)
        return ChatCall(model=chosen.model, messages=self.messages, params=merged.params, stream=self.stream)

    def wire(self, group: int, target: int, adapters: Mapping[str, Adapter]) -> Wire:
        """The wire over which one target is asked."""
        chosen = self.route.groups[group].targets[target]
        return adapters[chosen.provider].wires(chosen.model)[self.able.wires[group][target]]

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
        wire = self.wire(group, target, adapters)
        source = f"provider {self.route.groups[group].targets[target].provider}"
        sent = []
        for name, value in merged.params.items():
            spelt = wire.sends(name, value)
            if spelt is None:
                sent.append(LedgerEntry(name, "idle", source, value))
            elif spelt != name:
                sent.append(LedgerEntry(name, "sent_as", source, spelt))
        return (*renamed, *merged.ledger, *sent)


def chat_request(
    routes: Routes, adapters: Mapping[str, Adapter], ask: Ask, *, estimator: Estimator
) -> ChatRequest:
    """Check a chat request and find out which targets can carry it.

    Args:
        routes: what runs.
        adapters: by provider.
        ask: what the caller asks.
        estimator: how many tokens messages are; asked where a target declares its context window.

    Raises:
        UnknownModel: the model names no group, alias or wildcard.
        RequestTooLong: the request fits into no context window.
        InvalidRequest: a field is missing, malformed or reserved, or no target can carry the request.
    """
    _check_options(ask.options)
    route = find_route(routes, ask.model)
    given, renames = _caller_params(ask.params)
    request = ChatRequest(
        route=route,
        messages=_checked_messages(ask.messages),
        params=given,
        renames=renames,
        stream=ask.stream,
        keys=_affinity_keys(route.groups, given, ask),
    )
    request.able = eligible(request, frozenset(ask.options.tags), adapters, estimator)
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


def _check_options(options: object) -> None:
    if not isinstance(options, RouterOptions):
        raise InvalidRequest(
            "router must be RouterOptions, such as RouterOptions(timeout=30)", param="router"
        )
    timeout: Any = options.timeout  # Callers do not always keep to the types.
    if timeout is not None:
        number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
        if not number or not timeout > 0:
            raise InvalidRequest("router.timeout must be a number of seconds above 0", param="router.timeout")
    caller: Any = options.caller
    if caller is not None and not isinstance(caller, str):
        raise InvalidRequest("router.caller must be a string", param="router.caller")
    tags: Any = options.tags
    texts = isinstance(tags, list | tuple) and all(isinstance(tag, str) for tag in tags)
    if not texts or len(tags) > MAX_TAGS:
        raise InvalidRequest(f"router.tags must be a list of texts, at most {MAX_TAGS}", param="router.tags")


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


def _affinity_keys(groups: Sequence[Group], given: Mapping[str, Any], ask: Ask) -> tuple[bytes, ...]:
    """For each group the digest that keeps the request on one target; empty when no group has affinity."""
    if not any(group.affinity for group in groups):
        return ()
    return tuple(_affinity_key(group.affinity, given, ask) for group in groups)


def _affinity_key(affinity: str | None, given: Mapping[str, Any], ask: Ask) -> bytes:
    value: str | bytes | None = None
    if affinity == "user":
        user = given.get("user")
        value = user if isinstance(user, str) else None
    elif affinity == "caller":
        value = ask.options.caller
    elif affinity is not None:
        value = ask.headers.get(affinity.removeprefix("header:").encode())
    return affinity_key(value) if value else b""

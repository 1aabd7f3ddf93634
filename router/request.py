"""From what a caller asked to what the chain may do with it: checked, merged, eligible.

Pure: no I/O, no clock. The result holds everything an attempt needs.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from router.adapters.base import ChatCall, EmbeddingCall
from router.adapters.vectors import inputs_of
from router.checks import (
    MAX_MODEL_CHARS,
    caller_params,
    check_embedding_params,
    check_options,
    checked_input,
    checked_messages,
)
from router.core.merge import REQUEST, LedgerEntry, Merged, combine, fit, merge
from router.core.needs import message_needs, param_needs
from router.core.select import affinity_key
from router.core.state import Chain
from router.eligible import Eligible, eligible
from router.errors import InvalidRequest, UnknownModel
from router.types import RouterOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from router.adapters.base import Adapter, ChatWire, Wire
    from router.core.needs import Estimator
    from router.core.table import Group, Route, Target
    from router.core.traits import Capability
    from router.routes import Routes

_SHOWN_CHARS = 100
_UNJUDGED = Eligible()


class Tokens(NamedTuple):
    """About how many tokens a request is, but for the reply.

    Attributes:
        at_once: those that must fit into a context window together.
        in_all: those that limits count.
    """

    at_once: int
    in_all: int


class Task(Enum):
    """What a request asks for."""

    CHAT = "chat"
    EMBEDDING = "embedding"


@dataclass(slots=True)
class Ask:
    """What a caller asks, as it came: nothing of it has been checked, and nothing is changed.

    Attributes:
        model: whatever was given.
        subject: the messages of a chat, the input of an embedding: whatever was given.
        params: whatever else was given.
        stream: whether a stream is asked for.
        options: options for routing.
        headers: of the gateway's request, names in lower case; empty in the library.
        task: what is asked for.
    """

    model: object
    subject: object
    params: Mapping[str, Any]
    stream: bool = False
    options: RouterOptions = field(default_factory=RouterOptions)
    headers: Mapping[bytes, bytes] = field(default_factory=dict, repr=False)
    task: Task = Task.CHAT


@dataclass(slots=True, kw_only=True)
class Request(ABC):
    """A request, checked against its plan.

    Attributes:
        subject: the name of the field that says what is to be answered.
        route: the groups it may go through.
        params: the caller's, under canonical names, without None.
        renames: (written, canonical) for each synonym the caller used.
        stream: whether a stream was asked for.
        keys: for each group the digest that its affinity goes by; empty: no group has affinity.
        able: which targets can carry it.
        counted: about how many tokens it is; None: nobody has counted them yet.
    """

    subject: ClassVar[str]

    route: Route
    params: Mapping[str, Any]
    renames: Sequence[tuple[str, str]]
    stream: bool = False
    keys: tuple[bytes, ...] = field(default=(), repr=False)
    able: Eligible = _UNJUDGED
    counted: Tokens | None = None
    _merged: dict[tuple[int, int], Merged] = field(default_factory=dict)

    # --- what differs from task to task

    @property
    @abstractmethod
    def asked(self) -> Any:
        """What is to be answered: the field *subject*."""

    @abstractmethod
    def call_of(self, model: str, params: Mapping[str, Any]) -> Any:
        """What the wires of this task prepare: the request, for one model and with these params."""

    @abstractmethod
    def wires_of(self, adapter: Adapter, model: str) -> tuple[Wire[Any], ...]:
        """The adapter's wires for this task."""

    @abstractmethod
    def needs(self) -> dict[Capability, str]:
        """What the request, but for its params, needs of a target, each with the field that needs it."""

    @abstractmethod
    def needs_of(self, params: Mapping[str, Any]) -> dict[Capability, str]:
        """What the merged *params* need of a target, each with the param that needs it."""

    @abstractmethod
    def count(self, estimator: Estimator) -> Tokens:
        """Count about how many tokens a model reads; *estimator* is asked at most twice."""

    @abstractmethod
    def reply_tokens(self, params: Mapping[str, Any]) -> int:
        """How many tokens a model may write with the merged *params*; 0 where that has no bound."""

    @abstractmethod
    def misfit(self, target: Target) -> str | None:
        """Why *target* may not serve beside the others of the chain; None when it may."""

    # --- what does not

    def tokens(self, estimator: Estimator) -> Tokens:
        """About how many tokens a model reads, counted once."""
        if self.counted is None:
            self.counted = self.count(estimator)
        return self.counted

    def chain(self, now: float, timeout_s: float | None = None) -> Chain:
        """What the core decides on: this request, begun *now*, with *timeout_s* if that is shorter."""
        longest_s = self.route.asked.timeout_s
        return Chain(
            route=self.route,
            eligible=self.able.targets,
            started=now,
            deadline=now + (longest_s if timeout_s is None else min(longest_s, timeout_s)),
            stream=self.stream,
            keys=self.keys,
            tokens=self.able.tokens,
            first_list=self.able.first_list,
        )

    def call(self, group: int, target: int, adapters: Mapping[str, Adapter]) -> Any:
        """What to send to one target."""
        merged = self.merged(group, target)
        fit(merged, self.wire(group, target, adapters).carries, drop=self.able.dropped)
        return self.call_of(self.route.groups[group].targets[target].model, merged.params)

    def wire(self, group: int, target: int, adapters: Mapping[str, Adapter]) -> Wire[Any]:
        """The wire over which one target is asked."""
        chosen = self.route.groups[group].targets[target]
        return self.wires_of(adapters[chosen.provider], chosen.model)[self.able.wires[group][target]]

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


@dataclass(slots=True, kw_only=True)
class ChatRequest(Request):
    """A chat request, checked against its plan.

    Attributes:
        messages: as the caller gave them; never changed.
    """

    subject: ClassVar[str] = "messages"

    messages: Sequence[Mapping[str, Any]]

    @property
    def asked(self) -> Sequence[Mapping[str, Any]]:
        """The messages."""
        return self.messages

    def call_of(self, model: str, params: Mapping[str, Any]) -> ChatCall:
        """The chat for one model."""
        return ChatCall(model=model, messages=self.messages, params=params, stream=self.stream)

    def wires_of(self, adapter: Adapter, model: str) -> tuple[ChatWire, ...]:
        """The adapter's wires for chat."""
        return adapter.wires(model)

    def needs(self) -> dict[Capability, str]:
        """What the messages need."""
        return message_needs(self.messages)

    def needs_of(self, params: Mapping[str, Any]) -> dict[Capability, str]:
        """Tools, formats and their like."""
        return param_needs(params)

    def count(self, estimator: Estimator) -> Tokens:
        """The estimate for the messages, which one window holds."""
        return Tokens(*[estimator(self.messages)] * 2)

    def reply_tokens(self, params: Mapping[str, Any]) -> int:
        """``max_tokens``."""
        wanted = params.get("max_tokens")
        return wanted if isinstance(wanted, int) and wanted > 0 else 0

    def misfit(self, target: Target) -> str | None:  # noqa: ARG002 - as the other tasks have it
        """None: any model may answer a chat."""
        return None


@dataclass(slots=True, kw_only=True)
class EmbeddingRequest(Request):
    """A request for embeddings, checked against its plan.

    Attributes:
        input: as the caller gave it; never changed.
    """

    subject: ClassVar[str] = "input"

    input: str | Sequence[Any]

    @property
    def asked(self) -> str | Sequence[Any]:
        """The input."""
        return self.input

    def call_of(self, model: str, params: Mapping[str, Any]) -> EmbeddingCall:
        """The embeddings of one model."""
        return EmbeddingCall(model=model, input=self.input, params=params)

    def wires_of(self, adapter: Adapter, model: str) -> tuple[Wire[EmbeddingCall], ...]:
        """The adapter's wires for embeddings."""
        return adapter.embedders(model)

    def needs(self) -> dict[Capability, str]:
        """Nothing that a config declares."""
        return {}

    def needs_of(self, params: Mapping[str, Any]) -> dict[Capability, str]:  # noqa: ARG002 - as chats have it
        """Nothing: what a group sets for its chats does not go up."""
        return {}

    def count(self, estimator: Estimator) -> Tokens:
        """Each input has a window to itself; limits count them all."""
        inputs = inputs_of(self.input)
        counts = [len(item) for item in inputs if not isinstance(item, str)]
        texts = [{"role": "user", "content": item} for item in inputs if isinstance(item, str)]
        if not texts:
            return Tokens(max(counts), sum(counts))
        longest = max(texts, key=lambda text: len(text["content"]))
        every = estimator(texts)
        return Tokens(every if len(texts) == 1 else estimator([longest]), every)

    def reply_tokens(self, params: Mapping[str, Any]) -> int:  # noqa: ARG002 - as chats have it
        """0: vectors are no tokens."""
        return 0

    def misfit(self, target: Target) -> str | None:
        """Vectors of two models cannot be compared, so all come from the space of the first target."""
        first = self.route.asked.targets[0]
        if first.shares_space(target):
            return None
        return (
            f"{target.id} embeds into another space than {first.id}; ask another model group, or declare the "
            "same `embedding_space` for both"
        )


def checked_request(
    routes: Routes, adapters: Mapping[str, Adapter], ask: Ask, *, estimator: Estimator
) -> Request:
    """Check a request and find out which targets can carry it.

    Args:
        routes: what runs.
        adapters: by provider.
        ask: what the caller asks.
        estimator: how many tokens messages are; asked for windows and limits.

    Raises:
        UnknownModel: the model names no group, alias or wildcard.
        RequestTooLong: the request fits into no context window.
        InvalidRequest: a field is missing, malformed or reserved, or no target can carry the request.
    """
    request = parsed_request(routes, ask)
    tags = frozenset(ask.options.tags)
    request.able = eligible(request, tags, adapters, estimator, metered=routes.plan.metered)
    return request


def parsed_request(routes: Routes, ask: Ask) -> Request:
    """A request of which everything is checked but which targets can carry it.

    Raises:
        UnknownModel, InvalidRequest: as ``checked_request``.
    """
    check_options(ask.options)
    route = find_route(routes, ask.model)
    given, renames = caller_params(ask.params)
    keys = _affinity_keys(route.groups, given, ask)
    if ask.task is Task.CHAT:
        messages = checked_messages(ask.subject)
        return ChatRequest(
            route=route, params=given, renames=renames, stream=ask.stream, keys=keys, messages=messages
        )
    check_embedding_params(given)
    checked = checked_input(ask.subject)
    return EmbeddingRequest(route=route, params=given, renames=renames, keys=keys, input=checked)


def find_route(routes: Routes, model: object) -> Route:
    """The route for an asked model.

    Raises:
        UnknownModel: with the nearest known name.
        InvalidRequest: *model* is no string, or longer than MAX_MODEL_CHARS.
    """
    if not isinstance(model, str) or not model:
        raise InvalidRequest("model must be the name of a model group, a string", param="model")
    if len(model) > MAX_MODEL_CHARS:
        raise InvalidRequest(f"model must have at most {MAX_MODEL_CHARS} characters", param="model")
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

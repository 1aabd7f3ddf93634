"""One line of the decision log: what the decisions for one request depended on, and what came of it.

Plain data. Names that ``Routing``, ``Decision`` and ``AttemptRecord`` have mean here what they mean there;
what follows from the plan, whose digest is here, is repeated only in ``decision``. Seconds are seconds,
money is US dollars. No prompt, no completion, no secret: texts of a request appear only where they decide
(the model's name, the caller, tags, names of params, words that OpenAI's API reserves), all else as its kind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from router.telemetry.decisions import Decision  # noqa: TC001 - the schema of a line needs it

VERSION = 1


@dataclass(slots=True)
class LoggedMessage:
    """The kind of one or more messages.

    Attributes:
        role: as OpenAI has it; ``other``: any other.
        parts: kinds of its content's parts, each once; ``string``: it is a text alone; None: it has none.
        calls: whether it holds tool calls.
    """

    role: str
    parts: list[str] | None = None
    calls: bool = False


@dataclass(slots=True)
class LoggedAsk:
    """What was asked, as far as decisions can depend on it.

    Attributes:
        model: as asked.
        task: ``chat`` or ``embedding``.
        stream: whether a stream was asked for.
        caller: who asked; None: nobody said.
        tags: those that the request required.
        timeout_s: the caller's own; None: it had none.
        cache: what the caller said of kept answers: ``off``, ``refresh`` or None.
        tokens_at_once: about how many tokens must fit into a context window together.
        tokens: about how many the messages or the input are.
        params: by canonical name: numbers, true, false and reserved words as they are; of anything else
            ``{"is": kind}`` (text, list, object, number), and ``"empty": true`` when it is.
        messages: the kinds of a chat's messages, by their last appearance; at most 32.
        inputs: how many inputs an embedding request has; 0: it is a chat.
        token_ids: whether these are token ids.
        affinity: digests of what affinity goes by, by the config's word for it.
    """

    model: str
    task: Literal["chat", "embedding"] = "chat"
    stream: bool = False
    caller: str | None = None
    tags: list[str] = field(default_factory=list)
    timeout_s: float | None = None
    cache: Literal["off", "refresh"] | None = None
    tokens_at_once: int = 0
    tokens: int = 0
    params: dict[str, Any] = field(default_factory=dict)
    messages: list[LoggedMessage] = field(default_factory=list)
    inputs: int = 0
    token_ids: bool = False
    affinity: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class LoggedState:
    """How what the request shares with others stood when it began; times count from then.

    Attributes:
        health: of each target of its chain, by id, what of the core's ``Health`` is not as if it were new.
        credentials: of each credential of these, by label; likewise.
        turns: how far each target is ahead of its share, by group and target id.
        speeds: seconds that targets took lately, and when that was observed.
        budgets: of the asked group's retry budget the seconds that count: when, requests, tokens taken.
    """

    health: dict[str, dict[str, Any]] = field(default_factory=dict)
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    turns: dict[str, dict[str, float]] = field(default_factory=dict)
    speeds: dict[str, tuple[float, float]] = field(default_factory=dict)
    budgets: dict[str, list[tuple[float, int, int]]] = field(default_factory=dict)


@dataclass(slots=True)
class LoggedAttempt:
    """One upstream call, as ``AttemptRecord``, and what a decision may yet depend on.

    Attributes:
        number, group, target, outcome, status, started_s, seconds, wait_s, hedge: as there, but exact.
        hint_s: seconds that the upstream asked to wait; None: it did not.
        content_s: seconds to a stream's first content; None: not before its end.
        tokens: what the upstream said it took; None: it did not say.
        limited: whether it was stopped before any content because its time was up.
        resumable: of a stream that broke where the policy lets another attempt go on: whether one could;
            else None.
    """

    number: int
    group: str
    target: str
    outcome: str
    started_s: float
    seconds: float
    status: int | None = None
    wait_s: float = 0.0
    hedge: bool = False
    hint_s: float | None = None
    content_s: float | None = None
    tokens: int | None = None
    limited: bool = False
    resumable: bool | None = None


@dataclass(slots=True)
class LoggedRequest:
    """One request.

    Attributes:
        v: version of the format.
        process: whose log it is: random for each router that was opened.
        seq: its number among the requests of that process, from 1, as they began.
        lost: lines of that process that were dropped before this one was written.
        at: when it began, UTC.
        started: the same on the process's monotonic clock.
        request_id, plan, group, target, cache, cost: as in ``Routing``.
        stated_cost: the cost as the upstream stated it; None: it did not.
        continued: whether the answer is made of the texts of several attempts, so that it has no cost.
        outcome: ``ok``, ``cancelled``, the code of the error raised, or ``internal_error``.
        seconds: to its end.
        serial: its number among those that made calls, as these began; 0: it made none.
        waited_s: how long it waited for an equal request's call before it made its own.
        prompt_tokens, completion_tokens, total_tokens: as the upstream stated them.
        asked: the request.
        before: what it found.
        draws: the random number of each step that was taken for it, in order.
        attempts: every attempt, in order.
        decision: what was decided before anything was sent, as in ``Routing``, without texts among params and
            without a cache's key; None: the config does not ask for it, the line would be too long, or too
            much waited to be written.
    """

    process: str
    seq: int
    at: str
    started: float
    request_id: str
    plan: str
    group: str
    asked: LoggedAsk
    outcome: str
    seconds: float
    v: int = VERSION
    lost: int = 0
    serial: int = 0
    waited_s: float = 0.0
    target: str | None = None
    cache: str = "bypass"
    cost: float | None = None
    stated_cost: float | None = None
    continued: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    before: LoggedState = field(default_factory=LoggedState)
    draws: list[float] = field(default_factory=list)
    attempts: list[LoggedAttempt] = field(default_factory=list)
    decision: Decision | None = None

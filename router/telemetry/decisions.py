"""What was decided for one request before anything was sent: the part of its record that looks ahead.

``Routing.decision`` holds it: in what ``router explain``, ``Router.explain`` and the gateway's
``POST /v1/router/explain`` answer, in a live reply that was asked with ``explain``, and in the lines of a
decision log that says ``decisions: true``. Plain frozen data; seconds are seconds, money is US dollars.
Params are shown as they are, for the record is for whoever sent the request; in a log texts among them are
left out (``router.shape.without_texts``). No message, no input and no secret is in it, but for
``TargetDecision.wire``, which holds the body, and is there only when it is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router.core.merge import LedgerEntry  # noqa: TC001 - the schema of a logged line needs it


@dataclass(frozen=True, slots=True)
class SentParam:
    """A param as it goes up.

    Attributes:
        param: canonical name.
        value: any JSON value.
        source: ``file:line`` of the setting that decided it, or ``request``.
        sent_as: its name on the wire; None: it asks for nothing there and is not sent.
    """

    param: str
    value: Any
    source: str
    sent_as: str | None


@dataclass(frozen=True, slots=True)
class WireRequest:
    """The HTTP request that a target would get, secrets masked as ``***``.

    Attributes:
        headers: in order; a value is exact, or ``***`` in place of a secret.
        body: JSON, as text.
        credential: where its key is written (``env:NAME``), of several the first; None: it has none.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str
    credential: str | None


@dataclass(frozen=True, slots=True)
class TargetDecision:
    """What one target of the chain means to the request.

    Attributes:
        target: ``provider/model``.
        tier, weight: as in the config.
        tags: its own, its group's and its provider's.
        share: of the requests that come to its group now, how many it gets, in [0, 1]; None: that goes
            by what is observed, not by shares.
        eligible: whether it can carry the request.
        reasons: why it cannot; empty when it can.
        health: ``ready``, ``trial``, ``cooling`` or ``ejected``.
        health_s: seconds until it may be asked again; None: it may be now.
        observed_s: how long its answers took lately, to their first content; None: not observed.
        credentials: labels of the keys it is asked with, in rotation; empty: none.
        params: what goes up.
        ledger: what was done to the params for it, in order, the caller's renames first.
        cost: of one attempt whose reply is as long as its params allow; None: it has no price, or no
            bound.
        wire: what it would be sent; None: not asked for, or it cannot carry the request.
    """

    target: str
    tier: int
    weight: float
    tags: tuple[str, ...]
    share: float | None
    eligible: bool
    reasons: tuple[str, ...]
    health: str
    health_s: float | None
    observed_s: float | None
    credentials: tuple[str, ...]
    params: tuple[SentParam, ...]
    ledger: tuple[LedgerEntry, ...]
    cost: float | None
    wire: WireRequest | None = None


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """How often, and after which waits, a group is asked again.

    Attributes:
        max: attempts in the group after the first.
        max_wait_s: all waits before one attempt together.
        base_s, cap_s: the first wait is drawn from [0, base], the next from twice that, up to [0, cap].
        only: the failure classes that are retried; None: all that may be.
    """

    max: int
    max_wait_s: float
    base_s: float
    cap_s: float
    only: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class HedgeDecision:
    """When an attempt starts beside one that has not answered.

    Attributes:
        after_s: seconds; None: the 95th percentile, not yet learned.
        learned: whether *after_s* was learned.
        max: the most of one request.
    """

    after_s: float | None
    learned: bool
    max: int


@dataclass(frozen=True, slots=True)
class EjectionDecision:
    """When a target is set aside for failing; as the config has it."""

    consecutive: int
    rate: float
    base_s: float
    cap_s: float


@dataclass(frozen=True, slots=True)
class LimitsDecision:
    """Limits that attempts in a group are held against.

    Attributes:
        scope: ``group NAME``, ``target ID`` or ``provider NAME`` (each of its credentials).
        rpm, tpm: attempts, and tokens, a minute; None: no limit.
        concurrency: attempts at once: a number, ``adaptive``, or None.
        max_wait_s: how long a request waits for room.
    """

    scope: str
    rpm: int | None
    tpm: int | None
    concurrency: int | str | None
    max_wait_s: float


@dataclass(frozen=True, slots=True)
class GroupDecision:
    """One group of the chain.

    Attributes:
        group: its name.
        after: the fallback lists that lead to it; empty: it is the group asked.
        strategy: how targets of a tier share the requests.
        kept_together: whether this request goes by affinity, to where others of its kind go.
        retries, hedge, ejection: None: it has none.
        attempt_timeout_s: of one attempt; None: what is left, but half of it while there is an alternative.
        first_chunk_s: up to a stream's first content; None: the target's built-in.
        idle_s: longest silence in a stream; None: no limit.
        stream_timeout_s: a whole stream; None: no limit.
        on_break: what becomes of a stream that breaks.
        limits: what its attempts are held against.
        targets: in the config's order.
    """

    group: str
    after: tuple[str, ...]
    strategy: str
    kept_together: bool
    retries: RetryDecision
    hedge: HedgeDecision | None
    ejection: EjectionDecision | None
    attempt_timeout_s: float | None
    first_chunk_s: float | None
    idle_s: float | None
    stream_timeout_s: float | None
    on_break: str
    limits: tuple[LimitsDecision, ...]
    targets: tuple[TargetDecision, ...]


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a request comes to, as though nobody else did anything meanwhile.

    Where it waits while others hold or wait for room that it may need, so that it is for them to make way,
    nothing is foretold: neither how long it waits nor for which target, nor whether in vain.

    Attributes:
        attempts: upstream calls.
        seconds: to the whole reply, or a stream's first content; None: unknown.
        cost: None: unknown.
        why: what keeps the cost, or all of it, from being known, or why it would be refused; "" when
            nothing does.
    """

    attempts: int
    seconds: float | None
    cost: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class CacheDecision:
    """What a request has to do with the answers that its group keeps.

    Attributes:
        now: what would be said of it now: ``hit``, ``miss`` or ``bypass``.
        why: why nobody looks; "" where somebody does.
        reads: whether it may be given an answer that is kept.
        keeps: whether its own may be kept, or shared.
        key: the first 12 hexadecimal digits of its answer's key, under a secret of this router's own: to
            be held against those of the same router alone; None: it has none.
        inputs: the names of what the key is made of, such as ``caller``, ``messages``, ``params.seed``;
            ``group`` is all that the config says of the right answer. Empty without a key.
        scope, when, ttl_s, fallback_ttl_s: as the config has it; 0: a fallback's answer is not kept.
        stale_s: how long after its time an answer stands in when the chain fails.
    """

    now: str
    why: str
    reads: bool
    keeps: bool
    key: str | None
    inputs: tuple[str, ...]
    scope: str
    when: str
    ttl_s: float
    fallback_ttl_s: float
    stale_s: float


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one request before anything was sent.

    Attributes:
        model: as asked.
        matched: how that names its group: ``group``, ``alias`` or ``wildcard``.
        task: ``chat`` or ``embedding``.
        stream: whether a stream is asked for.
        caller: who asks; None: nobody said.
        tags: those that the request requires of a target.
        tokens: about how many the messages or the input are.
        timeout_s: for the whole request, the caller's own if that is shorter.
        max_attempts: for the whole request.
        lists: by failure list, the groups of the chain it leads to, in order.
        refused: why the request is not served at all; None: it is.
        first: the target that its first attempt would go to, be it after a wait; None: none, or that hangs
            on others who hold room (see ``Expectation``).
        expected: when the first attempt answers; its cost is of a reply as long as params allow, its
            time what was observed of its targets.
        worst: whatever the upstreams do.
        chain: the group asked, then each group that it may go on to.
        cache: what it has to do with kept answers; None: its group keeps none. All the rest is said of a
            request that is not answered by one.
    """

    model: str
    matched: str
    task: str
    stream: bool
    caller: str | None
    tags: tuple[str, ...]
    tokens: int
    timeout_s: float
    max_attempts: int
    lists: dict[str, tuple[str, ...]]
    refused: str | None
    first: str | None
    expected: Expectation
    worst: Expectation
    chain: tuple[GroupDecision, ...]
    cache: CacheDecision | None

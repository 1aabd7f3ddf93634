"""What the decisions for one request depended on, taken note of as they are made, for the decision log.

There is one only where the config has a ``decision_log``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from router.core.events import Ended, FirstContent, Send
from router.core.failure import FailureClass
from router.core.streams import OnBreak
from router.shape import shape_of
from router.snapshot import taken
from router.telemetry.logged import LoggedAsk, LoggedAttempt, LoggedRequest, LoggedState
from router.telemetry.records import token_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.core.events import Action, Event
    from router.core.state import Attempt, Chain
    from router.engine import Engine
    from router.keeping import Prepared
    from router.telemetry.decisions import Decision
    from router.telemetry.events import Routing

MAX_DRAWS = 1_000
_LATE_S = 0.005
"""How long before its limit an attempt counts as stopped by it: clocks and sums are not exact."""


@dataclass(slots=True)
class _Call:
    """What is known of one attempt beside what the chain remembers."""

    send: Send
    status: int | None = None
    content_at: float | None = None
    tokens: int | None = None
    resumable: bool = False


@dataclass(slots=True)
class End:
    """How a request ended.

    Attributes:
        outcome: as in ``LoggedRequest``.
        usage: as the upstream stated it; empty: it did not.
        seconds: since the request came.
    """

    outcome: str
    usage: Mapping[str, object]
    seconds: float


@dataclass(slots=True)
class Trace:
    """One request's.

    Attributes:
        process, seq, asked: as in ``LoggedRequest``.
        stated_cost, continued, decision: likewise; set by whoever knows.
    """

    process: str
    seq: int
    asked: LoggedAsk
    stated_cost: float | None = None
    continued: bool = False
    decision: Decision | None = None
    _before: LoggedState = field(default_factory=LoggedState)
    _draws: list[float] = field(default_factory=list)
    _calls: dict[int, _Call] = field(default_factory=dict)
    _chain: Chain | None = None
    _began: float = 0.0

    def begin(self, engine: Engine, chain: Chain, now: float) -> None:
        """Its chain is about to take its first step; under the engine's lock."""
        self._chain, self._began = chain, now
        self._before = taken(engine.plan, engine.shared, chain, now)

    def note(self, event: Event, now: float, u: float, actions: tuple[Action, ...]) -> None:
        """The chain took a step."""
        if self._chain is None:
            return  # It is stopped before it has begun.
        if len(self._draws) < MAX_DRAWS:
            self._draws.append(u)
        match event:
            case FirstContent():
                self._calls[event.attempt].content_at = now
            case Ended():
                call = self._calls[event.attempt]
                call.tokens, call.resumable = event.tokens, event.resumable
        for action in actions:
            if isinstance(action, Send):
                self._calls[action.attempt] = _Call(action)

    def saw(self, attempt: int, status: int | None, content_at: float | None) -> None:
        """What came of an attempt: its HTTP status, and when a stream that is held back had content."""
        call = self._calls[attempt]
        call.status = status
        call.content_at = call.content_at if content_at is None else content_at

    def line(self, routing: Routing, end: End, started: float) -> LoggedRequest:
        """The request's line in the log.

        Args:
            routing: how the answer came about.
            end: how it ended.
            started: when it came, on the monotonic clock.
        """
        began = datetime.now(UTC) - timedelta(seconds=end.seconds)
        chain, now = self._chain, started + end.seconds
        attempts = [] if chain is None else [self._attempt(chain, one, now) for one in chain.attempts]
        return LoggedRequest(
            process=self.process,
            seq=self.seq,
            at=began.isoformat(timespec="milliseconds"),
            started=started,
            request_id=routing.request_id,
            plan=routing.plan,
            group=routing.group,
            asked=self.asked,
            outcome=end.outcome,
            seconds=end.seconds,
            serial=0 if chain is None else chain.serial,
            waited_s=0.0 if chain is None else self._began - started,
            target=routing.target,
            cache=routing.cache,
            cost=routing.cost,
            stated_cost=self.stated_cost,
            continued=self.continued,
            prompt_tokens=token_count(end.usage, "prompt_tokens"),
            completion_tokens=token_count(end.usage, "completion_tokens"),
            total_tokens=token_count(end.usage, "total_tokens"),
            before=self._before,
            draws=self._draws,
            attempts=attempts,
            decision=self.decision,
        )

    def _attempt(self, chain: Chain, attempt: Attempt, now: float) -> LoggedAttempt:
        group = chain.route.groups[attempt.group]
        call, failure = self._calls[attempt.number], attempt.failure
        ended = now if attempt.ended is None else attempt.ended
        limit = call.send.until
        if call.send.content_by is not None and call.content_at is None:
            limit = min(limit, call.send.content_by)
        late = failure is not None and failure.kind is FailureClass.TIMEOUT and ended >= limit - _LATE_S
        committed = call.content_at is not None and not call.send.hold
        resumes = failure is not None and committed and group.on_break in (OnBreak.CONTINUE, OnBreak.SPLICE)
        return LoggedAttempt(
            number=attempt.number,
            group=group.name,
            target=chain.target_of(attempt).id,
            outcome="ok" if failure is None else failure.kind.value,
            started_s=attempt.started - chain.started,
            seconds=ended - attempt.started,
            status=call.status,
            wait_s=attempt.wait_s,
            hedge=attempt.hedge,
            hint_s=_finite(None if failure is None else failure.hint_s),
            content_s=None if call.content_at is None else call.content_at - attempt.started,
            tokens=call.tokens,
            limited=late and not committed,
            resumable=call.resumable if resumes else None,
        )


def _finite(value: float | None) -> float | None:
    """*value*, which JSON must be able to hold."""
    return value if value is None or math.isfinite(value) else None


def trace_of(engine: Engine, prepared: Prepared) -> Trace:
    """The trace of a request that begins; the engine has a decision log."""
    log = engine.decisions
    assert log is not None
    return Trace(
        *log.number(), shape_of(prepared.ask, prepared.request, prepared.request.tokens(prepared.estimator))
    )

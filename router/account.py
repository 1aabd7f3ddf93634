"""One request's account: how it came about, and the one line that is logged when it has ended."""

from __future__ import annotations

import contextlib
import copy
import secrets
from typing import TYPE_CHECKING

from router.telemetry.events import Routing
from router.telemetry.records import request_record
from router.trace import End, trace_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from router.attempt import UpstreamCall
    from router.engine import Engine
    from router.keeping import Prepared
    from router.telemetry.decision_log import DecisionLog
    from router.telemetry.log import Log
    from router.trace import Trace


class Account:
    """What is known of a request from its arrival on.

    Args:
        engine: logs it.
        prepared: the request.
        request_id: as in ``x-request-id``.
        clock: seconds, monotonic.

    Attributes:
        routing: what the caller sees; whoever answers fills it in.
        clock: as given.
        started: when it came.
        trace: what its decisions depend on; None: nobody wants to know.
    """

    def __init__(
        self,
        engine: Engine,
        prepared: Prepared,
        request_id: str,
        clock: Callable[[], float],
    ) -> None:
        request = prepared.request
        self.routing = Routing(request_id, request.route.asked.name, engine.plan.digest)
        self.clock = clock
        self.started = clock()
        self._log: Log | None = engine.log
        self._decisions: DecisionLog | None = engine.decisions
        self.trace: Trace | None = None
        if engine.decisions is not None:
            with contextlib.suppress(Exception):  # As in ``close``; then the request has no line.
                self.trace = trace_of(engine, prepared)
        self._caller = prepared.ask.options.caller
        self._stream = request.stream
        self._closed = False

    def close(
        self,
        outcome: str,
        usage: Mapping[str, object] | None = None,
        first_content_s: float | None = None,
    ) -> None:
        """Log the request, once.

        Args:
            outcome: ``ok``, ``cancelled``, or the code of the error raised.
            usage: as the upstream stated it for this request; None: it did not.
            first_content_s: seconds to a stream's first content; None without one.
        """
        if self._closed:
            return
        self._closed = True
        # A log that fails, or a pipeline of the host's, must not cost the caller an answer.
        with contextlib.suppress(Exception):
            self._put(outcome, usage or {})
        with contextlib.suppress(Exception):
            self._tell(outcome, usage or {}, first_content_s)

    def _put(self, outcome: str, usage: Mapping[str, object]) -> None:
        """Let the decision log have the request's line."""
        if self.trace is not None and self._decisions is not None:
            end = End(outcome, usage, self.clock() - self.started)
            self._decisions.put(self.trace.line(self.routing, end, self.started))

    def saw(self, calls: Iterable[UpstreamCall]) -> None:
        """What came of the calls so far, for the trace."""
        if self.trace is not None:
            for call in calls:
                self.trace.saw(call.send.attempt, call.status, call.content_at)

    def note_cost(self, stated: float | None, *, continued: bool) -> None:
        """What the upstream says the answer cost, and whether it is only a part of it, for the trace."""
        if self.trace is not None:
            self.trace.stated_cost, self.trace.continued = stated, continued

    @property
    def closed(self) -> bool:
        """Whether it has been."""
        return self._closed

    def silent(self) -> Account:
        """The same account for who answers in another's name: closing it logs nothing."""
        same = copy.copy(self)
        same._log = same._decisions = None  # noqa: SLF001 - our own
        return same

    def _tell(self, outcome: str, usage: Mapping[str, object], first_content_s: float | None) -> None:
        log, routing = self._log, self.routing
        if log is None:
            return
        if log.info_wanted():
            log.request_completed(
                request_record(
                    routing,
                    outcome=outcome,
                    caller=self._caller,
                    stream=self._stream,
                    usage=usage,
                    times=(self.clock() - self.started, first_content_s),
                )
            )
        if log.debug_wanted():
            log.attempts_ended(routing.request_id, routing.attempts)
            log.params_merged(routing.request_id, routing.params)


def new_request_id() -> str:
    """A request id: ``req_`` and 24 hex digits."""
    return f"req_{secrets.token_hex(12)}"

"""A request's arrival: checked and made ready, or refused with a line in the decision log."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from router.account import new_request_id
from router.considered import consider
from router.errors import InvalidRequest
from router.keeping import Prepared, made_ready
from router.request import parsed_request
from router.shape import ask_of, shape_of, without_texts
from router.telemetry.events import Routing
from router.trace import End, trace_of

if TYPE_CHECKING:
    from router.core.needs import Estimator
    from router.engine import Engine
    from router.request import Ask
    from router.telemetry.logged import LoggedAsk


def arrived(
    engine: Engine, ask: Ask, estimator: Estimator, request_id: str | None = None
) -> tuple[Prepared, str]:
    """*ask* made ready, and its id, a new one where it has none.

    Raises:
        RequestError: the request cannot be routed.
    """
    named = request_id or new_request_id()
    request = parsed_request(engine.routes, ask)
    try:
        return made_ready(engine, ask, request, estimator), named
    except InvalidRequest as refused:
        if engine.decisions is not None:
            with contextlib.suppress(Exception):  # Whatever becomes of the line, the refusal is the answer.
                _log(engine, Prepared(ask, request, estimator), named, refused)
        raise


def _log(engine: Engine, prepared: Prepared, request_id: str, refused: InvalidRequest) -> None:
    """Write down that the policy has nobody for the request: another policy might.

    What its shape alone does not tell has no line.
    """
    ask, request, estimator = prepared.ask, prepared.request, prepared.estimator
    shape = shape_of(ask, request, request.tokens(estimator))
    if engine.decisions is not None and _is_refused(engine, shape, refused):
        routing = Routing(request_id, request.route.asked.name, engine.plan.digest)
        trace, now = trace_of(engine, prepared), time.monotonic()
        if engine.decisions.decisions:
            from router.decision import decide  # noqa: PLC0415 - for who wants to know

            decision = decide(engine, ask, now=now, estimator=estimator, tokens=request.counted)
            trace.decision = without_texts(decision, request.params)
        engine.decisions.put(trace.line(routing, End(refused.code, {}, 0.0), now))


def _is_refused(engine: Engine, shape: LoggedAsk, refused: InvalidRequest) -> bool:
    """Whether a request of the shape that would be logged is refused likewise."""
    again, estimator = ask_of(shape)
    found = consider(engine, again, estimator=estimator).refused
    return found is not None and found.code == refused.code

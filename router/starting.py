"""From a request that is prepared to what answers it, and from that to what the caller gets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from router.account import Account
from router.cached import CachedRun, KeptRun
from router.driver import Run
from router.shape import without_texts
from router.types import ChatCompletion, EmbeddingResponse

if TYPE_CHECKING:
    from router.adapters.base import Completion
    from router.cache.memory import Entry
    from router.engine import Engine
    from router.keeping import Prepared
    from router.loops import Connections, Pools
    from router.runs import Running
    from router.telemetry.decisions import Decision
    from router.telemetry.events import Routing


async def started(engine: Engine, pools: Pools, prepared: Prepared, request_id: str) -> Running:
    """What answers a request, in the running loop.

    Raises:
        RouterClosed: the connections are closed.
    """
    if prepared.entry is not None:
        here = await pools.here() if prepared.request.stream else None
        return kept_run(engine, prepared, prepared.entry, request_id, here)
    connections = await pools.here()
    clock = asyncio.get_running_loop().time
    account = Account(engine, prepared, request_id, clock)
    _decide(engine, prepared, account)
    if prepared.use is not None:
        return CachedRun(engine, prepared, prepared.use, connections, account)
    return Run(engine, prepared.request, connections, account, prepared.ask.options.timeout)


async def answered(
    engine: Engine, pools: Pools, prepared: Prepared, request_id: str
) -> tuple[Completion, Routing]:
    """As ``started``, run to the whole answer; with how it came about."""
    run = await started(engine, pools, prepared, request_id)
    return await run.whole(), run.routing


def kept_run(
    engine: Engine, prepared: Prepared, entry: Entry, request_id: str, connections: Connections | None = None
) -> KeptRun:
    """What answers a request whose answer is kept as *entry*.

    In any thread; a stream in the loop of *connections*.
    """
    account = Account(engine, prepared, request_id, time.monotonic)
    _decide(engine, prepared, account)
    return KeptRun(prepared.request, entry, account, connections=connections)


def chat_reply(answer: Completion, routing: Routing) -> ChatCompletion:
    """A whole answer as the library gives it."""
    reply = ChatCompletion.of(answer.data)
    reply.routing = routing
    return reply


def embedding_reply(answer: Completion, routing: Routing) -> EmbeddingResponse:
    """As ``chat_reply``, for vectors."""
    reply = EmbeddingResponse.of(answer.data)
    reply.routing = routing
    return reply


def _decide(engine: Engine, prepared: Prepared, account: Account) -> None:
    """Write down what is decided before anything is sent, where that is asked for."""
    told = prepared.ask.options.explain
    trace = account.trace if engine.decisions is not None and engine.decisions.decisions else None
    if trace is None and not told:
        return
    if told:
        account.routing.decision = _decision(engine, prepared, account)
    if trace is not None:
        # As Account.close has it: what is for the log alone must not cost the caller an answer.
        with contextlib.suppress(Exception):
            decision = account.routing.decision or _decision(engine, prepared, account)
            trace.decision = without_texts(decision, prepared.request.params)


def _decision(engine: Engine, prepared: Prepared, account: Account) -> Decision:
    from router.decision import decide  # noqa: PLC0415 - for who wants to know

    now, tokens = account.clock(), prepared.request.counted
    return decide(engine, prepared.ask, now=now, estimator=prepared.estimator, tokens=tokens)

"""The driver: performs what the core decides for one request, and tells it what happened.

The only place where core, adapters, transport and clock meet. It decides nothing itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import deque
from typing import TYPE_CHECKING

from router.adapters.base import Chunk, Completion, StreamEnd, Uncarried
from router.core.chain import step
from router.core.events import (
    Cancelled,
    Ended,
    Finish,
    FirstContent,
    GiveUp,
    Send,
    SetTimer,
    Started,
    TimerFired,
)
from router.core.failure import Failure, FailureClass
from router.core.state import Chain, Phase
from router.errors import RouterClosed, RouterError, StreamInterrupted, UpstreamError, upstream_error
from router.telemetry.events import Routing
from router.telemetry.records import attempt_records, request_record
from router.transport.base import TransportFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.adapters.base import Adapter, ChatCall, Decoder, StreamItem
    from router.core.events import Action, Event
    from router.engine import Engine
    from router.loops import Connections
    from router.request import ChatRequest
    from router.transport.base import UpstreamResponse
    from router.types import RouterOptions

_OK = range(200, 300)
_DRAIN_S = 0.02
"""Seconds that the end of a HTTP message is waited for, after its stream has said that it is complete."""


def _outcome(cause: BaseException) -> str:
    """What ended a request: a bug of ours, or that the caller left or the router was closed."""
    bug = isinstance(cause, Exception) and not isinstance(cause, RouterClosed)
    return "internal_error" if bug else "cancelled"


class _Reader:
    """Reads one streamed reply item by item."""

    def __init__(self, response: UpstreamResponse, decoder: Decoder) -> None:
        self._response = response
        self._decoder = decoder
        self._items: deque[StreamItem] = deque()

    async def next(self, until: float) -> StreamItem:
        while not self._items:
            try:
                piece = await self._response.next(until)
            except TransportFailure as exc:
                return Failure(exc.kind, status=self._response.status)
            self._items.extend(self._decoder.finish() if piece is None else self._decoder.feed(piece))
        return self._items.popleft()


class Run:
    """One request in flight. Used by one task at a time; ``aclose`` may come at any point."""

    def __init__(
        self,
        engine: Engine,
        request: ChatRequest,
        connections: Connections,
        options: RouterOptions,
        request_id: str,
    ) -> None:
        self._engine = engine
        self._request = request
        self._connections = connections
        self._options = options
        self._clock = asyncio.get_running_loop().time
        asked = request.route.asked
        now = self._clock()
        timeout_s = asked.timeout_s if options.timeout is None else min(asked.timeout_s, options.timeout)
        self._chain = Chain(
            route=request.route,
            eligible=request.eligible,
            started=now,
            deadline=now + timeout_s,
            stream=request.stream,
        )
        self.routing = Routing(request_id=request_id, group=asked.name, plan=engine.plan.digest)
        self._statuses: dict[int, int] = {}
        self._answer: Completion | None = None
        self._response: UpstreamResponse | None = None
        self._reader: _Reader | None = None
        self._held: deque[Chunk] = deque()
        self._send: Send | None = None
        self._end: StreamEnd | None = None
        self._usage: Mapping[str, object] | None = None
        self._first_content_s: float | None = None
        self._told = False

    # --- a whole answer

    async def whole(self) -> Completion:
        """Run to the answer.

        Raises:
            UpstreamError: no attempt answered.
        """
        await self._drive()
        answer = self._answer
        assert answer is not None
        self._usage = answer.data.get("usage")
        self._note_end(answer)
        self._tell("ok")
        return answer

    # --- a stream

    async def open(self) -> None:
        """Run to the first content, or to the end of a stream that has none.

        Raises:
            UpstreamError: no attempt got that far.
        """
        await self._drive()
        if self._end is not None:
            self._note_end(self._end)

    async def next_chunk(self) -> Chunk | None:
        """The next chunk; None after the last.

        Raises:
            StreamInterrupted: the stream broke.
        """
        if self._held:
            return self._seen(self._held.popleft())
        if self._end is not None or self._reader is None:
            await self._finish_stream()
            return None
        try:
            item = await self._reader.next(self._silence_ends())
        except BaseException as exc:
            await self._stop(_outcome(exc))
            raise
        if self._chain.phase is Phase.DONE:  # Closed meanwhile, by another task.
            return None
        if isinstance(item, Chunk):
            return self._seen(item)
        if isinstance(item, Failure):
            await self._release()
            self._step(Ended(self._committed(), item))
            error = self._interrupted(item)
            self._tell(error.code)
            raise error
        self._end = item
        self._step(Ended(self._committed(), None))
        self._note_end(item)
        self._tell("ok")
        await self._drain()
        return None

    async def aclose(self) -> None:
        """Stop the request if it runs, and give back what it holds."""
        await self._stop("cancelled")

    async def _stop(self, outcome: str) -> None:
        if self._chain.phase is not Phase.DONE:
            self._step(Cancelled())
        self._held.clear()
        await self._release()
        if not self._told:
            self._note_attempts()
            self._tell(outcome)

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold *task* until it is done, with the connections that it will close."""
        self._connections.keep(task)

    async def _finish_stream(self) -> None:
        await self._release()
        self._tell("ok")

    def _seen(self, chunk: Chunk) -> Chunk:
        usage = chunk.data.get("usage")
        if isinstance(usage, dict):  # Upstreams send what they like.
            self._usage = usage
        return chunk

    def _committed(self) -> int:
        assert self._send is not None
        return self._send.attempt

    def _silence_ends(self) -> float:
        """When the silence that begins now becomes a failure; comments and keep-alives do not end it."""
        send = self._send
        assert send is not None
        until = float("inf") if send.idle_s is None else self._clock() + send.idle_s
        return until if send.ends_at is None else min(until, send.ends_at)

    # --- performing the core's actions

    async def _drive(self) -> None:
        """Perform actions until the request is answered or committed.

        Raises:
            UpstreamError: the core gave up.
        """
        event: Event | None = Started()
        try:
            while event is not None:
                event = await self._perform(self._step(event))
        except RouterError as error:
            await self._release()
            self._tell(error.code)
            raise
        except BaseException as exc:
            await self._stop(_outcome(exc))
            raise

    def _step(self, event: Event) -> tuple[Action, ...]:
        engine = self._engine
        with engine.lock.lock:
            return step(
                engine.plan,
                engine.shared,
                self._chain,
                event,
                now=self._clock(),
                u=random.random(),  # noqa: S311 - jitter, not secrecy
            )

    async def _perform(self, actions: tuple[Action, ...]) -> Event | None:
        """Perform *actions*; what happened then, or None when there is nothing left to wait for."""
        for action in actions:
            if isinstance(action, Send):
                return await self._attempt(action)
            if isinstance(action, SetTimer):
                await asyncio.sleep(action.at - self._clock())
                return TimerFired(action.timer)
            if isinstance(action, GiveUp):
                self._note_attempts()
                raise self._failed()
            if isinstance(action, Finish):
                self._note_attempts()
        return None

    async def _attempt(self, send: Send) -> Event | None:
        self._send = send
        self._held.clear()
        target = self._request.route.groups[send.group].targets[send.target]
        adapter = self._engine.adapters[target.provider]
        call = self._request.call(send.group, send.target, self._engine.adapters)
        transport = self._connections.transport(target.provider)
        try:
            response = await transport.send(adapter.prepare(call), send.until)
        except TransportFailure as exc:
            return Ended(send.attempt, Failure(exc.kind))
        except Uncarried as exc:  # A default or forced param of this target does not go with the request.
            return Ended(send.attempt, Failure(FailureClass.UNSUPPORTED, message=str(exc)))
        self._response = response
        self._statuses[send.attempt] = response.status
        if self._request.stream and response.status in _OK:
            event: Event | None = await self._open(
                send, response, adapter.decoder(call, response.status, response.headers)
            )
        else:
            event = Ended(send.attempt, await self._read(send, response, adapter, call))
        if isinstance(event, Ended):
            await self._release()
        return event

    async def _read(
        self, send: Send, response: UpstreamResponse, adapter: Adapter, call: ChatCall
    ) -> Failure | None:
        try:
            body = await response.read(send.until)
        except TransportFailure as exc:
            return Failure(exc.kind, status=response.status)
        result = adapter.parse(call, response.status, response.headers, body)
        if isinstance(result, Failure):
            return result
        self._answer = result
        return None

    async def _open(self, send: Send, response: UpstreamResponse, decoder: Decoder) -> Event | None:
        """Read up to the first content; what comes before it is held back, so that a failure stays unseen."""
        reader = _Reader(response, decoder)
        while True:
            item = await reader.next(send.until)
            if isinstance(item, Failure):
                return Ended(send.attempt, item)
            if isinstance(item, StreamEnd):
                self._end = item
                await self._drain()
                return Ended(send.attempt, None)
            self._held.append(item)
            if item.commits:
                self._reader = reader
                self._first_content_s = self._clock() - self._chain.started
                self._note_attempts()
                self._step(FirstContent(send.attempt))
                return None

    # --- records

    def _note_attempts(self) -> None:
        """Bring ``routing`` up to what has happened."""
        chain = self._chain
        self.routing.attempts = attempt_records(chain, self._statuses, self._clock())
        if chain.attempts:
            last = chain.attempts[-1]
            self.routing.target = chain.target_of(last).id
            self.routing.params = self._request.ledger(last.group, last.target, self._engine.adapters)

    def _note_end(self, end: Completion | StreamEnd) -> None:
        self._note_attempts()
        routing = self.routing
        routing.cost = end.cost
        routing.suspect = end.suspect
        routing.finish_reason = "assumed" if end.assumed_finish else None
        if isinstance(end, StreamEnd):
            routing.skipped = end.skipped

    def _failures(self) -> list[Failure]:
        return [attempt.failure for attempt in self._chain.attempts if attempt.failure is not None]

    def _failed(self) -> UpstreamError:
        """The error for a chain that gave up before any content was delivered."""
        failures = self._failures()
        tried = ", ".join(f"{record.target}: {record.outcome}" for record in self.routing.attempts)
        made = "1 attempt" if len(failures) == 1 else f"{len(failures)} attempts"
        what = f"{made} ({tried})" if failures else "the time ran out before any attempt"
        hints = [failure.hint_s for failure in failures if failure.hint_s is not None]
        return upstream_error([failure.kind for failure in failures])(
            f"{self.routing.group!r} was not answered: {what}",
            attempts=self.routing.attempts,
            provider_message=self._engine.scrubber.clean(failures[-1].message) if failures else "",
            retry_after=min(hints, default=None),
        )

    def _interrupted(self, failure: Failure) -> StreamInterrupted:
        self._note_attempts()
        return StreamInterrupted(
            f"the stream from {self.routing.target} broke after content was delivered: {failure.kind.value}",
            attempts=self.routing.attempts,
            provider_message=self._engine.scrubber.clean(failure.message),
            retry_after=failure.hint_s,
        )

    def _tell(self, outcome: str) -> None:
        """Log the request, once."""
        if self._told:
            return
        self._told = True
        # A log pipeline of the host's that fails must not cost the caller an answer.
        with contextlib.suppress(Exception):
            self._log(outcome)

    def _log(self, outcome: str) -> None:
        log, routing = self._engine.log, self.routing
        log.request_completed(
            request_record(
                routing,
                outcome=outcome,
                caller=self._options.caller,
                stream=self._request.stream,
                usage=self._usage or {},
                times=(self._clock() - self._chain.started, self._first_content_s),
            )
        )
        if log.debug_wanted():
            log.attempts_ended(routing.request_id, routing.attempts)
            log.params_merged(routing.request_id, routing.params)

    async def _drain(self) -> None:
        """Read what follows a stream's good end, normally a few bytes, so that the connection is kept."""
        if self._response is not None:
            with contextlib.suppress(TransportFailure):
                await self._response.next(self._clock() + _DRAIN_S)
        await self._release()

    async def _release(self) -> None:
        """Give the connection back; what was not read to its end is closed."""
        response, self._response, self._reader = self._response, None, None
        if response is not None:
            await response.aclose()

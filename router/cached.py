"""A request of a group that keeps answers: from what is kept, by an equal request's call, or by its own.

It has the face of a run (``runs.Running``), so that nobody who asks need know.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson

from router.adapters.base import Chunk, Completion
from router.adapters.replay import usage_asked
from router.cache.flight import Broke, Cut, Done
from router.core.streams import OnBreak
from router.driver import Run, outcome_of
from router.errors import RouterClosed, RouterError, StreamInterrupted, Timeout
from router.keeping import chunks_of, note_kept, stand_in, variant_of, whole_of
from router.making import Making
from router.runs import Running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.account import Account
    from router.cache.flight import Broadcast, End, Reader
    from router.cache.memory import Entry
    from router.engine import Engine
    from router.keeping import Prepared, Use
    from router.loops import Connections
    from router.request import Request


class KeptRun(Running):
    """A request whose answer is kept. Needs no event loop, but for a stream.

    Args:
        request: checked.
        entry: its answer.
        account: closed when the answer has been given.
        stale: whether the answer's time is over.
        connections: of the loop that a stream is read in; None: no stream, or one that others ``keep``.
    """

    def __init__(
        self,
        request: Request,
        entry: Entry,
        account: Account,
        *,
        stale: bool = False,
        connections: Connections | None = None,
    ) -> None:
        self.routing = account.routing
        self._request = request
        self._entry = entry
        self._account = account
        self._connections = connections
        self._chunks: Iterator[Chunk] | None = None
        self._first_content_s: float | None = None
        note_kept(self.routing, entry, stale=stale)

    @property
    def may_hold(self) -> bool:
        """No: it is there."""
        return False

    def now(self) -> Completion:
        """The whole answer."""
        answer = whole_of(self._entry)
        self._account.close("ok")
        return answer

    async def whole(self) -> Completion:
        """As ``now``."""
        return self.now()

    async def open(self) -> None:
        """Begin to tell the answer as a stream."""
        self._chunks = chunks_of(self._entry, usage_apart=usage_asked(self._request.params))
        self._first_content_s = self._account.clock() - self._account.started

    async def next_chunk(self) -> Chunk | None:
        """The next chunk; None after the last."""
        chunk = None if self._chunks is None else next(self._chunks, None)
        if chunk is None:
            self._account.close("ok", None, self._first_content_s)
        return chunk

    async def aclose(self) -> None:
        """Tell no more."""
        self._chunks = None
        self._account.close("cancelled", None, self._first_content_s)

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold *task* until it is done: nobody else does when its stream is dropped."""
        if self._connections is not None:
            self._connections.keep(task)


class CachedRun(Running):
    """A request whose answer was not kept when it came. Used by one task at a time, but for ``aclose``.

    Args:
        engine: what it shares with others.
        prepared: a request with a use.
        connections: of the running loop.
        account: closed when the request ends, whose ``clock`` is the loop's.
    """

    def __init__(
        self, engine: Engine, prepared: Prepared, use: Use, connections: Connections, account: Account
    ) -> None:
        self.routing = account.routing
        self.routing.cache = "miss" if use.reads else "bypass"
        self._engine = engine
        self._answers = engine.answers
        self._request = prepared.request
        self._timeout_s = prepared.ask.options.timeout
        self._use = use
        self._connections = connections
        self._account = account
        self._kept: KeptRun | None = None
        self._reader: Reader | None = None
        self._broadcast: Broadcast[Making]
        self._leads = False
        self._flight: bytes | None = None  # Under which others may join.
        self._first: bytes | None = None
        self._first_content_s: float | None = None

    # --- the face of a run

    @property
    def may_hold(self) -> bool:
        """Whether ``open`` may last as long as the whole answer."""
        groups = self._request.route.groups
        return self._request.stream and any(group.on_break is OnBreak.BUFFER for group in groups)

    async def whole(self) -> Completion:
        """The whole answer.

        Raises:
            UpstreamError: no attempt answered.
        """
        await self._begin()
        if self._kept is not None:
            return await self._kept.whole()
        body = self._first
        assert body is not None
        await self._end_well()
        return Completion(orjson.loads(body), raw=body)

    async def open(self) -> None:
        """Up to the first content, or to the end of a stream that has none or is held back.

        Raises:
            UpstreamError: no attempt got that far.
        """
        await self._begin()
        if self._kept is not None:
            await self._kept.open()
        else:
            self._first_content_s = self._account.clock() - self._account.started

    async def next_chunk(self) -> Chunk | None:
        """The next chunk; None after the last.

        Raises:
            StreamInterrupted: the stream broke, or was not read for too long.
        """
        if self._kept is not None:
            return await self._kept.next_chunk()
        reader = self._reader
        if reader is None:
            return None
        piece, self._first = self._first, None
        if piece is None:
            piece = await self._next_piece(reader)
        return None if piece is None else Chunk(orjson.loads(piece), piece)

    async def aclose(self) -> None:
        """Stop the request if it runs; the call goes on while others wait for it."""
        if self._kept is not None:
            await self._kept.aclose()
        await self._leave("cancelled")

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold *task* until it is done, with the connections that it will close."""
        self._connections.keep(task)

    # --- up to the first piece

    async def _begin(self) -> None:
        """Find who answers, and wait for the first of it.

        Raises:
            UpstreamError: nobody does.
        """
        try:
            await self._wait_for_first()
        except RouterError as error:
            await self._leave()
            if not self._take_stale(error):
                self._account.close(error.code)
                raise
        except BaseException as exc:
            await self._leave(outcome_of(exc))
            raise

    async def _wait_for_first(self) -> None:
        if not self._enter():
            return
        got = await self._next(None if self._leads else self._deadline())
        if isinstance(got, Broke) and not self._leads:
            await self._leave()
            self._go_alone()
            got = await self._next(None)
        if isinstance(got, Broke):
            raise got.error
        if got is None:
            why = "the time ran out while an equal request was on its way"
            raise Timeout(f"{self.routing.group!r} was not answered: {why}")
        if isinstance(got, bytes):
            self._first = got
        if not self._leads:
            self._note_other()

    def _enter(self) -> bool:
        """Join who makes the answer, or begin; False: by now it is kept."""
        if not self._use.reads:
            self._go_alone()
            return True
        self._flight = variant_of(self._use, self._request)
        entered = self._answers.flights.enter(self._flight, self._new)
        if entered is None:
            return False
        self._broadcast, self._reader, self._leads = entered
        if self._leads:
            self._broadcast.about.start()
        return True

    def _new(self) -> Broadcast[Making] | None:
        """An answer in the making; None when it is kept by now."""
        entry = self._answers.kept(self._use.key)
        if entry is not None:
            self._kept = KeptRun(self._request, entry, self._account)
            return None
        return self._making().broadcast

    def _go_alone(self) -> None:
        """Run the chain, with nobody to join."""
        self._flight = None
        making = self._making()
        self._broadcast, self._reader, self._leads = making.broadcast, making.broadcast.join(), True
        making.start()

    def _making(self) -> Making:
        account = self._account.silent()
        run = Run(self._engine, self._request, self._connections, account, self._timeout_s)
        return Making(run, self._use, self._answers, self._connections)

    def _take_stale(self, error: RouterError) -> bool:
        """Whether the last good answer stands in for a new one."""
        entry = stand_in(self._answers, self._use, type(error))
        if entry is not None:
            # Another form of the request may have been answered meanwhile: then it is a hit like any other.
            stale = self._answers.memory.clock() >= entry.fresh_until
            self._kept = KeptRun(self._request, entry, self._account, stale=stale)
        return entry is not None

    def _note_other(self) -> None:
        """Say that another request's call answers."""
        theirs, mine = self._broadcast.about.run.routing, self.routing
        mine.cache, mine.cost, mine.target = "hit", 0.0, theirs.target
        mine.finish_reason, mine.suspect, mine.skipped = theirs.finish_reason, theirs.suspect, theirs.skipped

    # --- reading

    async def _next_piece(self, reader: Reader) -> bytes | None:
        """The next piece; None after the last, and when the stream was closed meanwhile."""
        try:
            got = await self._next(None if self._leads else self._silent_until())
        except BaseException as exc:
            await self._leave(outcome_of(exc))
            raise
        if self._reader is not reader:
            return None
        if isinstance(got, bytes):
            return got
        if isinstance(got, Done):
            await self._end_well()
            return None
        error = self._interrupted(got)
        await self._leave(outcome_of(error))
        raise error

    async def _next(self, until: float | None) -> bytes | End | None:
        """The next piece or the end; None when none has come *until* then; after ``aclose`` anything.

        Raises:
            RouterClosed: the router was closed.
        """
        reader = self._reader
        assert reader is not None
        while isinstance(got := reader.take(), asyncio.Future):
            patience = None if until is None else max(0.0, until - self._account.clock())
            with self._connections.closing() as closed:
                await asyncio.wait([got, closed], timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                if closed.done():
                    raise RouterClosed
            if not got.done():
                return None
            if self._reader is not reader:
                return Done()
        return got

    def _deadline(self) -> float:
        longest_s = self._request.route.asked.timeout_s
        mine_s = longest_s if self._timeout_s is None else min(longest_s, self._timeout_s)
        return self._account.started + mine_s

    def _silent_until(self) -> float | None:
        """Until when the next piece of another's call must come.

        That call watches its own silence; this is for one whose event loop has died.
        """
        asked = self._request.route.asked
        return None if asked.idle_s is None else self._account.clock() + max(asked.idle_s, asked.timeout_s)

    def _interrupted(self, end: Broke | Cut | None) -> BaseException:
        """The error for a stream that breaks off."""
        if isinstance(end, Broke) and self._leads:
            return end.error
        stream = f"the stream from {self.routing.target}, shared with an equal request,"
        if isinstance(end, Cut):
            return StreamInterrupted(f"{stream} was read too slowly")
        broken = f"{stream} broke after content was delivered"
        if end is not None and isinstance(end.error, StreamInterrupted):
            return StreamInterrupted(broken, provider_message=end.error.provider_message)
        return StreamInterrupted(broken)

    # --- the end

    async def _end_well(self) -> None:
        if not self._leads:
            self._note_other()
        await self._leave("ok")

    async def _leave(self, outcome: str = "") -> None:
        """Give up the place; stop the call when nobody is left. *outcome* "": the account stays open."""
        reader, self._reader = self._reader, None
        if reader is not None and self._leads and outcome:
            self._broadcast.about.close(self._account, outcome)
        elif outcome:
            self._account.close(outcome, None, self._first_content_s)
        if reader is not None and reader.leave():
            if self._flight is not None:
                self._answers.flights.drop(self._flight, self._broadcast)
            await self._broadcast.about.stop()

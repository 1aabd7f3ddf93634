"""An answer in the making: a run that a task of its own drives, for everybody who waits for it.

So whoever leaves, the first one included, disturbs nobody; when the last has left, the run is stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import orjson

from router.adapters.assemble import Assembler
from router.cache.flight import Broadcast, Broke, Done
from router.errors import RouterClosed
from router.flight import stop
from router.keeping import entry_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from router.account import Account
    from router.cache.answers import Answers
    from router.driver import Run
    from router.keeping import Use
    from router.loops import Connections


class Making:
    """Drives one run, publishes what it gives, and keeps it when it has ended well.

    Args:
        run: not begun, of the running loop; its account is a silent one.
        use: what its request may do with kept answers.
        answers: where they are kept.
        connections: of the running loop.

    Attributes:
        run: as given.
        broadcast: what it gives, for those who read it.
    """

    def __init__(self, run: Run, use: Use, answers: Answers, connections: Connections) -> None:
        self.run = run
        self.broadcast: Broadcast[Making] = Broadcast(self)
        self._use = use
        self._answers = answers
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None]
        self._ended = False
        self._owed: Account | None = None

    def start(self) -> None:
        """Begin; somebody reads already."""
        self._task = asyncio.ensure_future(self._make())
        self._connections.keep(self._task)
        # A task that is cancelled before its first step does nothing, not even clean up.
        self._task.add_done_callback(lambda _: self._end(Broke(RouterClosed())))

    def close(self, account: Account, outcome: str) -> None:
        """Close the account of the request that began it, once all is known of what it came to.

        Where that is not yet so, it has left.
        """
        if self._ended:
            account.close(outcome, self.run.usage, self.run.first_content_s)
        else:
            self._owed = account

    async def stop(self) -> None:
        """Stop it if it runs, as nobody is left; in its own loop also wait for that."""
        if self._ended:  # What it held has been given back.
            return
        if asyncio.get_running_loop() is self._loop:
            await stop([self._task])
            return
        with contextlib.suppress(RuntimeError):  # Its loop is closed, and the run with it.
            self._loop.call_soon_threadsafe(self._stop_soon)

    def _stop_soon(self) -> None:
        if not self._task.done():
            self._connections.keep(asyncio.ensure_future(stop([self._task])))

    async def _make(self) -> None:
        try:
            await (self._stream() if self.run.request.stream else self._whole())
        except BaseException as exc:
            await self.run.aclose()
            if not isinstance(exc, Exception):  # It was stopped.
                self._end(Broke(RouterClosed()))
                raise
            self._end(Broke(exc))  # Those who read it raise it.

    async def _whole(self) -> None:
        answer = await self.run.whole()
        body = orjson.dumps(answer.data) if answer.raw is None else answer.raw
        self._keep((body,), answer.data)
        await self.broadcast.put(body)
        self._end(Done())

    async def _stream(self) -> None:
        assembler: Assembler | None = Assembler()
        await self.run.open()
        while (chunk := await self.run.next_chunk()) is not None:
            if not self.broadcast.complete:
                assembler = None  # It is too large to be kept, and may have no end.
            if assembler is not None:
                assembler.add(chunk.data)
            await self.broadcast.put(orjson.dumps(chunk.data) if chunk.raw is None else chunk.raw)
        pieces, whole = self.broadcast.held, None if assembler is None else assembler.whole()
        if pieces is not None and whole is not None:
            self._keep(pieces, whole)
        self._end(Done())

    def _keep(self, pieces: tuple[bytes, ...], whole: Mapping[str, Any]) -> None:
        entry = entry_of(self._use, self.run, pieces, whole, self._answers.memory.clock())
        if entry is not None:
            self._answers.keep(entry)

    def _end(self, end: Done | Broke) -> None:
        self._ended = True
        self.broadcast.end(end)
        if self._owed is not None:
            self.close(self._owed, "cancelled")

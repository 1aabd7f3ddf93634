"""A time limit on the waits of one response: many waits, one timer.

``asyncio.timeout_at`` makes a timer for each wait, which costs more than a chunk of a stream does.
Deadlines mostly move forward, so one timer that looks again when it goes off is enough.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


class Alarm:
    """Ends waits of one task at a time, in one event loop."""

    __slots__ = ("_loop", "_rang", "_task", "_timer", "_until")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._until = 0.0
        self._task: asyncio.Task[Any] | None = None
        self._rang = False

    async def wait(self, work: Awaitable[T], until: float) -> T:
        """What *work* gives, if it does by *until*, on the loop's clock.

        A cancellation that *work* swallows, because it was done at that moment, is raised all the same.

        Raises:
            TimeoutError: it was not done by then, and was cancelled.
        """
        task = asyncio.current_task(self._loop)
        assert task is not None
        before = task.cancelling()
        self._rang = False
        self._set(task, until)
        try:
            result = await work
        except asyncio.CancelledError:
            if self._rang and task.uncancel() <= before:
                raise TimeoutError from None
            raise
        finally:
            self._task = None
        if task.cancelling() > before and not (self._rang and task.uncancel() <= before):
            raise asyncio.CancelledError
        return result

    def stop(self) -> None:
        """No wait will follow."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, task: asyncio.Task[Any], until: float) -> None:
        self._task, self._until = task, until
        if self._timer is None or self._timer.when() > until:
            self.stop()
            self._timer = self._loop.call_at(until, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._task is None:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._ring)
        else:
            self._rang = True
            self._task.cancel()

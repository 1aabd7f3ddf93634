"""Noticing that a client leaves while its answer is being made."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from router.server.exchange import ClientGone

if TYPE_CHECKING:
    from router.server.exchange import Receive


class ClientWatch:
    """Stops the work in its ``async with`` block at once when the client leaves.

    The work is cancelled, so that everything it holds upstream is closed, and ``ClientGone`` is
    raised in place of the cancellation; a cancellation that comes from elsewhere passes through.
    The request's body must have been read.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._cancellations = task.cancelling()
        self._watcher = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_exc: object) -> None:
        self._watcher.cancel()
        if self._gone:
            ours_only = self._task.uncancel() <= self._cancellations
            if ours_only and kind is not None and issubclass(kind, asyncio.CancelledError):
                raise ClientGone

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()

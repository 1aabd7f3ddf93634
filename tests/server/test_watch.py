"""Noticing that a client leaves, apart from any server."""

from __future__ import annotations

import asyncio

import pytest

from router.server.exchange import ClientGone, Message
from router.server.watch import ClientWatch


class Client:
    """A client whose messages the test sends."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    async def work(self, seconds: float | None) -> str:
        async with ClientWatch(self.messages.get):
            await (asyncio.Event().wait() if seconds is None else asyncio.sleep(seconds))
        return "done"


async def test_leaving_ends_the_work() -> None:
    """A disconnect ends the work at once; what comes before it does not."""
    client = Client()
    task = asyncio.create_task(client.work(None))
    client.messages.put_nowait({"type": "http.request"})
    client.messages.put_nowait({"type": "http.disconnect"})
    with pytest.raises(ClientGone):
        await task


async def test_staying_leaves_nothing() -> None:
    """Work that ends by itself leaves no task behind."""
    before = asyncio.all_tasks()
    assert await Client().work(0) == "done"
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_other_cancellation() -> None:
    """A cancellation from elsewhere stays one, also when the client leaves at the same moment."""
    for leaves in (False, True):
        client = Client()
        task = asyncio.create_task(client.work(None))
        await asyncio.sleep(0)
        if leaves:
            client.messages.put_nowait({"type": "http.disconnect"})
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_timeouts_inside() -> None:
    """A timeout inside the work is still a timeout."""
    client = Client()
    with pytest.raises(TimeoutError):
        async with ClientWatch(client.messages.get), asyncio.timeout(0.01):
            await asyncio.Event().wait()
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0

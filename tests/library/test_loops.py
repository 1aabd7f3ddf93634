"""What a forked child sees, without forking: coverage does not follow a child that leaves by os._exit."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import weakref
from typing import TYPE_CHECKING, cast

import pytest

from router import loops
from router.errors import RouterClosed
from tests.library.upstream import MESSAGES, OK, Upstream, open_router

if TYPE_CHECKING:
    from router.transport.base import Transport


def no_transport(_provider: str) -> Transport:
    raise AssertionError


async def test_a_childs_pools_are_its_own() -> None:
    """What the parent opened is kept untouched and neither used nor closed."""
    pools = loops.Pools(no_transport)
    parents = await pools.here()
    pools._pid = -1
    own = await pools.here()
    assert own is not parents
    assert await pools.here() is own
    pools._pid = -1
    assert pools.take_all() == []
    await parents.guard.aclose()
    await own.guard.aclose()


async def test_closed_pools_open_nothing() -> None:
    """A request that comes as the router closes is refused, and so is one that was inside."""
    pools = loops.Pools(no_transport)
    connections = await pools.here()
    await loops.aclose_connections(pools)
    with pytest.raises(RouterClosed):
        await pools.here()
    with pytest.raises(RouterClosed):
        connections.transport("p1")


async def test_all_are_closed_though_closing_is_cancelled() -> None:
    """Whoever closes is cancelled while the first transport closes: the second is closed too."""
    opened: list[SlowlyClosing] = []

    def make(_provider: str) -> Transport:
        opened.append(SlowlyClosing())
        return cast("Transport", opened[-1])

    pools = loops.Pools(make)
    connections = await pools.here()
    for provider in ("p1", "p2"):
        connections.transport(provider)
    closing = asyncio.create_task(loops.aclose_connections(pools))
    await opened[0].asked.wait()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    for transport in opened:
        transport.may.set()
    async with asyncio.timeout(5):
        for transport in opened:
            await transport.closed.wait()


def test_closing_runs_nothing_of_a_closed_loop() -> None:
    """What a loop held that is closed is let go: a wait in it can be ended by nobody."""
    pools = loops.Pools(no_transport)
    loop = asyncio.new_event_loop()
    waits = contextlib.ExitStack()

    async def open_and_wait() -> asyncio.Future[None]:
        closed = waits.enter_context((await pools.here()).closing())
        closed.add_done_callback(print)  # It would be called by the loop.
        return closed

    closed = loop.run_until_complete(open_and_wait())
    loop.close()
    loops.close_connections(pools)
    assert not closed.done()


def test_closing_inside_a_loop_leaves_another_to_its_own() -> None:
    """A loop at rest, which cannot be run from inside another, closes what it holds when it shuts down."""
    pools = loops.Pools(no_transport)
    loop = asyncio.new_event_loop()
    connections = loop.run_until_complete(pools.here())

    async def elsewhere() -> None:
        loops.close_connections(pools)

    asyncio.run(elsewhere())
    before = connections._closed
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert (before, connections._closed) == (False, True)
    loop.close()


class SlowlyClosing:
    """A transport that is closed when it may be."""

    def __init__(self) -> None:
        self.asked, self.may, self.closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def aclose(self) -> None:
        """Wait until it may."""
        self.asked.set()
        await self.may.wait()
        self.closed.set()


def test_a_childs_background_is_its_own() -> None:
    """The parent's is left alone, whoever held its lock; the fork locks are free."""
    current, inherited = loops._Process.background, list(loops._Process.inherited)
    lock = loops.ForkLock()
    held = lock.lock
    held.acquire()
    loops._after_fork()
    try:
        assert loops.background() is not current
        assert loops._Process.inherited[-1] is current
        assert lock.lock is not held
    finally:
        loops._Process.background = current
        loops._Process.inherited[:] = inherited
    parents = loops.Background()
    parents.acquire()
    thread = parents._thread
    parents._pid = -1
    parents.release()
    assert thread is not None
    assert thread.is_alive()
    parents._pid = os.getpid()
    parents.release()
    assert not thread.is_alive()


def test_stopped_background() -> None:
    """At exit it is stopped whoever uses it; releases that come later, and calls, do no harm."""
    made = loops.Background()
    made.acquire()
    made.acquire()
    made.stop()
    made.release()
    made.stop()

    async def nothing() -> None:
        """Do nothing."""

    with pytest.raises(RouterClosed):
        made.run(nothing())
    assert not [thread for thread in threading.enumerate() if thread.name == "router-sync"]


def test_released_in_its_own_thread() -> None:
    """The collector may run the last release anywhere, also in the background thread."""
    made = loops.Background()
    made.acquire()
    thread = made._thread

    async def release() -> None:
        made.release()

    assert made.run(release()) is None
    assert thread is not None
    thread.join(5)
    assert not thread.is_alive()


def test_forgotten_after_its_loop_was_closed(up: Upstream) -> None:
    """A router whose loops are all closed is collected without a word."""
    up.script(OK)
    router = open_router(up)
    asyncio.run(router.acompletion("g", MESSAGES))
    gone = weakref.ref(router)
    del router
    gc.collect()
    assert gone() is None


def test_at_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving the interpreter stops the background loop."""
    made = loops.Background()
    made.acquire()
    monkeypatch.setattr(loops._Process, "background", made)
    loops._at_exit()
    assert made._thread is None

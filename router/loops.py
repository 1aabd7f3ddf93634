"""Event loops and what belongs to them: connections per loop, one background loop per process.

Three facts shape this file. Connections work only in the loop that opened them. A loop that
``asyncio.run`` made is closed behind our back. After a fork the child has neither the parent's
threads nor the right to touch its sockets.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import weakref
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from router.errors import RouterClosed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from router.transport.base import Transport

T = TypeVar("T")

_CLOSE_S = 5.0
"""Seconds that closing waits for another thread's loop."""


class Connections:
    """The transports of one router in one event loop, by provider, opened on first use."""

    def __init__(self, make: Callable[[str], Transport]) -> None:
        self._make = make
        self._transports: dict[str, Transport] = {}
        self._closed = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._waits: set[asyncio.Future[None]] = set()
        self._closing: asyncio.Future[None] | None = None
        self.guard = self._until_shutdown()

    def transport(self, provider: str) -> Transport:
        """The transport for *provider*.

        Raises:
            RouterClosed: the router was closed while the request ran.
        """
        if self._closed:
            raise RouterClosed
        transport = self._transports.get(provider)
        if transport is None:
            transport = self._transports[provider] = self._make(provider)
        return transport

    def keep(self, task: asyncio.Task[None]) -> None:
        """Hold *task* until it is done: a loop keeps only weak references to its tasks."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextlib.contextmanager
    def closing(self) -> Iterator[asyncio.Future[None]]:
        """A future that is done once they are closed; for a wait that must not outlast them."""
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._closed:
            closed.set_result(None)
        self._waits.add(closed)
        try:
            yield closed
        finally:
            self._waits.discard(closed)

    async def _until_shutdown(self) -> AsyncGenerator[None]:
        """Close everything when the loop shuts down its asynchronous generators, as asyncio.run does."""
        try:
            yield
        finally:
            self._closed = True
            for closed in self._waits:
                closed.set_result(None)
            # Whoever waits for it may be cancelled: what is open must be closed all the same.
            self._closing = asyncio.ensure_future(self._close())
            await asyncio.shield(self._closing)

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        transports = list(self._transports.values())
        self._transports.clear()
        await asyncio.gather(*(transport.aclose() for transport in transports))


class Pools:
    """One router's Connections, per loop; those of dead loops and of a forked parent are dropped."""

    def __init__(self, make: Callable[[str], Transport]) -> None:
        self._make = make
        self._pid = os.getpid()
        self._by_loop: dict[asyncio.AbstractEventLoop, Connections] = {}
        self._inherited: list[object] = []
        self._closed = False

    async def here(self) -> Connections:
        """The connections of the running loop.

        Raises:
            RouterClosed: they were taken to be closed.
        """
        if self._closed:
            raise RouterClosed
        loop = asyncio.get_running_loop()
        if self._pid != os.getpid():
            # Kept, so that nothing finalises them here: the sockets are the parent's.
            self._inherited.append(self._by_loop)
            self._by_loop = {}
            self._pid = os.getpid()
        connections = self._by_loop.get(loop)
        if connections is None:
            for other in [other for other in list(self._by_loop) if other.is_closed()]:
                self._by_loop.pop(other, None)
            connections = self._by_loop[loop] = Connections(self._make)
            await anext(connections.guard)
        return connections

    def take_all(self) -> list[tuple[asyncio.AbstractEventLoop, Connections]]:
        """Every loop's connections, which are no longer kept here; none of a forked parent's."""
        self._closed = True
        taken, self._by_loop = self._by_loop, {}
        return list(taken.items()) if self._pid == os.getpid() else []


async def aclose_connections(pools: Pools) -> None:
    """Close *pools* from inside a running loop; other loops close theirs in their own threads."""
    here = asyncio.get_running_loop()
    for loop, connections in pools.take_all():
        if loop is here:
            await connections.guard.aclose()
        elif loop.is_running():
            future = asyncio.run_coroutine_threadsafe(connections.guard.aclose(), loop)
            with contextlib.suppress(TimeoutError):  # A busy loop closes them when it gets to it.
                async with asyncio.timeout(_CLOSE_S):
                    await asyncio.shield(asyncio.wrap_future(future))


def close_connections(pools: Pools) -> None:
    """Close *pools* from synchronous code."""
    try:
        here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    for loop, connections in pools.take_all():
        if loop is here:
            # Inside a running loop nothing can be awaited: the loop closes them at its next turn.
            loop.create_task(connections.guard.aclose())
        elif loop.is_running():
            with contextlib.suppress(TimeoutError):  # As above.
                asyncio.run_coroutine_threadsafe(connections.guard.aclose(), loop).result(_CLOSE_S)
        elif not loop.is_closed() and here is None:
            loop.run_until_complete(connections.guard.aclose())
        # Else nothing can run in it: it is closed, or will close them when it shuts down.


def abandon_connections(pools: Pools) -> None:
    """Let each loop close its connections in *pools*, whose router was collected, without waiting for it."""
    for loop, connections in pools.take_all():
        with contextlib.suppress(RuntimeError):  # The loop is closed, and its connections with it.
            loop.call_soon_threadsafe(_close_soon, loop, connections)


def _close_soon(loop: asyncio.AbstractEventLoop, connections: Connections) -> None:
    loop.create_task(connections.guard.aclose())


class Background:
    """The loop that runs synchronous calls, in a thread that lives while a router uses it."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.RLock()  # Re-entrant: the collector may run `release` inside `acquire`.
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Count a user; start the loop for the first."""
        with self._lock:
            self._users += 1
            if self._loop is None:
                started = threading.Event()
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop, started), name="router-sync", daemon=True
                )
                self._thread.start()
                started.wait()

    def release(self) -> None:
        """Count a user less; stop the loop after the last."""
        self._stop(1)

    def stop(self) -> None:
        """Stop the loop, closing what it holds, and wait for its thread."""
        self._stop(self._users)

    def _stop(self, leaving: int) -> None:
        if self._pid != os.getpid():
            return  # A forked parent's: neither its loop nor its lock may be touched here.
        with self._lock:
            self._users -= leaving
            if self._users > 0:
                return
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(_CLOSE_S)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in the loop and wait for it; an interrupt here cancels it there.

        Raises:
            RouterClosed: the loop was stopped, before or meanwhile.
        """
        if self._thread is threading.current_thread():
            work.close()
            raise RuntimeError("a synchronous call inside the router's own loop would wait for itself")
        with self._lock:  # Else the loop could stop between the look and the hand-over, and never answer.
            loop = self._loop
            future = None if loop is None else asyncio.run_coroutine_threadsafe(work, loop)
        if future is None:
            work.close()
            raise RouterClosed
        try:
            return future.result()
        except CancelledError:
            raise RouterClosed from None  # Nobody else cancels it.
        except BaseException:
            future.cancel()
            raise

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop, started: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        loop.call_soon(started.set)
        try:
            loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()


class ForkLock:
    """A lock that a forked child finds free, whoever held it in the parent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        _fork_locks.add(self)


_fork_locks: weakref.WeakSet[ForkLock] = weakref.WeakSet()


class _Process:
    """What is per process: its background loop, and those of forked ancestors, kept untouched."""

    background = Background()
    inherited: ClassVar[list[object]] = []


def background() -> Background:
    """This process's background loop."""
    return _Process.background


def _after_fork() -> None:
    _Process.inherited.append(_Process.background)
    _Process.background = Background()
    for held in list(_fork_locks):
        held.lock = threading.Lock()


def _at_exit() -> None:
    _Process.background.stop()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
atexit.register(_at_exit)

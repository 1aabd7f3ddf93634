"""Whoever leaves closes his connection, at any moment, on every transport."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from router.transport.base import TransportSettings
from tests.library.upstream import HANG, OK, Upstream, framed, raw
from tests.transport.kit import CHUNKED, WHOLE, asked, in_use, post, soon, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from router.transport.base import Transport
    from tests.faults.certificates import Certificate
    from tests.library.upstream import Exchange
    from tests.transport.kit import Made


@WHOLE
async def test_cancelled_while_connecting(transport: Transport, full_backlog: int, whole: bool) -> None:
    """A caller who leaves while we connect leaves nothing in use."""
    task = asyncio.create_task(transport.send(post(f"http://127.0.0.1:{full_backlog}"), soon(), whole=whole))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert in_use(transport) == (0, 0)


@WHOLE
async def test_cancelled_while_waiting_for_headers(up: Upstream, transport: Transport, whole: bool) -> None:
    """A caller who leaves before the headers closes the connection."""
    up.script(HANG)
    task = asyncio.create_task(transport.send(post(up.url), soon(), whole=whole))
    await asyncio.to_thread(wait_until, lambda: len(up.seen) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert in_use(transport) == (0, 0)
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_cancelled_while_reading(up: Upstream, transport: Transport) -> None:
    """A caller who leaves inside the body closes the connection."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    response = await transport.send(post(up.url), soon())
    assert await response.next(soon()) == b"x"
    task = asyncio.create_task(response.next(soon()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await response.aclose()
    assert in_use(transport) == (0, 0)
    assert await asyncio.to_thread(up.left.wait, 5)


class _Steps:
    """Awaits *work*, and calls *leave* when that waits for the time number *at*.

    Attributes:
        waits: how often it has waited so far.
    """

    def __init__(self, work: Coroutine[Any, Any, None], at: int, leave: Callable[[], object]) -> None:
        self._work = work
        self._at = at
        self._leave = leave
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        go_on: Callable[[], Any] = partial(self._work.send, None)
        while True:
            try:
                waited_for = go_on()
            except StopIteration:
                return
            self.waits += 1
            if self.waits == self._at:
                self._leave()
            try:
                yield waited_for
                go_on = partial(self._work.send, None)
            except BaseException as exc:  # noqa: BLE001 # It is the work's: a cancellation, mostly.
                go_on = partial(self._work.throw, exc)


async def _left(work: Coroutine[Any, Any, None], at: int) -> int:
    """How often *work* waited, when it is cancelled while it waits for the time number *at*."""
    loop = asyncio.get_running_loop()
    steps = _Steps(work, at, lambda: loop.call_soon(task.cancel))

    async def run() -> None:
        await steps

    task = asyncio.create_task(run())
    (failed,) = await asyncio.gather(task, return_exceptions=True)
    assert failed is None or isinstance(failed, asyncio.CancelledError)
    return steps.waits


async def _cancelled_at_every_await(up: Upstream, transport: Transport, *, whole: bool) -> None:
    async def script(exchange: Exchange) -> None:
        for piece in (CHUNKED, framed(b"one"), framed(b"two"), b"0\r\n\r\n"):
            await exchange.send(piece)
            await asyncio.sleep(0.002)

    async def exchange(body: list[bytes]) -> None:
        response = await transport.send(post(up.url), soon(), whole=whole)
        try:
            body.append(await response.read(soon()))
        finally:
            await response.aclose()

    up.script(script)
    for at in range(1, 100):
        body: list[bytes] = []
        waits = await _left(exchange(body), at)
        assert in_use(transport) == (0, 0), at
        if waits < at:  # It never waited so often: all was tried.
            break
    assert body == [b"onetwo"]
    assert at > 1


@WHOLE
async def test_cancelled_at_every_await(up: Upstream, transport: Transport, whole: bool) -> None:
    """Cancelled while it waits for the n-th time, for every n, nothing is in use; the next call works."""
    await _cancelled_at_every_await(up, transport, whole=whole)


@WHOLE
async def test_cancelled_at_every_await_of_tls(
    make: Made, trusting: TransportSettings, certificate: Certificate, whole: bool
) -> None:
    """The same over TLS, whose connections take more waits to open; nothing stays open in the end."""
    with Upstream(tls=certificate.context()) as up:
        transport = make(trusting)
        await _cancelled_at_every_await(up, transport, whole=whole)
        await transport.aclose()
        await asyncio.to_thread(wait_until, lambda: up.open == 0)


@pytest.mark.parametrize("tls", [False, True])
async def test_closing_cancelled_at_every_await(
    make: Made, trusting: TransportSettings, certificate: Certificate, tls: bool
) -> None:
    """Closing, cancelled while it waits for the n-th time, for every n: closed again, all are closed."""
    with Upstream(tls=certificate.context() if tls else None) as up:
        for at in range(1, 100):
            transport = make(trusting if tls else TransportSettings(https=False))
            up.seen.clear()
            up.script(OK)
            assert (await asked(transport, post(up.url)))[0] == 200
            up.script(raw(CHUNKED + framed(b"x"), end="hang"), HANG)
            response = await transport.send(post(up.url), soon())
            waiting = asyncio.create_task(transport.send(post(up.url), soon(60)))
            await asyncio.to_thread(wait_until, lambda: len(up.seen) == 3)
            waits = await _left(transport.aclose(), at)
            await transport.aclose()
            await asyncio.to_thread(wait_until, lambda: up.open == 0)
            waiting.cancel()
            await asyncio.gather(waiting, response.aclose(), return_exceptions=True)
            assert in_use(transport) == (0, 0), at
            if waits < at:
                break
    assert at > 1


async def test_cancelled_while_closing(up: Upstream, transport: Transport) -> None:
    """Cancelled at any turn of closing an unread reply, the connection goes all the same."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    for turns in range(6):
        response = await transport.send(post(up.url), soon())
        task = asyncio.create_task(response.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await response.aclose()
        for _ in range(10):
            await asyncio.sleep(0)
        assert in_use(transport) == (0, 0), turns

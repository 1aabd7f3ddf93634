"""Faults 22 and 23: the caller leaves, or does not read."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.server import (
    MESSAGES,
    FaultServer,
    ask,
    comes_true,
    event,
    in_use,
    open_router,
    provider,
)
from tests.library.upstream import SSE, framed, raw

if TYPE_CHECKING:
    from router import Router
    from tests.library.upstream import Exchange

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
SAYING = SSE + framed(event({"role": "assistant", "content": "hel"}))


def router_for(server: FaultServer, sent: bytes) -> Router:
    server.left.clear()
    server.faults["waits"] = raw(sent, end="hang")
    return open_router({"p": provider(server.url)}, {"g": "p/waits", "healthy": "p/healthy"})


async def gone(server: FaultServer) -> None:
    """The upstream must see the caller go within 250 ms."""
    began = time.monotonic()
    assert await comes_true(server.left.is_set)
    assert time.monotonic() - began < 0.25


@BOTH
@pytest.mark.parametrize("sent", [b"", SSE], ids=["before the headers", "before the body"])
async def test_cancelled(server: FaultServer, opened: list[Router], stream: bool, sent: bytes) -> None:
    """22: a caller who leaves before anything came closes the upstream's connection."""
    router = router_for(server, sent)
    opened.append(router)
    task = asyncio.create_task(ask(router, "g", stream=stream))
    assert await comes_true(lambda: server.calls["waits"] == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await gone(server)
    assert in_use(router) == (0, 0)
    assert (
        not router.engine.shared.health.get("p/waits") or not router.engine.shared.health["p/waits"].failing
    )
    assert (await ask(router, "healthy", stream=stream))[0] == "hi"


@pytest.mark.parametrize("how", ["closed", "dropped", "cancelled"])
async def test_left_inside_a_stream(server: FaultServer, opened: list[Router], how: str) -> None:
    """22: so does one who closes, drops or is cancelled inside a stream."""
    router = router_for(server, SAYING)
    opened.append(router)
    stream = await router.acompletion("g", MESSAGES, stream=True)
    assert (await anext(stream)).choices[0].delta.content == "hel"
    if how == "closed":
        await stream.aclose()
    elif how == "cancelled":
        task = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    del stream
    await gone(server)
    assert await comes_true(lambda: in_use(router) == (0, 0))
    assert (await ask(router, "healthy", stream=True))[0] == "hi"


async def test_reads_nothing(server: FaultServer, opened: list[Router]) -> None:
    """23: a caller who stops reading stops the upstream: no more than the sockets' buffers is taken in."""
    piece = framed(event({"content": "x" * 60_000}))
    blocked = asyncio.Event()
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(SAYING)
        exchange.fin()
        try:
            while True:
                async with asyncio.timeout(0.2):
                    await exchange.send(piece)
                sent += len(piece)
        except TimeoutError:
            blocked.set()
        await exchange.gone()

    server.left.clear()
    server.faults["endless"] = endless
    router = open_router({"p": provider(server.url)}, {"g": "p/endless", "healthy": "p/healthy"})
    opened.append(router)
    async with await router.acompletion("g", MESSAGES, stream=True) as stream:
        await anext(stream)
        assert await comes_true(blocked.is_set)
        assert sent < 12 * 1024 * 1024
        assert (await ask(router, "healthy", stream=True))[0] == "hi"
    await gone(server)

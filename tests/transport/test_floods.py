"""What an upstream says too much of, as fast as it can, keeps nobody waiting."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from router.transport import pyreqwest
from router.types import FailureClass
from tests.library.upstream import HANG, OK
from tests.transport.kit import CHUNKED, WHOLE, asked, fails, post

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from router.transport.base import Transport
    from tests.library.upstream import Exchange, Upstream


def flood(head: bytes, piece: bytes) -> Callable[[Exchange], Awaitable[None]]:
    """*head*, then *piece* again and again until the client leaves."""

    async def pour(exchange: Exchange) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                await exchange.send(piece)
                await asyncio.sleep(0)  # Where it all goes out at once, sending does not wait.

    async def script(exchange: Exchange) -> None:
        await exchange.send(head)
        exchange.fin()
        pouring = asyncio.create_task(pour(exchange))
        await exchange.gone()
        pouring.cancel()

    return script


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (CHUNKED, b"0" * 1_000_000),
        (b"", b"HTTP/1.1 103 E\r\nlink: </a>\r\n\r\n" * 1000),
        (CHUNKED, b"1\r\na\r\n" * 10_000),
    ],
    ids=["a chunk's size", "informational replies", "chunks of one byte"],
)
@WHOLE
async def test_flooding_does_not_stretch_the_deadline(
    up: Upstream, transport: Transport, head: bytes, piece: bytes, whole: bool
) -> None:
    """Bytes that mean nothing, sent without a pause, are a failure by the deadline; the next call works."""
    up.script(flood(head, piece), OK)
    began = time.monotonic()
    kind, _ = await fails(transport, up.url, within=0.3, whole=whole)
    assert kind in (FailureClass.TIMEOUT, FailureClass.PROTOCOL)
    assert time.monotonic() - began < 3
    assert await asyncio.to_thread(up.left.wait, 5)
    assert (await asked(transport, post(up.url)))[0] == 200


@pytest.mark.parametrize("kind", ["pyreqwest"])
async def test_the_loops_clock_counts(
    up: Upstream, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole reply is given up at the deadline, however late pyreqwest's thread looks at its clock."""

    def late(*, seconds: float) -> timedelta:
        return timedelta(seconds=seconds + 60)

    monkeypatch.setattr(pyreqwest, "timedelta", late)
    up.script(HANG)
    began = time.monotonic()
    kind, _ = await fails(transport, up.url, within=0.1, whole=True)
    assert kind is FailureClass.TIMEOUT
    assert 0.09 < time.monotonic() - began < 5
    assert await asyncio.to_thread(up.left.wait, 5)

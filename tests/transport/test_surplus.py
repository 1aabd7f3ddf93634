"""What an upstream sends unasked is nobody's answer, on every transport."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

from tests.library.upstream import Upstream, framed, http
from tests.transport.kit import CHUNKED, WHOLE, asked, post

if TYPE_CHECKING:
    from router.transport.base import Transport, TransportSettings
    from tests.faults.certificates import Certificate
    from tests.library.upstream import Exchange
    from tests.transport.kit import Made

SECOND = http(200, b"second answer")
_HEAD_BYTES = len(http(200, b"x" * 65_000)) - 65_000
AT_ONCE = http(200, b"x" * (64 * 1024 - _HEAD_BYTES))
"""Exactly what httpcore2 reads at once."""

SURPLUS = {
    "a second answer": (http(200, b"one"), SECOND),
    "of a chunked body": (CHUNKED + framed(b"one") + b"0\r\n\r\n", SECOND),
    "half of one": (http(200, b"one"), SECOND[:20]),
    "one byte": (http(200, b"one"), b"\n"),
    "a length that is too short": (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\none", b" and more"),
    "a body where none may be": (b"HTTP/1.1 204 No\r\n\r\n", b"one"),
    "after as much as is read at once": (AT_ONCE, SECOND),
    "after very much": (http(200, b"x" * 300_000), SECOND),
}


@pytest.mark.parametrize(("first", "surplus"), SURPLUS.values(), ids=SURPLUS.keys())
@WHOLE
async def test_surplus_answers_nobody(
    up: Upstream, transport: Transport, first: bytes, surplus: bytes, whole: bool
) -> None:
    """What follows the end of a reply is never the next request's answer, nor its failure."""

    async def script(exchange: Exchange) -> None:
        number = len(up.seen)
        await exchange.send(first + surplus if number == 1 else http(200, f"answer {number}".encode()))

    up.script(script)
    await asked(transport, post(up.url), whole=whole)
    for number in (2, 3, 4):
        assert await asked(transport, post(up.url), whole=whole) == (200, f"answer {number}".encode())
    assert len(up.seen) == 4
    assert up.connections == 2


@pytest.mark.skipif(not hasattr(socket, "TCP_CORK"), reason="only Linux can hold a packet back")
@WHOLE
async def test_surplus_in_a_tls_record_of_its_own(
    make: Made, trusting: TransportSettings, certificate: Certificate, whole: bool
) -> None:
    """Over TLS the surplus may come in the same packet and yet in another record."""

    async def script(exchange: Exchange) -> None:
        if len(up.seen) == 1:
            sock: socket.socket = exchange.writer.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            exchange.writer.write(http(200, b"one"))
            exchange.writer.write(SECOND)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        else:
            await exchange.send(http(200, b"own"))

    with Upstream(tls=certificate.context()) as up:
        up.script(script)
        transport = make(trusting)
        assert await asked(transport, post(up.url), whole=whole) == (200, b"one")
        for _ in range(3):
            assert await asked(transport, post(up.url), whole=whole) == (200, b"own")
        await transport.aclose()


@WHOLE
async def test_surplus_of_a_kept_connection(up: Upstream, transport: Transport, whole: bool) -> None:
    """What comes while a connection is idle answers nobody either."""
    gate = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        if len(up.seen) == 1:
            await exchange.send(http(200, b"one"))
            await gate.wait()
            await exchange.send(SECOND)
        else:
            await exchange.send(http(200, b"own"))

    up.script(script)
    assert await asked(transport, post(up.url), whole=whole) == (200, b"one")
    up.release(gate)
    await asyncio.sleep(0.05)
    assert await asked(transport, post(up.url), whole=whole) == (200, b"own")


async def test_a_streamed_reply_with_surplus_is_whole(up: Upstream, transport: Transport) -> None:
    """Nothing of the reply itself is lost, whatever way it is cut into pieces."""
    reply = CHUNKED + b"".join(framed(b"%d" % number) for number in range(50)) + b"0\r\n\r\n"

    async def script(exchange: Exchange) -> None:
        for at in range(0, len(reply), 7):
            await exchange.send(reply[at : at + 7])
            await asyncio.sleep(0)

    up.script(script)
    for _ in range(2):
        assert await asked(transport, post(up.url)) == (200, b"".join(b"%d" % number for number in range(50)))
    assert up.connections == 1

"""An upstream that answers before it has read the request is heard, on every transport."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

import pytest

from router.adapters.base import UpstreamRequest
from router.transport.base import TransportFailure, TransportSettings
from router.types import FailureClass
from tests.library.upstream import http
from tests.transport.kit import WHOLE, asked, in_use, soon
from tests.transport.serving import serving

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from ssl import SSLContext

    from router.transport.base import Transport
    from tests.faults.certificates import Certificate
    from tests.transport.kit import Made
    from tests.transport.serving import Connected

LARGE = 8 * 1000 * 1000
"""More than the sockets' buffers hold: most of it is unsent while the upstream does not read."""
TOO_LARGE = http(413, b"too large")


def upload(port: int, *, scheme: str = "http") -> UpstreamRequest:
    """A large request."""
    return UpstreamRequest("POST", f"{scheme}://127.0.0.1:{port}/v1", (), b"x" * LARGE)


def answering(answer: Connected, tls: SSLContext | None = None) -> AbstractAsyncContextManager[int]:
    """The port of a server that reads the head of one request, and leaves the rest to *answer*."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await answer(reader, writer)

    return serving(connected, tls=tls)


async def and_close(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """With most of the request unread this resets the connection."""
    writer.write(TOO_LARGE)


async def and_reset(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TOO_LARGE)
    await asyncio.sleep(0.02)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def and_read_no_more(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TOO_LARGE)
    cast("asyncio.Transport", writer.transport).pause_reading()
    await asyncio.sleep(5)


async def and_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TOO_LARGE)
    writer.write_eof()
    await reader.readexactly(LARGE)


async def and_read_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(TOO_LARGE)
    await reader.readexactly(LARGE)


async def heard(transport: Transport, port: int, *, whole: bool) -> int | FailureClass:
    """The status of a large request, or its failure."""
    try:
        status, _ = await asked(transport, upload(port), 3, whole=whole)
    except TransportFailure as failure:
        return failure.kind
    return status


@pytest.mark.parametrize("answer", [and_close, and_reset, and_read_no_more, and_end, and_read_on])
@WHOLE
async def test_early_reply(transport: Transport, kind: str, answer: Connected, whole: bool) -> None:
    """Whatever the upstream does after its early reply, that is the reply, well before the deadline."""
    fine: set[int | FailureClass] = {413}
    if kind == "pyreqwest" and answer in (and_close, and_reset):
        fine.add(FailureClass.CONNECTION)  # It sometimes sees the reset first.
    async with answering(answer) as port:
        for _ in range(2):
            assert await heard(transport, port, whole=whole) in fine
            assert in_use(transport) == (0, 0)


@pytest.mark.parametrize("answer", [and_read_no_more, and_read_on])
@WHOLE
async def test_early_reply_over_tls(
    make: Made,
    kind: str,
    trusting: TransportSettings,
    certificate: Certificate,
    answer: Connected,
    whole: bool,
) -> None:
    """The same over TLS, where more is held back unsent; httpx uses such a connection no more."""
    transport = make(trusting)
    async with answering(answer, certificate.context()) as port:
        for _ in range(2 if kind == "httpx" else 1):
            assert await asked(transport, upload(port, scheme="https"), 3, whole=whole) == (413, b"too large")
    assert in_use(transport) == (0, 0)
    await transport.aclose()


@WHOLE
async def test_a_hint_is_no_early_reply(transport: Transport, whole: bool) -> None:
    """While the upstream only informs, all of the request is sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await asyncio.sleep(0.02)
        got = await reader.readexactly(LARGE)
        writer.write(http(200, b"%d" % len(got)))

    async with answering(answer) as port:
        assert await asked(transport, upload(port), whole=whole) == (200, b"%d" % LARGE)


async def cut(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(65536)


async def half_closed(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write_eof()
    await asyncio.sleep(5)


@pytest.mark.parametrize("answer", [cut, half_closed])
@WHOLE
async def test_cut_inside_the_request(transport: Transport, answer: Connected, whole: bool) -> None:
    """A connection that ends inside the request, without a reply, is a connection failure, at once."""
    async with answering(answer) as port:
        with pytest.raises(TransportFailure) as failed:
            await asked(transport, upload(port), 3, whole=whole)
        assert failed.value.kind is FailureClass.CONNECTION


@WHOLE
async def test_an_upstream_that_does_not_read(transport: Transport, whole: bool) -> None:
    """The deadline holds while the request is sent, too."""

    async def answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cast("asyncio.Transport", writer.transport).pause_reading()
        await asyncio.sleep(5)

    async with answering(answer) as port:
        with pytest.raises(TransportFailure) as failed:
            await transport.send(upload(port), soon(0.2), whole=whole)
        assert failed.value.kind is FailureClass.TIMEOUT
        assert in_use(transport) == (0, 0)

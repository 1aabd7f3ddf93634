"""The connections under httpx, where the contract's tests do not reach."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Any

import httpcore2 as httpcore
import pytest

from router.transport import network
from router.transport.network import Backend
from tests.transport.serving import serving

if TYPE_CHECKING:
    from router.transport.network import Stream

MIB = 1024 * 1024


async def test_read_ahead_is_bounded() -> None:
    """An upstream that sends more than is read has to wait; all of it arrives, in order."""
    sent = bytes(range(256)) * 4096 * 16

    async def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()

    async with serving(connected) as port:
        stream = await Backend().connect_tcp("127.0.0.1", port)
        await asyncio.sleep(0.1)
        assert 0 < len(stream._wire.unread) <= 2 * network._AHEAD_BYTES, "and what one reading may bring"
        got = bytearray()
        while piece := await stream.read(MIB):
            got += piece
        await stream.aclose()
    assert got == sent


async def until_readable(stream: Stream) -> None:
    """Wait until something has come."""
    for _ in range(1000):
        if stream.get_extra_info("is_readable"):
            return
        await asyncio.sleep(0.001)
    pytest.fail("nothing came")


async def test_what_comes_before_the_request_is_no_answer() -> None:
    """Neither the request goes out then, nor is anything read: the connection is closed."""
    heard = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 408 Too Late\r\n\r\n")
        heard.set_result(await reader.read())

    async with serving(connected) as port:
        stream = await Backend().connect_tcp("127.0.0.1", port)
        await until_readable(stream)
        with pytest.raises(httpcore.WriteError):
            await stream.write(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(httpcore.ReadError):
            await stream.read(MIB)
        assert await heard == b""


async def test_who_speaks_before_tls_is_refused() -> None:
    """In TLS the client speaks first; what came before would be taken for encrypted."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await reader.read()

    async with serving(connected) as port:
        stream = await Backend().connect_tcp("127.0.0.1", port)
        await until_readable(stream)
        with pytest.raises(httpcore.ConnectError):
            await stream.start_tls(ssl.create_default_context(), "127.0.0.1")


async def test_one_connection_where_two_addresses_take_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two connections made at once the other is closed."""
    monkeypatch.setattr(network, "_STAGGER_S", 0)
    began: list[asyncio.Task[Any] | None] = []
    ended: list[asyncio.Task[Any] | None] = []

    async def connected(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        began.append(asyncio.current_task())
        await reader.read()
        ended.append(asyncio.current_task())

    async def getaddrinfo(_host: str, port: int, **_more: object) -> list[Any]:
        found = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    async with serving(connected, at=("0.0.0.0", 0)) as port:
        stream = await Backend().connect_tcp("up.example", port)
        for _ in range(100):
            await asyncio.sleep(0.001)
        assert len(began) - len(ended) == 1
        await stream.aclose()

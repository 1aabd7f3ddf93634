"""How connections are opened, through a proxy or not, on every transport."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from router.transport.base import TransportSettings
from router.types import FailureClass
from tests.library.upstream import OK, Upstream, http, raw
from tests.transport.kit import WHOLE, asked, fails, in_use, post
from tests.transport.serving import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from router.transport.base import Transport
    from tests.faults.certificates import Certificate
    from tests.transport.kit import Made


OWN_NAMES = pytest.mark.parametrize("kind", ["httpx"])
"""pyreqwest looks names up by itself."""


@contextlib.asynccontextmanager
async def tunnelling() -> AsyncIterator[tuple[str, list[bytes]]]:
    """The address of a proxy that tunnels, and the first lines it was asked with."""
    lines: list[bytes] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines.append(head.split(b"\r\n")[0])
        host, _, port = head.split(b" ")[1].decode().rpartition(":")
        far_reader, far_writer = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        try:
            await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))
        finally:
            far_writer.transport.abort()

    async with serving(connected) as port:
        yield f"http://127.0.0.1:{port}", lines


@WHOLE
async def test_tls_through_a_proxy(
    make: Made, trusting: TransportSettings, certificate: Certificate, whole: bool
) -> None:
    """An https address is reached through a tunnel, which is kept and used again."""
    with Upstream(tls=certificate.context()) as up:
        up.script(OK)
        async with tunnelling() as (proxy, lines):
            transport = make(dataclasses.replace(trusting, proxy=proxy))
            for _ in range(2):
                status, _ = await asked(transport, post(up.url), whole=whole)
                assert status == 200
            await transport.aclose()
        assert lines == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % up.port]


async def test_proxy_that_refuses(up: Upstream, make: Made, trusting: TransportSettings) -> None:
    """A proxy that opens no tunnel is a connection failure."""
    up.script(raw(b"HTTP/1.1 407 Who are you\r\ncontent-length: 0\r\n\r\n"))
    transport = make(dataclasses.replace(trusting, proxy=up.root))
    kind, _ = await fails(transport, "https://127.0.0.1:9/v1")
    assert kind is FailureClass.CONNECTION
    assert in_use(transport) == (0, 0)
    await transport.aclose()


@pytest.mark.parametrize("hangs", ["in TLS", "in CONNECT"])
@WHOLE
async def test_connect_timeout_covers_all_of_the_opening(
    up: Upstream, make: Made, trusting: TransportSettings, hangs: str, whole: bool
) -> None:
    """TLS and a proxy's tunnel are part of connecting: taking too long is a connection failure, in time."""
    up.script(raw(b"", end="hang"))
    if hangs == "in TLS":
        settings, url = trusting, up.url.replace("http:", "https:")
    else:
        settings, url = dataclasses.replace(trusting, proxy=up.root), "https://127.0.0.1:9/v1"
    transport = make(dataclasses.replace(settings, connect_timeout_s=0.3))
    began = time.monotonic()
    kind, _ = await fails(transport, url, whole=whole)
    assert kind is FailureClass.CONNECTION
    assert 0.29 < time.monotonic() - began < 2
    assert in_use(transport) == (0, 0)
    await transport.aclose()


async def test_connect_timeout_ends_with_the_opening(up: Upstream, make: Made) -> None:
    """Once the request is on its way, connect_timeout does not matter."""

    async def script(exchange: Any) -> None:
        await asyncio.sleep(0.4)
        await OK(exchange)

    up.script(script)
    transport = make(TransportSettings(https=False, connect_timeout_s=0.2))
    assert (await asked(transport, post(up.url)))[0] == 200
    await transport.aclose()


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:99999/v1", "http://127.0.0.1:0/v1", f"http://{'a' * 64}.example/v1", "http://a..b/v1"],
)
async def test_address_that_cannot_be_reached(transport: Transport, url: str) -> None:
    """A port or a name that cannot be one is a failure of the attempt, not an exception of a library's."""
    kind, _ = await fails(transport, url)
    assert kind is FailureClass.CONNECTION


def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Let every name have *addresses*, in that order."""
    families = [socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses]

    async def getaddrinfo(_host: str, port: int, **_more: object) -> list[Any]:
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, port))
            for family, address in zip(families, addresses, strict=True)
        ]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


@OWN_NAMES
@pytest.mark.parametrize("first", ["127.0.0.2", "::1"])
async def test_next_address_where_the_first_refuses(
    up: Upstream, make: Made, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """A name's addresses are tried in turn; the family of the second comes second."""
    resolving(monkeypatch, first, "127.0.0.1")
    up.script(OK)
    transport = make(TransportSettings(https=False))
    assert (await asked(transport, post(f"http://up.example:{up.port}/v1")))[0] == 200
    await transport.aclose()


@OWN_NAMES
async def test_next_address_where_the_first_is_silent(
    make: Made, monkeypatch: pytest.MonkeyPatch, full_backlog: int
) -> None:
    """An address that does not answer costs a quarter of a second, not the connect_timeout."""
    resolving(monkeypatch, "127.0.0.1", "127.0.0.2")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(200, b"ok"))

    transport = make(TransportSettings(https=False))
    async with serving(connected, at=("127.0.0.2", full_backlog)):
        began = time.monotonic()
        assert await asked(transport, post(f"http://up.example:{full_backlog}/v1")) == (200, b"ok")
        assert 0.2 < time.monotonic() - began < 2
    await transport.aclose()


@OWN_NAMES
async def test_no_address_takes_it(make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every address refuses, that is a connection failure, at once."""
    resolving(monkeypatch, "::1", "127.0.0.2", "127.0.0.3")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    transport = make(TransportSettings(https=False))
    began = time.monotonic()
    failed, _ = await fails(transport, f"http://up.example:{port}/v1")
    assert failed is FailureClass.CONNECTION
    assert time.monotonic() - began < 1
    await transport.aclose()

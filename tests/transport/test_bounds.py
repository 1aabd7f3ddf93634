"""Times and sizes are bounded, on every transport."""

from __future__ import annotations

import asyncio
import functools
import gzip
import io
import socket
import time
import zlib
from typing import TYPE_CHECKING

import pytest

from bench.probes.base import forget_peak, memory_kib
from router.transport.base import TransportFailure, TransportSettings
from router.types import FailureClass
from tests.library.upstream import HANG, drip, framed, http, raw, reply
from tests.transport.kit import CHUNKED, WHOLE, asked, fails, in_use, post, soon

if TYPE_CHECKING:
    from router.transport.base import Transport
    from tests.library.upstream import Upstream
    from tests.transport.kit import Made


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nx-a: "),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
    ],
    ids=["nothing whole", "headers", "sized body", "chunked body"],
)
@WHOLE
async def test_dripping_does_not_stretch_the_deadline(
    up: Upstream, transport: Transport, head: bytes, piece: bytes, whole: bool
) -> None:
    """The deadline is absolute: bytes that keep coming do not move it."""
    up.script(drip(head, piece[:1] if not head else piece))
    began = time.monotonic()
    kind, _ = await fails(transport, up.url, within=0.2, whole=whole)
    assert kind is FailureClass.TIMEOUT
    assert 0.19 < time.monotonic() - began < 0.6
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_dripped_streaming_has_the_deadline_too(up: Upstream, transport: Transport) -> None:
    """Read piece by piece, the last piece comes before the deadline."""
    up.script(drip(CHUNKED, b"1\r\nx\r\n"))
    until = soon(0.5)
    response = await transport.send(post(up.url), until)
    assert await response.next(until)
    assert await response.next(until)
    with pytest.raises(TransportFailure, match="in time"):
        await response.read(until)
    await response.aclose()


@WHOLE
async def test_silence(up: Upstream, transport: Transport, whole: bool) -> None:
    """An upstream that accepts and says nothing is a timeout, and its connection is closed."""
    up.script(HANG)
    kind, _ = await fails(transport, up.url, within=0.1, whole=whole)
    assert kind is FailureClass.TIMEOUT
    assert await asyncio.to_thread(up.left.wait, 5)


@WHOLE
async def test_reply_at_the_cap_passes(up: Upstream, transport: Transport, whole: bool) -> None:
    """Exactly max_reply bytes are fine."""
    up.script(reply(200, b"x" * 1024 * 1024))
    _, body = await asked(transport, post(up.url), whole=whole)
    assert len(body) == 1024 * 1024


@pytest.mark.parametrize(
    "sent",
    [
        http(200, b"x" * (1024 * 1024 + 1)),
        CHUNKED + framed(b"x" * 600_000) * 2 + b"0\r\n\r\n",
        http(200, gzip.compress(b"x" * (1024 * 1024 + 1)), {"content-encoding": "gzip"}),
    ],
    ids=["sized", "chunked", "gzip"],
)
@WHOLE
async def test_reply_over_the_cap(up: Upstream, transport: Transport, sent: bytes, whole: bool) -> None:
    """One decoded byte too many is a failure."""
    up.script(raw(sent))
    kind, detail = await fails(transport, up.url, whole=whole)
    assert (kind, detail) == (FailureClass.PROTOCOL, "the reply is larger than max_reply")


@functools.cache
def bomb(encoding: str) -> bytes:
    """200 MiB of zeros, packed a piece at a time: at once they would themselves be the peak of memory."""
    packed, check = io.BytesIO(), 1
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as out:
        for _ in range(200):
            out.write(bytes(1024 * 1024))
            check = zlib.adler32(bytes(1024 * 1024), check)
    data = packed.getvalue()
    if encoding == "raw deflate":
        return data[10:-8]  # The gzip header and trailer cut off.
    if encoding == "deflate":
        return b"\x78\x01" + data[10:-8] + check.to_bytes(4)
    return data


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
@WHOLE
async def test_compression_bomb(up: Upstream, transport: Transport, encoding: str, whole: bool) -> None:
    """A bomb fails fast and costs no more memory than a few times the cap."""
    up.script(raw(http(200, bomb(encoding), {"content-encoding": encoding.removeprefix("raw ")})))
    forget_peak()
    before = memory_kib("VmHWM")
    began = time.monotonic()
    failed = await fails(transport, up.url, whole=whole)
    assert failed == (FailureClass.PROTOCOL, "the reply is larger than max_reply")
    assert time.monotonic() - began < 1
    assert memory_kib("VmHWM") - before < 16 * 1024


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_stream_that_is_passed_on_has_no_cap(up: Upstream, transport: Transport, packed: bool) -> None:
    """After ``lift_cap`` a stream of three times max_reply is read to its end, and nothing of it is lost."""
    sent = bytes(range(256)) * 4096 * 3
    coding = {"content-encoding": "gzip"} if packed else {}
    up.script(raw(http(200, gzip.compress(sent, 1) if packed else sent, coding), end="keep"))
    response = await transport.send(post(up.url), soon())
    got = [await response.next(soon()) or b""]
    response.lift_cap()
    while (piece := await response.next(soon())) is not None:
        got.append(piece)
    assert b"".join(got) == sent
    await response.aclose()


async def test_compression_bomb_without_a_cap(up: Upstream, transport: Transport) -> None:
    """A stream that is passed on is decoded a small piece at a time, as it is read."""
    up.script(raw(http(200, bomb("gzip"), {"content-encoding": "gzip"})))
    forget_peak()
    before = memory_kib("VmHWM")
    response = await transport.send(post(up.url), soon())
    response.lift_cap()
    read = 0
    while read < 64 * 1024 * 1024:
        piece = await response.next(soon()) or b""
        assert 0 < len(piece) <= 1024 * 1024
        read += len(piece)
    await response.aclose()
    assert memory_kib("VmHWM") - before < 16 * 1024


@WHOLE
async def test_undecodable_reply(up: Upstream, transport: Transport, whole: bool) -> None:
    """A body that is not what content-encoding says is a protocol failure."""
    up.script(raw(http(200, b"not gzip", {"content-encoding": "gzip"})))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL


async def test_refused(transport: Transport) -> None:
    """Nobody listens: a connection failure, at once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    kind, _ = await fails(transport, f"http://127.0.0.1:{port}")
    assert kind is FailureClass.CONNECTION
    assert time.monotonic() - began < 0.2


async def test_unreadable_address(transport: Transport) -> None:
    """An address that cannot be one is a failure of the attempt, not an exception of httpx2's."""
    kind, _ = await fails(transport, "http://127.0.0.300/v1")
    assert kind is FailureClass.CONNECTION


@WHOLE
async def test_connect_timeout(make: Made, full_backlog: int, whole: bool) -> None:
    """Connecting has its own limit, and running into it is a connection failure."""
    transport = make(TransportSettings(https=False, connect_timeout_s=0.2))
    began = time.monotonic()
    kind, _ = await fails(transport, f"http://127.0.0.1:{full_backlog}", whole=whole)
    assert kind is FailureClass.CONNECTION
    assert 0.19 < time.monotonic() - began < 0.6
    assert in_use(transport) == (0, 0)
    await transport.aclose()


@WHOLE
async def test_deadline_while_connecting(make: Made, full_backlog: int, whole: bool) -> None:
    """The deadline holds while connecting, too."""
    transport = make(TransportSettings(https=False, connect_timeout_s=30))
    kind, _ = await fails(transport, f"http://127.0.0.1:{full_backlog}", within=0.1, whole=whole)
    assert kind is FailureClass.TIMEOUT
    assert in_use(transport) == (0, 0)
    await transport.aclose()

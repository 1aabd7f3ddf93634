"""A body that is packed is unpacked to its proper end or is a failure, on every transport."""

from __future__ import annotations

import gzip
import zlib
from typing import TYPE_CHECKING

import pytest

from router.types import FailureClass
from tests.library.upstream import drip, framed, http, raw
from tests.transport.kit import CHUNKED, WHOLE, asked, fails, in_use, post

if TYPE_CHECKING:
    from router.transport.base import Transport
    from tests.library.upstream import Upstream

TEXT = b"Take 10 mg, but never more than twice a day. " * 40
PACKED = gzip.compress(TEXT, mtime=0)


def raw_deflate(text: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(text) + packing.flush()


GOOD = {
    "gzip": ("gzip", PACKED),
    "two members": ("gzip", gzip.compress(TEXT[:45]) + gzip.compress(TEXT[45:])),
    "an empty member last": ("gzip", PACKED + gzip.compress(b"")),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "raw deflate": ("deflate", raw_deflate(TEXT)),
}
BAD = {
    "cut off": ("gzip", PACKED[:-20]),
    "without its check": ("gzip", PACKED[:-8]),
    "its header alone": ("gzip", PACKED[:10]),
    "one byte": ("gzip", PACKED[:1]),
    "a second member cut off": ("gzip", PACKED + PACKED[:-9]),
    "something after it": ("gzip", PACKED + b"and more"),
    "a wrong check": ("gzip", PACKED[:-8] + bytes(8)),
    "deflate cut off": ("deflate", zlib.compress(TEXT)[:-6]),
    "one byte of deflate": ("deflate", zlib.compress(TEXT)[:1]),
    "raw deflate cut off": ("deflate", raw_deflate(TEXT)[:-6]),
}


def coded(coding: str, body: bytes, *, piece: int) -> bytes:
    """A response in chunks of *piece* bytes."""
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\ncontent-encoding: %b\r\n\r\n" % coding.encode())
    return head + b"".join(framed(body[at : at + piece]) for at in range(0, len(body), piece)) + b"0\r\n\r\n"


@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize("packed", GOOD)
@WHOLE
async def test_unpacked(up: Upstream, transport: Transport, packed: str, piece: int, whole: bool) -> None:
    """What is well packed is unpacked, however it is cut; its connection is kept."""
    up.script(raw(coded(*GOOD[packed], piece=piece), end="keep"))
    for _ in range(2):
        assert await asked(transport, post(up.url), whole=whole) == (200, TEXT)
    assert up.connections == 1


@pytest.mark.parametrize("piece", [1, 1000])
@pytest.mark.parametrize("packed", BAD)
@WHOLE
async def test_badly_packed(up: Upstream, transport: Transport, packed: str, piece: int, whole: bool) -> None:
    """What ends before what it holds, or goes on after it, is a protocol failure, never a reply."""
    up.script(raw(coded(*BAD[packed], piece=piece), end="keep"))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL


@WHOLE
async def test_endless_after_the_end(up: Upstream, transport: Transport, whole: bool) -> None:
    """Bytes without end after what is packed are a failure at once, not at the deadline."""
    up.script(drip(coded("gzip", PACKED, piece=1000).removesuffix(b"0\r\n\r\n"), framed(b"x" * 100_000)))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL
    assert in_use(transport) == (0, 0)


@WHOLE
async def test_members_without_end(up: Upstream, transport: Transport, whole: bool) -> None:
    """Members with nothing in them, without end, are a failure at once."""
    empty = framed(gzip.compress(b"", mtime=0) * 5000)
    up.script(drip(coded("gzip", PACKED, piece=1000).removesuffix(b"0\r\n\r\n"), empty))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL


@WHOLE
async def test_nothing_packed(up: Upstream, transport: Transport, whole: bool) -> None:
    """A reply without a body may say how it would have been packed."""
    up.script(raw(http(200, b"", {"content-encoding": "gzip"}), end="keep"))
    assert await asked(transport, post(up.url), whole=whole) == (200, b"")

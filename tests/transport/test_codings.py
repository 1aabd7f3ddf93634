"""What a response says its body is packed with is undone, or the body is refused, on every transport."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from router.types import FailureClass
from tests.library.upstream import framed, raw
from tests.transport.kit import WHOLE, asked, fails, post

if TYPE_CHECKING:
    from router.transport.base import Transport
    from tests.library.upstream import Upstream

PACKED = gzip.compress(b"hello", mtime=0)
UNREADABLE = {
    "two lines": [b"content-encoding: gzip", b"content-encoding: gzip"],
    "unknown and identity": [b"content-encoding: br", b"content-encoding: identity"],
    "identity and unknown": [b"content-encoding: identity", b"content-encoding: br"],
    "gzip and unknown": [b"content-encoding: gzip", b"content-encoding: br"],
    "no ASCII": [b"content-encoding: \xe9"],
    "gzip and no ASCII": [b"content-encoding: gzip", b"content-encoding: \xe9"],
    "the transfer": [b"transfer-encoding: gzip, chunked"],
    "the transfer, in two lines": [b"transfer-encoding: gzip", b"transfer-encoding: chunked"],
}
READABLE = {
    "upper case": [b"content-encoding: GZIP"],
    "a comma": [b"content-encoding: gzip,"],
    "identity before": [b"content-encoding: identity, gzip"],
    "identity after": [b"content-encoding: gzip", b"content-encoding: identity"],
}


def said(lines: list[bytes], body: bytes) -> bytes:
    """A response with these lines of its head, in one chunk."""
    chunked = [] if any(b"transfer" in line for line in lines) else [b"transfer-encoding: chunked"]
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, *chunked, b"", framed(body) + b"0\r\n\r\n"])


@pytest.mark.parametrize("lines", UNREADABLE.values(), ids=UNREADABLE.keys())
@WHOLE
async def test_unreadable(up: Upstream, transport: Transport, lines: list[bytes], whole: bool) -> None:
    """What nobody unpacked is never handed over, whichever line says so."""
    up.script(raw(said(lines, PACKED)))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL


@pytest.mark.parametrize("lines", READABLE.values(), ids=READABLE.keys())
@WHOLE
async def test_readable(up: Upstream, transport: Transport, lines: list[bytes], whole: bool) -> None:
    """One packing that is known is undone, however it is written."""
    up.script(raw(said(lines, PACKED)))
    assert await asked(transport, post(up.url), whole=whole) == (200, b"hello")


@pytest.mark.parametrize("value", [b"", b"identity", b"Identity, identity", b","])
@WHOLE
async def test_not_packed(up: Upstream, transport: Transport, value: bytes, whole: bool) -> None:
    """What changes nothing is nothing to undo."""
    up.script(raw(said([b"content-encoding: " + value], b"hello")))
    assert await asked(transport, post(up.url), whole=whole) == (200, b"hello")

"""Broken connections and broken messages end in the same classes, on every transport."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING

import pytest

from router.transport import base
from router.types import FailureClass
from tests.library.upstream import OK, finish, framed, http, raw
from tests.transport.kit import CHUNKED, WHOLE, asked, fails, post, wait_until

if TYPE_CHECKING:
    from router.transport.base import Transport
    from tests.library.upstream import Exchange, Upstream


OK_ONCE = http(200, b"ok")
CUTS = {
    "before the reply": b"",
    "inside the headers": b"HTTP/1.1 200 OK\r\nx-a:",
    "after the headers": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
    "short content-length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "inside a chunk": CHUNKED + b"a\r\nabc",
    "missing last chunk": CHUNKED + framed(b"abc"),
}


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("sent", CUTS.values(), ids=CUTS.keys())
@WHOLE
async def test_cut_short(up: Upstream, transport: Transport, sent: bytes, end: str, whole: bool) -> None:
    """A connection cut at any stage is never a whole reply; it is a connection failure."""
    up.script(raw(sent, end=end))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.CONNECTION


@pytest.mark.parametrize(
    "sent",
    [
        b"hello, this is not HTTP\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: minus\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 2_000_000 + b"\r\n\r\n",
        CHUNKED + b"zz\r\nabc\r\n",
    ],
    ids=["text", "status", "length", "huge header", "chunk size"],
)
@WHOLE
async def test_invalid_http(up: Upstream, transport: Transport, sent: bytes, whole: bool) -> None:
    """What is not HTTP is a protocol failure."""
    up.script(raw(sent))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL


@WHOLE
@pytest.mark.parametrize("end", ["fin", "reset"])
async def test_stale(up: Upstream, transport: Transport, end: str, whole: bool) -> None:
    """A kept connection that breaks as it is used is replaced, unseen: the request goes out once more."""
    known: set[int] = set()

    async def script(exchange: Exchange) -> None:
        if exchange.seen.connection in known:
            await finish(exchange, end)
        else:
            known.add(exchange.seen.connection)
            await OK(exchange)

    up.script(script)
    for _ in range(4):
        status, _ = await asked(transport, post(up.url), whole=whole)
        assert status == 200
    assert len(up.seen) == 4 + 3


@WHOLE
@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("sent", ["", "some of the body", "a pause"])
async def test_sent_once(
    up: Upstream, transport: Transport, sent: str, end: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent twice on a new connection, after a response began, or when the upstream was at work."""
    monkeypatch.setattr(base, "STALE_S", 0.05)

    async def script(exchange: Exchange) -> None:
        if sent == "some of the body":
            await exchange.send(CHUNKED + framed(b"x"))
        elif sent == "a pause":
            await asyncio.sleep(0.1)
        await finish(exchange, end)

    if sent:
        up.script(OK)
        await asked(transport, post(up.url))
    up.script(script)
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.CONNECTION
    assert len(up.seen) == (2 if sent else 1)


@WHOLE
async def test_closed_while_idle(up: Upstream, transport: Transport, whole: bool) -> None:
    """A connection that its upstream closed while idle is not used again; the request goes out once."""
    up.script(raw(OK_ONCE))
    for _ in range(3):
        assert await asked(transport, post(up.url), whole=whole) == (200, b"ok")
        await asyncio.to_thread(wait_until, lambda: up.open == 0)
    assert len(up.seen) == 3


@pytest.mark.parametrize("says", ["", "close", "Close", "keep-alive, CLOSE"])
@WHOLE
async def test_sent_once_after_a_close(up: Upstream, transport: Transport, says: str, whole: bool) -> None:
    """Where the last connection was closed, said or unsaid, the next is new: what breaks is sent once."""
    up.script(raw(http(200, b"ok", {"connection": says} if says else {})))
    assert await asked(transport, post(up.url), whole=whole) == (200, b"ok")
    await asyncio.to_thread(wait_until, lambda: up.open == 0)
    up.script(raw(b""))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.CONNECTION
    assert len(up.seen) == 2


@pytest.mark.parametrize(
    ("coding", "body"),
    [("x-odd", b"\x00\x01"), ("gzip, gzip", gzip.compress(gzip.compress(b"{}")))],
    ids=["unknown", "one upon another"],
)
@WHOLE
async def test_unknown_encoding(
    up: Upstream, transport: Transport, coding: str, body: bytes, whole: bool
) -> None:
    """What nobody can decode is never taken for the body; neither is what was packed twice undone."""
    up.script(raw(http(200, body, {"content-encoding": coding})))
    kind, _ = await fails(transport, up.url, whole=whole)
    assert kind is FailureClass.PROTOCOL

"""HTTP/2, which pyreqwest speaks where an upstream offers it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from router.types import FailureClass
from tests.transport.http2 import CANCEL, NO_ERROR, REFUSED, data, go_away, head, http2_server, reset
from tests.transport.kit import KINDS, WHOLE, asked, fails, in_use, post, soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from router.transport.base import Transport, TransportSettings
    from tests.faults.certificates import Certificate
    from tests.transport.http2 import Frame, Http2Server
    from tests.transport.kit import Made

pytestmark = [
    pytest.mark.parametrize("kind", ["pyreqwest"]),
    pytest.mark.skipif("pyreqwest" not in KINDS, reason="pyreqwest cannot be used here"),
]

GOOD = [head(), data(b"he"), data(b"llo", end=True)]


@pytest.fixture
async def server(certificate: Certificate) -> AsyncIterator[Http2Server]:
    async with http2_server(certificate) as made:
        yield made


@pytest.fixture
async def transport(make: Made, trusting: TransportSettings) -> AsyncIterator[Transport]:
    """One with small limits, that must end with nothing in use."""
    made = make(replace(trusting, max_reply_bytes=64 * 1024))
    yield made
    assert in_use(made) == (0, 0)
    await made.aclose()


@WHOLE
async def test_connection_is_reused(server: Http2Server, transport: Transport, whole: bool) -> None:
    """One request follows another on one connection; what they end with is theirs."""
    server.answers = [GOOD, [head(content_length="5"), data(b"HELLO", end=True)]]
    assert await asked(transport, post(server.url), whole=whole) == (200, b"hello")
    assert await asked(transport, post(server.url), whole=whole) == (200, b"HELLO")
    assert (server.requests, server.connections) == (2, 1)


@pytest.mark.parametrize("code", [NO_ERROR, CANCEL, 2])
@WHOLE
async def test_cut_with_a_length(server: Http2Server, transport: Transport, code: int, whole: bool) -> None:
    """A body that is shorter than its content-length is cut, however its stream was reset."""
    server.answers = [[head(content_length="10"), data(b"hel"), reset(code)], GOOD]
    kind, _ = await fails(transport, server.url, whole=whole)
    assert kind is FailureClass.CONNECTION
    assert await asked(transport, post(server.url), whole=whole) == (200, b"hello")


@WHOLE
async def test_cut_without_a_length(server: Http2Server, transport: Transport, whole: bool) -> None:
    """A stream that is reset with an error is cut; reset without one, pyreqwest takes it for ended."""
    server.answers = [[head(), data(b"hel"), reset(2)], [head(), data(b"hel"), reset(NO_ERROR)]]
    kind, _ = await fails(transport, server.url, whole=whole)
    assert kind is FailureClass.CONNECTION
    assert await asked(transport, post(server.url), whole=whole) == (200, b"hel")


@WHOLE
async def test_a_provider_without_http2(
    server: Http2Server, make: Made, trusting: TransportSettings, whole: bool
) -> None:
    """Where a stream's end is the message's, HTTP/2 is not spoken, whatever an upstream offers."""
    server.answers = [[head(), data(b"Never "), reset(NO_ERROR)]]
    transport = make(replace(trusting, http2=False))
    kind, _ = await fails(transport, server.url, whole=whole)
    assert kind in (FailureClass.CONNECTION, FailureClass.PROTOCOL)
    assert server.requests == 0
    await transport.aclose()


@pytest.mark.parametrize("sent", [[], [head(), data(b"hel")]], ids=["nothing", "a part"])
@WHOLE
async def test_timeout_closes(
    server: Http2Server, transport: Transport, sent: list[Frame], whole: bool
) -> None:
    """A time-out closes the connection, which may be dead; the next request opens another."""
    server.answers = [sent, GOOD]
    began = time.monotonic()
    kind, _ = await fails(transport, server.url, within=0.5, whole=whole)
    assert kind is FailureClass.TIMEOUT
    assert time.monotonic() - began < 1.5
    await server.closed()
    assert await asked(transport, post(server.url), whole=whole) == (200, b"hello")
    assert server.connections == 2


@WHOLE
async def test_cancelled(server: Http2Server, transport: Transport, whole: bool) -> None:
    """Cancelled before the response, the connection is closed."""
    server.answers = [[]]
    task = asyncio.create_task(transport.send(post(server.url), soon(), whole=whole))
    await server.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.closed()


async def test_left_inside_the_body(server: Http2Server, transport: Transport) -> None:
    """A response that is left before its end takes its connection with it."""
    server.answers = [[head(), data(b"hel")]]
    response = await transport.send(post(server.url), soon())
    assert await response.next(soon()) == b"hel"
    await response.aclose()
    await server.closed()


@WHOLE
async def test_over_the_cap(server: Http2Server, transport: Transport, whole: bool) -> None:
    """One byte too many is a failure, and the rest is not waited for."""
    server.answers = [[head(), *[data(b"x" * 16 * 1024)] * 4, data(b"x")]]
    assert await fails(transport, server.url, whole=whole) == (
        FailureClass.PROTOCOL,
        "the reply is larger than max_reply",
    )
    await server.closed()


@pytest.mark.parametrize("unprocessed", [[reset(REFUSED)], [go_away(0)]], ids=["refused", "gone"])
@WHOLE
async def test_sent_again_when_unprocessed(
    server: Http2Server, transport: Transport, unprocessed: list[Frame], whole: bool
) -> None:
    """What an upstream says it has not processed (RFC 9113, section 8.7) is sent again, unseen."""
    server.answers = [unprocessed, GOOD]
    assert await asked(transport, post(server.url), whole=whole) == (200, b"hello")
    assert server.requests == 2


@WHOLE
async def test_malformed(server: Http2Server, transport: Transport, whole: bool) -> None:
    """DATA before HEADERS is a failure; which of the two classes, pyreqwest does not tell."""
    server.answers = [[data(b"hi", end=True)]]
    kind, _ = await fails(transport, server.url, whole=whole)
    assert kind is FailureClass.CONNECTION

"""The transports in uvloop, which the gateway runs on: its connections are not of asyncio's classes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvloop

from router.transport.base import TransportSettings
from tests.library.upstream import OK, Upstream, http, raw
from tests.transport.kit import WHOLE, asked, in_use, post

if TYPE_CHECKING:
    from tests.faults.certificates import Certificate
    from tests.transport.kit import Made


@WHOLE
def test_plain(up: Upstream, make: Made, whole: bool) -> None:
    """A connection is kept; a reply too many answers nobody."""

    async def story() -> None:
        transport = make(TransportSettings(https=False))
        up.script(raw(http(200, b"one"), end="keep"))
        for _ in range(3):
            assert await asked(transport, post(up.url), whole=whole) == (200, b"one")
        assert up.connections == 1
        up.script(raw(http(200, b"two") + http(200, b"too many"), end="keep"))
        for _ in range(3):
            assert await asked(transport, post(up.url), whole=whole) == (200, b"two")
        assert in_use(transport) == (0, 0)
        await transport.aclose()

    asyncio.Runner(loop_factory=uvloop.new_event_loop).run(story())


def test_tls(make: Made, trusting: TransportSettings, certificate: Certificate) -> None:
    """A certificate is checked, and the connection kept."""

    async def story(up: Upstream) -> None:
        transport = make(trusting)
        for _ in range(2):
            status, _ = await asked(transport, post(up.url), whole=True)
            assert status == 200
        assert up.connections == 1
        await transport.aclose()

    with Upstream(tls=certificate.context()) as up:
        up.script(OK)
        asyncio.Runner(loop_factory=uvloop.new_event_loop).run(story(up))

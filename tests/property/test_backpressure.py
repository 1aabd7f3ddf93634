"""Streams: invariant 33, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from typing import TYPE_CHECKING

from hypothesis import event, given, settings
from hypothesis import strategies as st

from router import Router
from router.config import load_text
from router.core.streams import OnBreak
from tests.faults.server import MESSAGES, FaultServer, comes_true
from tests.faults.server import event as chunk_of
from tests.library.upstream import SSE, framed
from tests.server.world import GatewayThread

if TYPE_CHECKING:
    from tests.library.upstream import Exchange

PIECE = framed(chunk_of({"content": "x" * 60_000}))
MOST = 256 * 1024 * 1024
BOUND = 48 * 1024 * 1024
"""Bytes: what is held back (8 MiB), and what the kernel keeps for two connections of its own accord."""
ABLE = {"supports": {"prefill": True}, "deterministic": True}
POLICIES = st.sampled_from(OnBreak)
EACH = settings(max_examples=len(OnBreak) + 1, deadline=None)
"""One more than there are, so that it is seen that there are no more."""


class Flood(FaultServer):
    """Streams as much as it gets rid of, up to MOST bytes, and counts them."""

    def __init__(self) -> None:
        super().__init__({"m": self._pour})
        self.sent = 0

    async def _pour(self, exchange: Exchange) -> None:
        await exchange.send(SSE)
        exchange.fin()
        with contextlib.suppress(ConnectionError):
            while self.sent < MOST:
                await exchange.send(PIECE)
                self.sent += len(PIECE)

    async def stops(self) -> int:
        """How much was sent when it has stood still for 0.4 s."""
        before = -1
        while before != self.sent:
            before = self.sent
            await asyncio.sleep(0.4)
        return before


def yaml(flood: Flood, on_break: OnBreak) -> str:
    # A reply's own bound must not be what stops it.
    provider = {"adapter": "openai", "base_url": flood.url, "max_reply": "1000MiB"}
    target = {"model": "p/m", **ABLE}
    group = {"targets": [target], "stream": {"on_break": on_break.value}}
    return json.dumps({"version": 1, "providers": {"p": provider}, "models": {"g": group}})


@EACH
@given(on_break=POLICIES)
def test_invariant_33_a_reader_that_stops(on_break: OnBreak) -> None:
    """Library: nobody asks for the next chunk, so nothing more is read upstream; then all goes on."""
    event(on_break)
    with Flood() as flood:
        asyncio.run(_read_a_little(flood, on_break))


async def _read_a_little(flood: Flood, on_break: OnBreak) -> None:
    async with Router(load_text(yaml(flood, on_break)).require()) as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)
        await anext(answer)
        stood_at = await flood.stops()
        assert 0 < stood_at < BOUND
        for _ in range(stood_at // len(PIECE)):
            await anext(answer)
        assert await comes_true(lambda: flood.sent > stood_at)
        await answer.aclose()


@EACH
@given(on_break=POLICIES)
def test_invariant_33_a_client_that_stops(on_break: OnBreak) -> None:
    """Gateway: a client that reads no more stops the upstream, and starts it again when it reads."""
    event(on_break)
    with Flood() as flood:
        gateway = GatewayThread(yaml(flood, on_break))
        try:
            asyncio.run(_ask_and_stop(gateway, flood))
        finally:
            gateway.close()


async def _ask_and_stop(gateway: GatewayThread, flood: Flood) -> None:
    body = json.dumps({"model": "g", "messages": MESSAGES, "stream": True}).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as client:
        client.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        assert client.recv(12) == b"HTTP/1.1 200"
        stood_at = await flood.stops()
        assert 0 < stood_at < BOUND
        await asyncio.to_thread(_read, client, stood_at)
        assert await comes_true(lambda: flood.sent > stood_at)


def _read(client: socket.socket, size: int) -> None:
    while size > 0:
        size -= len(client.recv(1024 * 1024))

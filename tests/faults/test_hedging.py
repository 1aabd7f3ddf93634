"""Hedging over real sockets: a target that goes silent costs the hedge's delay, not the timeout."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.faults.server import FaultServer, ask, comes_true, in_use, open_router, provider
from tests.library.upstream import SSE, raw

if TYPE_CHECKING:
    from router import Router

AFTER_S = 0.2
HUNG = {
    "before the headers": b"",
    "before the body": b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n",
}


def router_for(server: FaultServer, sent: bytes) -> Router:
    """A group whose first target hangs after *sent*."""
    server.left.clear()
    server.faults["hangs"] = raw(sent, end="hang")
    targets = [{"model": "p/hangs", "tier": 1}, {"model": "p/healthy", "tier": 2}]
    models = {"g": {"targets": targets, "hedge": {"after": "200ms"}}}
    return open_router({"p": provider(server.url)}, models, {"timeout": "2s"})


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("sent", HUNG.values(), ids=list(HUNG))
async def test_hung(server: FaultServer, opened: list[Router], stream: bool, sent: bytes) -> None:
    """The hedge answers after its delay; the hung connection is closed, and the next request fares alike."""
    router = router_for(server, SSE if stream and sent else sent)
    opened.append(router)
    for _ in range(2):
        began = time.monotonic()
        text, routing = await ask(router, "g", stream=stream)
        elapsed_s = time.monotonic() - began
        assert text == "hi"
        assert [(item.target, item.outcome, item.hedge) for item in routing.attempts] == [
            ("p/hangs", "cancelled", False),
            ("p/healthy", "ok", True),
        ]
        assert AFTER_S <= elapsed_s < AFTER_S + 0.2
        assert in_use(router) == (0, 0)
        assert await comes_true(server.left.is_set)
        server.left.clear()


async def test_many_at_once_stay_within_the_budget(server: FaultServer, opened: list[Router]) -> None:
    """Forty requests whose first target hangs: 3 + 0.2 · 40 of them are hedged, the rest take the timeout."""
    router = router_for(server, b"")
    opened.append(router)
    asked = [asyncio.create_task(ask(router, "g", stream=False)) for _ in range(40)]
    await asyncio.wait(asked, timeout=5)
    hedged = sum(routing.attempts[1].hedge for _, routing in (task.result() for task in asked))
    assert hedged == 11
    assert all(task.result()[0] == "hi" for task in asked)

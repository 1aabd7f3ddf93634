"""The application without a server: what ASGI allows and uvicorn does not show."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from router.emulator.app import create_app
from router.emulator.exchange import ConnectionCut
from router.emulator.settings import Settings

if TYPE_CHECKING:
    from router.emulator.exchange import Message, Scope

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "path": "/models/v2/google/gemma-3-4b-it",
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"authorization", b"k")],
}


async def answer(scope: Scope, incoming: list[Message], settings: Settings | None = None) -> list[Message]:
    """What the application sends, given what arrives; then nothing more arrives."""
    sent: list[Message] = []
    nothing: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    async def receive() -> Message:
        if incoming:
            return incoming.pop(0)
        return await nothing

    async def send(message: Message) -> None:
        sent.append(message)

    await create_app(settings)(scope, receive, send)
    return sent


async def test_in_process_client() -> None:
    """It serves any ASGI client; a cut is an exception there."""
    transport = httpx.ASGITransport(create_app())
    headers = {"authorization": "k"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=headers) as client:
        response = await client.post("/models/v2/google/gemma-3-4b-it", json={"input": "Hi"})
        assert response.status_code == 200
        with pytest.raises(ConnectionCut):
            await client.post("/models/v2/faulty/cut", json={"input": "Hi"})


async def test_raw_path_is_optional() -> None:
    """Without ASGI's raw_path the decoded path serves; a body may come in pieces."""
    parts: list[Message] = [
        {"type": "http.request", "body": b'{"input":', "more_body": True},
        {"type": "http.request", "body": b'"Hi"}', "more_body": False},
    ]
    sent = await answer(SCOPE, parts)
    assert sent[0]["status"] == 200
    assert b'You said: \\"Hi\\"' in sent[1]["body"]


async def test_body_that_never_ends_is_given_up() -> None:
    """A client that stops in the middle of its body gets 408 in time."""
    part = {"type": "http.request", "body": b"{", "more_body": True}
    sent = await answer(SCOPE, [part], Settings(body_timeout_s=0.01))
    assert sent[0]["status"] == 408
    assert sent[1]["body"] == b'{"error":"the body did not arrive within 0.01 s","output":null}'


async def test_client_that_leaves_early_gets_nothing() -> None:
    """A request that was never complete is not answered."""
    assert await answer(SCOPE, [{"type": "http.disconnect"}]) == []


async def test_client_that_leaves_while_waiting_gets_nothing() -> None:
    """A slow answer is not made for nobody."""
    scope = {**SCOPE, "path": "/models/v2/faulty/slow-600000ms"}
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"input":"Hi"}'},
        {"type": "http.disconnect"},
    ]
    assert await answer(scope, arriving) == []


async def test_other_protocols_are_refused() -> None:
    """Neither WebSocket nor lifespan is spoken."""
    with pytest.raises(NotImplementedError, match="websocket"):
        await answer({"type": "websocket"}, [])

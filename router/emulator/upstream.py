"""Answers of a real model: the prompt goes to an OpenAI-compatible server, its text comes back."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import orjson

from router.adapters import sse
from router.adapters.base import UpstreamRequest
from router.emulator.exchange import Refused
from router.emulator.prompt import Answer, BrokenOff, Piece, Prompt
from router.transport.base import TransportFailure, TransportSettings, UpstreamResponse
from router.transport.httpx import HttpxTransport
from router.types import FailureClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from router.emulator.settings import UpstreamSettings

_DONE = b"[DONE]"
_HALF_PIECES = 8  # How long the rest would be is not known, so "half" of a stream is so many pieces.
_SHOWN_BYTES = 500  # of an upstream's error message
# What the upstream says of the caller's request goes to the caller; the rest is the upstream's own
# trouble, and its words could hold the upstream's key.
_PASSED_ON = (400, 404, 413, 422, 429)
_OWN = ("model", "messages", "stream")


class UpstreamSource:
    """Asks one server. Belongs to the event loop that asks first."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._transport: HttpxTransport | None = None

    async def ask(self, prompt: Prompt) -> Answer:
        """See ``Source``: waits for the head of the server's answer.

        Raises:
            Refused: 400, 404, 413, 422 or 429 as the server said; 502 when it answered anything
                else but 200; 503 when it cannot be reached; 504 when it says nothing in time.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + self._settings.timeout_s
        try:
            response = await self._connections().send(self._request(prompt), until)
        except TransportFailure as failure:
            status = 504 if failure.kind is FailureClass.TIMEOUT else 503
            raise Refused(status, f"the upstream does not answer: {failure}") from None
        if response.status == 200:  # noqa: PLR2004 - HTTP's
            return _UpstreamAnswer(response, began, until, stream=prompt.stream)
        try:
            message = await _message(response, until)
        finally:
            await response.aclose()
        if response.status in _PASSED_ON:
            raise Refused(response.status, f"the upstream answered {response.status}: {message}")
        raise Refused(502, f"the upstream answered {response.status}")

    async def aclose(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None

    def _connections(self) -> HttpxTransport:
        if self._transport is None:
            https = self._settings.url.startswith("https:")
            limit = self._settings.max_reply_bytes
            self._transport = HttpxTransport(TransportSettings(https, max_reply_bytes=limit))
        return self._transport

    def _request(self, prompt: Prompt) -> UpstreamRequest:
        body = {
            **{name: value for name, value in prompt.params.items() if name not in _OWN},
            "model": self._settings.model or prompt.model_id,
            "messages": [said.wire for said in prompt.messages],
            "stream": prompt.stream,
        }
        key = self._settings.key
        authorization = () if key is None else (("authorization", key.prefixed("Bearer ")),)
        headers = (("content-type", "application/json"), *authorization)
        return UpstreamRequest("POST", f"{self._settings.url}/chat/completions", headers, orjson.dumps(body))


class _UpstreamAnswer:
    """See ``Answer``."""

    def __init__(self, response: UpstreamResponse, began: float, until: float, *, stream: bool) -> None:
        self._response = response
        self._began = began
        self._until = until
        self._stream = stream

    async def pieces(self) -> AsyncIterator[Piece]:
        try:
            if not self._stream:
                yield _whole(await self._response.read(self._until))
                return
            async for data in self._events():
                yield _chunk(data)
        except TransportFailure as failure:
            raise BrokenOff(str(failure)) from None

    async def half(self) -> AsyncIterator[Piece]:
        left = _HALF_PIECES
        async for piece in self.pieces():
            yield piece
            left -= 1
            if not left:
                return

    def seconds(self) -> int:
        return max(math.ceil(asyncio.get_running_loop().time() - self._began), 1)

    async def aclose(self) -> None:
        await self._response.aclose()

    async def _events(self) -> AsyncIterator[dict[str, Any]]:
        """The decoded events up to the end, which must be ``[DONE]`` or a finish reason."""
        parser = sse.Parser()
        finished = False
        while (data := await self._response.next(self._until)) is not None:
            for event in parser.feed(data):
                if event.data == _DONE:
                    return
                decoded = _object(event.data)
                finished = finished or _finishes(decoded)
                yield decoded
            if parser.too_large:
                raise BrokenOff("an event of the upstream's stream is too large")
        if not finished:
            raise BrokenOff("the upstream's stream ended early")


async def _message(response: UpstreamResponse, until: float) -> str:
    """The server's own words, in part."""
    try:
        body = await response.read(until)
    except TransportFailure as failure:
        return str(failure)
    try:
        error = orjson.loads(body)["error"]
        message = str(error["message"] if isinstance(error, dict) else error)
    except (orjson.JSONDecodeError, LookupError, TypeError):
        message = body[:_SHOWN_BYTES].decode("utf-8", "replace")
    return message[:_SHOWN_BYTES]


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise BrokenOff("the upstream did not send JSON") from None
    if not isinstance(value, dict) or value.get("error"):
        raise BrokenOff("the upstream sent an error in place of an answer")
    return value


def _choice(value: dict[str, Any]) -> dict[str, Any]:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, dict) else {}


def _finishes(value: dict[str, Any]) -> bool:
    return bool(_choice(value).get("finish_reason"))


def _whole(body: bytes) -> Piece:
    value = _object(body)
    return _piece(value, _choice(value).get("message"))


def _chunk(value: dict[str, Any]) -> Piece:
    return _piece(value, _choice(value).get("delta"))


def _piece(value: dict[str, Any], said: Any) -> Piece:
    """What one reply or chunk says; parts of the wrong type count as not said."""
    held = said if isinstance(said, dict) else {}
    text, calls, usage = held.get("content"), held.get("tool_calls"), value.get("usage")
    reason = _choice(value).get("finish_reason")
    return Piece(
        text if isinstance(text, str) else "",
        tuple(call for call in calls if isinstance(call, dict)) if isinstance(calls, list) else (),
        reason if isinstance(reason, str) else None,
        usage if isinstance(usage, dict) else None,
    )

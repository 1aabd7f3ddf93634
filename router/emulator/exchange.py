"""One HTTP request and its answer, over plain ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, MutableMapping
from typing import Any, TypeAlias

import orjson

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

CUT = "bytez-emulator.cut"
"""Name in ``scope["state"]`` of the function by which ``serve`` lets the emulator hang up."""

JSON_TYPE = "application/json; charset=utf-8"  # bytez.js reads an error properly only with the charset.
NO_HEADERS: Mapping[str, str] = {}


class ConnectionCut(Exception):
    """Raised to cut a connection where the server offers no way to hang up."""


class Refused(Exception):
    """A request that ends in an error answer, ``{"error": message, "output": null}`` unless *body* is given.

    The message names the place and what to write instead.
    """

    def __init__(
        self,
        status: int,
        message: str,
        headers: Mapping[str, str] = NO_HEADERS,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.body = {"error": message, "output": None} if body is None else body


class ClientGone(Exception):
    """The client left before its request was complete."""


class Exchange:
    """One request being answered.

    Attributes:
        method: in upper case.
        path: as the client sent it, still percent-encoded, without the query.
        query: as the client sent it, without ``?``; may be empty.
        headers: names lower-cased; repeated headers joined by ", ".
        scheme: ``http`` or ``https``.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        # raw_path is optional in ASGI; without it an encoded slash cannot be told from a real one.
        raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.path = raw_path.decode("latin-1")
        self.query: str = scope["query_string"].decode("latin-1")
        self.headers = _headers(scope["headers"])
        self._hang_up: Callable[[], None] | None = scope.get("state", {}).get(CUT)
        self.scheme: str = scope.get("scheme", "http")
        self._receive = receive
        self._send = send
        self._leaving: asyncio.Task[None] | None = None

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """The whole request body.

        Raises:
            Refused: 413 above *max_bytes*, 408 after *timeout_s* seconds.
            ClientGone: the client left first.
        """
        # Nobody reads the rest of what is refused, so the connection cannot be used again.
        close = {"connection": "close"}
        data = bytearray()
        try:
            async with asyncio.timeout(timeout_s):
                more = True
                while more:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    data += message.get("body", b"")
                    if len(data) > max_bytes:
                        raise Refused(413, f"the body is larger than {max_bytes} bytes", close)
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Refused(408, f"the body did not arrive within {timeout_s:g} s", close) from None
        return bytes(data)

    async def client_leaves(self, within_s: float | None) -> bool:
        """Wait until the client leaves, or *within_s* seconds (None: without end).

        The body must have been read. True when the client left.
        """
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._disconnected())
        done, _ = await asyncio.wait({self._leaving}, timeout=within_s)
        return bool(done)

    async def unless_client_leaves(self, work: Coroutine[Any, Any, None]) -> None:
        """Do *work*, and give it up when the client leaves. The body must have been read.

        Raises:
            ClientGone: it left before *work* was done.
        """
        task = asyncio.ensure_future(work)
        watchers: list[asyncio.Future[Any]] = []
        try:
            await asyncio.sleep(0)
            if not task.done():  # Most answers wait for nothing, and need nobody to watch.
                watchers.append(asyncio.ensure_future(self.client_leaves(None)))
                await asyncio.wait({task, *watchers}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ClientGone
            await task
        finally:
            leaving = [self._leaving] if self._leaving else []
            await _cancelled([item for item in (task, *watchers, *leaving) if not item.done()])

    async def _disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Answer with a whole *body*."""
        await self.start(status, {**headers, "content-length": str(len(body))})
        await self._send({"type": "http.response.body", "body": body})

    async def reply_json(self, status: int, value: object, headers: Mapping[str, str] = NO_HEADERS) -> None:
        """Answer with *value* as JSON."""
        await self.reply(status, orjson.dumps(value), {"content-type": JSON_TYPE, **headers})

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer whose body follows by ``write`` and ``end``."""
        pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def write(self, chunks: Iterable[bytes]) -> None:
        """Send *chunks* one by one, giving other requests a turn after each."""
        for chunk in chunks:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Complete the body."""
        await self._send({"type": "http.response.body", "body": b""})

    async def cut(self) -> None:
        """Hang up; what was written so far is still delivered, the end of the message is not.

        Raises:
            ConnectionCut: the server is not ours; most servers hang up when an answer raises.
        """
        if self._hang_up is None:
            raise ConnectionCut("a fault cuts this connection")
        self._hang_up()
        await self.client_leaves(None)


async def _cancelled(tasks: list[asyncio.Future[Any]]) -> None:
    """Cancel *tasks* and wait for their end; errors of what was given up are nobody's."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers

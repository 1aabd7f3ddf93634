"""A scriptable upstream on a raw socket: every byte, pause and cut is the test's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from router import Router
from router.config import RouterConfig

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable
    from typing import Self

MESSAGES = [{"role": "user", "content": "PROMPT-CANARY"}]
KEY = "sk-canary-0123456789abcdef"


_TURNS = 10
"""Of the loop, before a server that is closed looks for connections no more."""


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Exchange:
    """What a script can do with one request."""

    seen: Seen
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    upstream: Upstream
    keep: bool = True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the client has left."""
        with contextlib.suppress(ConnectionError):
            await self.reader.read()
        self.upstream.left.set()

    def fin(self) -> None:
        self.keep = False

    def reset(self) -> None:
        """Cut the connection with RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()
        self.keep = False


@dataclass
class Upstream:
    """A server in a thread of its own; each request is answered by the next script, the last one for ever."""

    tls: ssl.SSLContext | None = None
    greeting: bytes = b""  # Sent to every connection before it has asked anything.
    seen: list[Seen] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    connections: int = 0
    open: int = 0

    def __post_init__(self) -> None:
        self._scripts: deque[Callable[[Exchange], Awaitable[None]]] = deque()
        self._ready = threading.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def root(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.root + "/v1"

    def script(self, *scripts: Callable[[Exchange], Awaitable[None]]) -> None:
        self._scripts.clear()
        self._scripts.extend(scripts)

    def release(self, gate: asyncio.Event) -> None:
        """Set an event of the server's loop from a test."""
        self._loop.call_soon_threadsafe(gate.set)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.tls, backlog=2000)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        for listening in server.sockets:  # Who is accepted just now must still find a server to belong to.
            self._loop.remove_reader(listening.fileno())
        await asyncio.sleep(0)
        server.close()
        for _ in range(_TURNS):  # What was accepted just now takes some to begin; what is aborted, to end.
            await asyncio.sleep(0)
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        number = self.connections
        try:
            if self.greeting:
                writer.write(self.greeting)
                return
            while (seen := await _read_request(reader, number)) is not None:
                self.seen.append(seen)
                self.asked.release()
                exchange = Exchange(seen, reader, writer, self)
                script = self._scripts.popleft() if len(self._scripts) > 1 else self._scripts[0]
                await script(exchange)
                if not exchange.keep:
                    return
        except ConnectionError:
            self.left.set()  # It left before it was told anything.
            return
        except (asyncio.CancelledError, asyncio.IncompleteReadError):
            return
        finally:
            self.open -= 1
            writer.close()
            try:
                await writer.wait_closed()
            except (OSError, asyncio.CancelledError):
                writer.transport.abort()
            self._tasks.discard(task)


async def _read_request(reader: asyncio.StreamReader, number: int) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    headers = {}
    for item in lines:
        if item:
            name, _, value = item.partition(":")
            assert name.lower() not in headers, f"{name} was sent twice"
            headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, target, headers, body, number)


# --- scripts


def http(status: int, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def reply(
    status: int, body: bytes | dict[str, Any], headers: dict[str, str] | None = None
) -> Callable[[Exchange], Awaitable[None]]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def script(exchange: Exchange) -> None:
        await exchange.send(http(status, raw, {"content-type": "application/json", **(headers or {})}))

    return script


def raw(data: bytes, *, end: str = "fin") -> Callable[[Exchange], Awaitable[None]]:
    """Exactly *data*, then ``fin``, ``reset``, ``hang`` or ``keep``."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(data)
        await finish(exchange, end)

    return script


async def finish(exchange: Exchange, end: str) -> None:
    if end == "reset":
        exchange.reset()
    elif end == "hang":
        await exchange.gone()
        exchange.fin()
    elif end == "fin":
        exchange.fin()


def drip(head: bytes, piece: bytes) -> Callable[[Exchange], Awaitable[None]]:
    """*head*, then *piece* every 10 ms until the client leaves."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(head)
        exchange.fin()
        with contextlib.suppress(ConnectionError):
            while not exchange.reader.at_eof():
                await exchange.send(piece)
                await asyncio.sleep(0.01)
        exchange.upstream.left.set()

    return script


def completion(text: str = "hi", **more: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        **more,
    }


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> bytes:
    data = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "up",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        **more,
    }
    return b"data: " + json.dumps(data).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
END = chunk({}, "stop")
DONE = b"data: [DONE]\n\n"
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def framed(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def stream(*pieces: bytes | asyncio.Event, end: str = "good") -> Callable[[Exchange], Awaitable[None]]:
    """SSE pieces, each its own HTTP chunk; an Event is waited for. ``good`` ends the message properly."""

    async def script(exchange: Exchange) -> None:
        await exchange.send(SSE)
        for piece in pieces:
            if isinstance(piece, asyncio.Event):
                await piece.wait()
            else:
                await exchange.send(framed(piece))
        if end == "good":
            await exchange.send(b"0\r\n\r\n")
        else:
            await finish(exchange, end)

    return script


OK = reply(200, completion())
HANG = raw(b"", end="hang")


def config(*upstreams: Upstream, **root: Any) -> dict[str, Any]:
    """A config whose group ``g`` has one target ``pN/m`` for each upstream, quick to retry."""
    providers = {
        f"p{number}": {
            "adapter": "openai",
            "base_url": upstream.url,
            "api_key": "env:CANARY",
            "connect_timeout": "1s",
        }
        for number, upstream in enumerate(upstreams, 1)
    }
    targets = [{"model": f"{name}/m", "tier": tier} for tier, name in enumerate(providers, 1)]
    data: dict[str, Any] = {
        "version": 1,
        "providers": providers,
        "defaults": {"retries": {"max": 2, "backoff": {"base": "10ms", "cap": "10ms"}}, "timeout": "10s"},
        "models": {"g": {"targets": targets}},
    }
    for key, value in root.items():
        data[key] = {**data[key], **value} if isinstance(value, dict) and key in data else value
    return data


def open_router(*upstreams: Upstream, **root: Any) -> Router:
    return Router(RouterConfig(**config(*upstreams, **root)))

"""An OpenAI-compatible server that a test scripts, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    from types import TracebackType

Step = bytes | threading.Event | None
"""What the server does next: send, wait for the test (an Event), or cut the connection (None)."""


@dataclass
class Script:
    """One answer: a status line's code (0: not even a head), and what follows the head."""

    steps: list[Step]
    status: int = 200
    content_type: str = "application/json"


@dataclass
class ScriptedUpstream:
    """Answers each request by the next script; the last one repeats.

    Attributes:
        scripts: what to answer.
        asked: (path, headers, decoded body) of each request.
        left: set when a client closed its connection while an answer was going out.
    """

    scripts: list[Script]
    asked: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def __enter__(self) -> Self:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines = head.split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)
        }
        body = orjson.loads(await reader.readexactly(int(headers["content-length"])))
        self.asked.append((lines[0].split(" ")[1], headers, body))
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        chunked = "transfer-encoding: chunked\r\nconnection: close\r\n"
        start = f"HTTP/1.1 {script.status} X\r\ncontent-type: {script.content_type}\r\n{chunked}\r\n"
        if script.status:
            writer.write(start.encode())
        gone = asyncio.ensure_future(reader.read(1))
        for step in script.steps:
            if isinstance(step, bytes):
                writer.write(b"%x\r\n%s\r\n" % (len(step), step))
                await writer.drain()
            elif step is None:
                gone.cancel()
                writer.transport.abort()
                return
            elif not await self._told(step, gone):
                self.left.set()
                writer.close()
                return
        gone.cancel()
        writer.write(b"0\r\n\r\n")
        writer.close()

    async def _told(self, event: threading.Event, gone: asyncio.Future[bytes]) -> bool:
        """Wait for the test; False when the client leaves first."""
        while not event.is_set():
            if gone.done():
                return False
            await asyncio.sleep(0.005)
        return True


def chunk(**choice: Any) -> bytes:
    """One chunk of a stream, as SSE."""
    return b"data: " + orjson.dumps({"choices": [{"index": 0, **choice}]}) + b"\n\n"


def completion(text: str, **more: Any) -> bytes:
    """A whole answer."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return orjson.dumps({"choices": [choice], **more})


DONE = b"data: [DONE]\n\n"

"""A server that says over HTTP/2 what a test tells it to, frame by frame (RFC 9113)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.faults.certificates import Certificate

_PREFACE = 24
_HEAD = 9
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK = _END_STREAM = 1
_END_HEADERS = 4

NO_ERROR, REFUSED, CANCEL = 0, 7, 8
"""Error codes (RFC 9113, section 7)."""


@dataclass(frozen=True)
class Frame:
    """One frame, on the request's stream unless *stream* says otherwise."""

    kind: int
    payload: bytes = b""
    flags: int = 0
    stream: int | None = None

    def bytes(self, stream: int) -> bytes:
        """As it is sent."""
        at = stream if self.stream is None else self.stream
        return (
            struct.pack(">I", len(self.payload))[1:]
            + struct.pack(">BBI", self.kind, self.flags, at)
            + self.payload
        )


def head(**headers: str) -> Frame:
    """A response's HEADERS: 200 and these, ``_`` for ``-``."""
    block = b"\x88"
    for name, value in headers.items():
        for text in (name.replace("_", "-"), value):
            block = block + (b"\x00" if text is not value else b"") + bytes([len(text)]) + text.encode()
    return Frame(_HEADERS, block, _END_HEADERS)


def data(payload: bytes, *, end: bool = False) -> Frame:
    """DATA, with or without END_STREAM."""
    return Frame(_DATA, payload, _END_STREAM if end else 0)


def reset(code: int) -> Frame:
    """RST_STREAM."""
    return Frame(_RESET, struct.pack(">I", code))


def go_away(last: int, code: int = NO_ERROR) -> Frame:
    """GOAWAY: streams above *last* were not processed."""
    return Frame(_GOAWAY, struct.pack(">II", last, code), stream=0)


@dataclass
class Http2Server:
    """What came; each request is answered by the next list of frames, the last one for ever.

    Attributes:
        requests: how many came whole.
        connections: how many were opened.
        open: how many of them are.
        answers: what the requests are answered with.
        asked: whether a request came.
        quiet: whether all connections that were opened are closed.
    """

    url: str = ""
    requests: int = 0
    connections: int = 0
    open: int = 0
    answers: list[Sequence[Frame]] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until its client closes it."""
        self.connections += 1
        self.open += 1
        self.quiet.clear()
        try:
            await reader.readexactly(_PREFACE)
            writer.write(Frame(_SETTINGS).bytes(0))
            while True:
                await self._frame(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            self.open -= 1
            if not self.open:
                self.quiet.set()
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def closed(self) -> None:
        """Wait until no connection is open."""
        async with asyncio.timeout(5):
            await self.quiet.wait()

    async def _frame(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size, kind, flags, stream = _read_head(await reader.readexactly(_HEAD))
        payload = await reader.readexactly(size)
        if kind in (_SETTINGS, _PING) and not flags & _ACK:
            writer.write(Frame(kind, payload if kind == _PING else b"", _ACK).bytes(0))
        elif kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            self.requests += 1
            self.asked.set()
            frames = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            writer.write(b"".join(frame.bytes(stream) for frame in frames))
            await writer.drain()


def _read_head(raw: bytes) -> tuple[int, int, int, int]:
    return int.from_bytes(raw[:3]), raw[3], raw[4], int.from_bytes(raw[5:])


@contextlib.asynccontextmanager
async def http2_server(certificate: Certificate) -> AsyncIterator[Http2Server]:
    """One that runs meanwhile, in the running loop; it knows no other version."""
    context = certificate.context()
    context.set_alpn_protocols(["h2"])
    served = Http2Server()
    server = await asyncio.start_server(served.connected, "127.0.0.1", 0, ssl=context)
    served.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield served
    finally:
        server.close()

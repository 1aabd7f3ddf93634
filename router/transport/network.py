"""The connections under httpcore2, the part of httpx2 that speaks HTTP.

httpcore2's own connections read only while a reply is waited for: they lose the reply of an upstream that
answers before it has read the request, and what comes unasked stays unseen in buffers, from where it
becomes the answer to the next request. These read all the time, and tell.
"""

from __future__ import annotations

import asyncio
import ipaddress
import select
import socket
from collections import deque
from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import httpcore2 as httpcore

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

    _Opened: TypeAlias = tuple[asyncio.Transport, "_Wire"]

_AHEAD_BYTES = 64 * 1024
"""What is read before it is asked for; an upstream that sends more has to wait."""

_TURN_BYTES = 16 * 1024
"""What is handed over before others have their turn: in chunks of one byte it takes some 0.1 s to read."""

_SLICE_BYTES = 64 * 1024
"""What is handed to asyncio at once: all of it is encrypted before anything else can happen."""

_STAGGER_S = 0.25
"""Seconds an address has before the next is tried beside it (RFC 8305, section 5)."""


class Backend(httpcore.AsyncNetworkBackend):
    """Opens connections. Its callers bound the time; the time-outs that httpcore2 passes are not used."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 # The signature is httpcore2's.
        local_address: str | None = None,  # noqa: ARG002 # As above.
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 # As above.
    ) -> Stream:
        """A connection to the first of the host's addresses that takes one."""
        try:
            transport, wire = await _first(await _addresses(host, port), port)
        except (OSError, UnicodeError) as exc:  # The latter of a name that cannot be one.
            raise httpcore.ConnectError(str(exc)) from exc
        return Stream(transport, wire)


class Stream(httpcore.AsyncNetworkStream):
    """One connection, plain or TLS.

    Of all that has come, ``read`` keeps the last byte back for as long as there are others: a parser has it
    only when it needs it. What is left when a reply has ended is surplus, and then the connection is
    readable, which to the pool means that it is not to be used again.

    Args:
        transport: what takes the bytes.
        wire: what is told of it.
        under: the connection under TLS, which may hold back bytes of its own; None without.
    """

    def __init__(self, transport: asyncio.Transport, wire: _Wire, under: Stream | None = None) -> None:
        self._transport = transport
        self._wire = wire
        self._under = under
        self._asking = False
        self._answered = False
        self._handed = 0  # Bytes since others had their turn.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 # See Backend.
        """What has come, at most *max_bytes*; empty at the end.

        Raises:
            httpcore.ReadError: the connection broke, or was closed on this side.
        """
        self._asking, self._answered = False, True
        wire = self._wire
        if wire.unread and self._handed >= _TURN_BYTES:
            self._handed = 0
            await asyncio.sleep(0)
        while not wire.unread:
            self._handed = 0
            if wire.broken is not None:
                raise httpcore.ReadError(str(wire.broken)) from wire.broken
            if wire.ended:
                return b""
            await wire.change()
        piece = bytes(wire.unread[: min(max_bytes, _TURN_BYTES, max(1, len(wire.unread) - 1))])
        del wire.unread[: len(piece)]
        self._handed += len(piece)
        if len(wire.unread) <= _AHEAD_BYTES and wire.stopped:
            wire.stopped = False
            self._transport.resume_reading()
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 # See Backend.
        """Send *buffer*.

        Raises:
            httpcore.WriteError: it cannot be sent, or the reply has come before it was: httpcore2 then goes
                on to read the reply, if there is one, and closes the connection after it.
        """
        wire = self._wire
        # What is there before anything is asked is the answer to no question of ours.
        if not self._asking and (wire.unread or (self._answered and self._arrived())):
            wire.unread.clear()
            await self.aclose()
        self._asking = True
        view = memoryview(buffer)
        for start in range(0, len(view), _SLICE_BYTES):
            if not wire.deaf:
                self._transport.write(view[start : start + _SLICE_BYTES])
            while wire.full and not wire.deaf:
                await wire.change()
            if wire.deaf:
                raise httpcore.WriteError("the upstream reads no more")

    async def aclose(self) -> None:
        """Close the connection, at once."""
        if self._wire.broken is None:  # A body that ends with its connection has not ended so.
            self._wire.broken = ConnectionAbortedError("closed on this side")
        self._wire.ended = True
        self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002, ASYNC109 # See Backend.
    ) -> Stream:
        """The same connection with TLS up; closed when that fails or is left."""
        wire = _Wire()
        if self._wire.unread:
            await self.aclose()
            raise httpcore.ConnectError("the upstream speaks first, which is no TLS")
        try:
            transport = await asyncio.get_running_loop().start_tls(
                self._transport, wire, ssl_context, server_hostname=server_hostname
            )
        except BaseException as exc:
            await self.aclose()
            if isinstance(exc, OSError):
                raise httpcore.ConnectError(str(exc)) from exc
            raise
        if transport is None:  # It was closed meanwhile.
            raise httpcore.ConnectError("closed on this side")
        wire.connection_made(transport)
        return Stream(transport, wire, self)

    def get_extra_info(self, info: str) -> Any:
        """What asyncio knows of the connection, and ``is_readable``: that it is not to be used again."""
        if info == "is_readable":
            return bool(self._wire.unread) or self._wire.ended or self.unsent() > 0
        return self._transport.get_extra_info(info)

    def _arrived(self) -> bool:
        """Whether the system has something that the loop has not read yet: it may be about to."""
        if self._wire.ended or not hasattr(select, "poll"):  # Not on Windows: there the loop's word must do.
            return False
        found = select.poll()
        found.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(found.poll(0))

    def unsent(self) -> int:
        """Bytes of a request that was answered before they were sent."""
        return self._transport.get_write_buffer_size() + (self._under.unsent() if self._under else 0)


class _Wire(asyncio.Protocol):
    """What asyncio tells of one connection.

    Attributes:
        unread: what has come and was not read.
        ended: nothing more will come.
        broken: why it ended, if not by the upstream's closing it.
        full: so much waits to be sent that nothing may be added.
        stopped: reading is stopped until some of *unread* is read.
    """

    def __init__(self) -> None:
        self.unread = bytearray()
        self.ended = False
        self.broken: Exception | None = None
        self.full = False
        self.stopped = False
        self._transport: asyncio.Transport | None = None
        self._changed: asyncio.Future[None] | None = None

    @property
    def deaf(self) -> bool:
        """Whether the upstream has gone, or has begun its reply; one that only informs (1xx) is none."""
        at = len(b"HTTP/1.1 ")
        return self.ended or (len(self.unread) > at and self.unread[at : at + 1] != b"1")

    async def change(self) -> None:
        """Wait until any of the attributes may have changed. One may wait at a time."""
        self._changed = asyncio.get_running_loop().create_future()
        try:
            await self._changed
        finally:
            self._changed = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class.

    def data_received(self, data: bytes) -> None:
        self.unread += data
        if len(self.unread) > _AHEAD_BYTES and not self.stopped and self._transport is not None:
            self.stopped = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended = True
        if self.broken is None:
            self.broken = exc
        self._wake()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)


async def _addresses(host: str, port: int) -> list[str]:
    """The addresses of *host*, its families by turns, so that a broken one costs little."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    else:
        return [host]
    families: dict[int, list[str]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append(str(address[0]))
    turns = chain.from_iterable(zip_longest(*families.values()))
    return [address for address in turns if address is not None]


async def _first(addresses: list[str], port: int) -> _Opened:
    """A connection to the first address that takes one; the others' are closed."""
    if len(addresses) == 1:
        return await _open(addresses[0], port)
    left = deque(addresses)
    tried: list[asyncio.Task[_Opened]] = []
    won: asyncio.Task[_Opened] | None = None
    try:
        running: set[asyncio.Task[_Opened]] = set()
        while won is None and (left or running):
            if left:
                tried.append(asyncio.create_task(_open(left.popleft(), port)))
                running.add(tried[-1])
            done, running = await asyncio.wait(
                running, timeout=_STAGGER_S if left else None, return_when=asyncio.FIRST_COMPLETED
            )
            won = next((task for task in done if task.exception() is None), None)
        return (won or tried[-1]).result()
    finally:
        for task in tried:
            if task is not won:
                task.add_done_callback(_drop)
                task.cancel()


async def _open(address: str, port: int) -> _Opened:
    return await asyncio.get_running_loop().create_connection(_Wire, address, port)


def _drop(task: asyncio.Task[_Opened]) -> None:
    """Close what came too late."""
    if not task.cancelled() and task.exception() is None:
        task.result()[0].abort()

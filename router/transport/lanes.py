"""Lanes: clients of pyreqwest with one connection each, so that a request in flight can be broken off.

pyreqwest goes on with a request whose caller was cancelled before the response's headers came, and
offers nothing to stop it: the upstream would work for nobody, and be paid for it. What it does let us
choose is a socket option. Every lane has a number, which its sockets carry as their TCP_USER_TIMEOUT, a
few milliseconds beside the usual 30 s; and a lane carries one request at a time. So the sockets with its
number are that request's, and shutting them down ends it as if the upstream had closed (see sockets.py).
It takes Linux, whose ``/proc`` lists a process's descriptors.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import warnings
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from pyreqwest.client import Client, ClientBuilder, SyncClientBuilder
from pyreqwest.exceptions import BuilderError, RequestError
from pyreqwest.proxy import ProxyBuilder

from router.transport import sockets
from router.transport.base import TransportFailure
from router.types import FailureClass

if TYPE_CHECKING:
    from router.transport.base import TransportSettings

_KEEP = 100
"""Lanes kept for later requests, each with at most one idle connection."""

_MAKERS = 4
"""Threads that make lanes for https."""

# As in the other transport: longer than most upstreams keep idle connections costs nothing.
_REFUSED = "ftp://-/"
"""An address that pyreqwest refuses when it is to be asked, not before."""


_NO_AUTHORITIES = (
    "pyreqwest found no certificate authorities, so no https upstream can be reached: "
    "install the system's ca-certificates, or let SSL_CERT_FILE name a PEM file"
)

_IDLE = timedelta(seconds=30)

_LOOK_S = 0.05
_LONGEST_LOOK_S = 0.4
"""After how many seconds a request that was left is looked for again: each time twice as many, up to this."""

_SURE_S = 1.0
"""How long, in seconds, after its connection was shut down: one that was not written to is replaced."""

_HTTP2_STREAM = 1024 * 1024
_HTTP2_CONNECTION = 2 * 1024 * 1024
"""Bytes that an upstream may send ahead; the usual 64 KiB would slow a long answer from far away."""


class Numbers:
    """Numbers from 1 up that lanes have and give back. Each call is atomic, so that any thread may."""

    def __init__(self) -> None:
        self._free: deque[int] = deque()
        self._next = itertools.count(1)

    def take(self) -> int:
        """A number that nobody has."""
        try:
            return self._free.popleft()
        except IndexError:
            return next(self._next)

    def give_back(self, number: int) -> None:
        """*number* may be taken again."""
        self._free.append(number)


_NUMBERS = Numbers()
_PLACES = sockets.Places()
"""One of each for the process, because the sockets of all lanes lie in one table of descriptors."""


class Lane:
    """A client with a number, held until the lane is dropped.

    Attributes:
        kept: whether it has a connection that an earlier request opened, and nobody is known to have closed.
    """

    __slots__ = ("_descriptor", "_numbers", "client", "kept", "number")

    def __init__(self, settings: TransportSettings) -> None:
        self._numbers = _NUMBERS  # Held here: when the interpreter ends, modules are emptied before lanes.
        self.number = self._numbers.take()
        self.client = _client(settings, self.number)
        self.kept = False
        self._descriptor = sockets.next_descriptor()  # Of its connection: here or from here on.

    def __del__(self) -> None:
        self._numbers.give_back(self.number)

    def state(self) -> int:
        """The TCP state of the connection it has kept; 0: none is left, and the next request opens one."""
        if self.kept and (state := sockets.state(self._descriptor, self.number)):
            return state
        self.kept = False
        self._descriptor = sockets.next_descriptor()
        return 0

    def find(self) -> bool:
        """Whether its connection is open, and it is known where."""
        found = _PLACES.find(self.number, self._descriptor)
        if found is not None:
            self._descriptor = found
        return found is not None

    def shut_down(self) -> bool:
        """Shut its connection down; whether there was one."""
        return self.find() and sockets.shut_down(self._descriptor, self.number)


@dataclass(slots=True)
class _Left:
    """A lane whose request is broken off.

    Attributes:
        until: when it can open a connection no more, on the loop's clock.
        at: when it is looked for next.
        pause_s: how long after that it is looked for again.
    """

    lane: Lane
    until: float
    at: float
    pause_s: float = _LOOK_S


class Lanes:
    """The lanes to one provider, in one event loop. The last one given back is the first taken."""

    def __init__(self, settings: TransportSettings) -> None:
        self._settings = settings
        self._idle: list[Lane] = []
        self._busy: set[Lane] = set()
        self._leaving: dict[int, _Left] = {}
        self._looked: asyncio.Future[None] | None = None
        self._later: asyncio.TimerHandle | None = None
        self._closed = False
        # Of our own: in the loop's usual one a lane would wait for whatever the application does there.
        self._makers = ThreadPoolExecutor(_MAKERS, thread_name_prefix="router-lanes")

    async def take(self, until: float) -> Lane:
        """A lane for one request, to be given back or broken off; see ``fresh``."""
        if not self._idle:
            return await self.fresh(until)
        lane = self._idle.pop()
        self._busy.add(lane)
        return lane

    async def fresh(self, until: float) -> Lane:
        """A lane without a connection, to be given back or broken off.

        Raises:
            TransportFailure: it was not made by *until*, or cannot be.
        """
        try:
            lane = await self._make(until)
        except TimeoutError:
            raise TransportFailure(FailureClass.TIMEOUT, "no connection in time") from None
        except (BuilderError, RuntimeError) as exc:
            why = _why_none(exc)
            if (
                why is _NO_AUTHORITIES
            ):  # The caller's error names the class alone, and this is the machine's fault.
                warnings.warn(why, RuntimeWarning, stacklevel=2)
            raise TransportFailure(FailureClass.CONNECTION, why) from exc
        if self._closed:  # Nobody would break it off.
            raise TransportFailure(FailureClass.CONNECTION, "the transport was closed")
        self._busy.add(lane)
        return lane

    async def _make(self, until: float) -> Lane:
        if not self._settings.https:
            return Lane(self._settings)
        async with asyncio.timeout_at(until):  # It reads the system's authorities, which takes milliseconds.
            # One that comes too late is held by nobody, and gives its number back.
            return await asyncio.get_running_loop().run_in_executor(self._makers, Lane, self._settings)

    def give_back(self, lane: Lane, *, kept: bool) -> None:
        """The request on *lane* has ended; *kept*: its connection may serve another."""
        lane.kept = kept and (lane.kept or lane.find())
        self._busy.discard(lane)
        if not self._closed and len(self._idle) < _KEEP:
            self._idle.append(lane)

    async def break_off(self, lane: Lane) -> None:
        """End the request on *lane*, whose caller has left. The lane is used up.

        Its connection is closed when this returns, or, if it was just opened or is being opened, soon after.
        """
        await asyncio.shield(self._leave(lane))

    async def aclose(self) -> None:
        """Close the idle lanes' connections, break off the others, keep none any more.

        Cancelled, it does all that can be done without waiting.
        """
        self._closed = True
        self._makers.shutdown(wait=False)
        # What still holds a lane would hold its connection.
        sockets.shut_down_all({lane.number for lane in self._idle})
        self._idle.clear()
        try:
            for looked in [self._leave(lane) for lane in list(self._busy)]:
                await asyncio.shield(looked)
            if self._leaving:  # The loop may end before its next look.
                await asyncio.sleep(_LOOK_S)
        finally:
            sockets.shut_down_all(self._leaving)
            _wait_for_thread()

    def _leave(self, lane: Lane) -> asyncio.Future[None]:
        """Have the request on *lane* ended; done when it was looked for."""
        loop = asyncio.get_running_loop()
        self._busy.discard(lane)
        now = loop.time()
        self._leaving[lane.number] = _Left(lane, now + self._settings.connect_timeout_s + _SURE_S, now)
        if self._looked is None:  # One look serves all that are left in this turn of the loop.
            self._looked = loop.create_future()
            loop.call_soon(self._look, loop)
        return self._looked

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        looked, self._looked = self._looked, None
        if self._later is not None:
            self._later.cancel()
            self._later = None
        now = loop.time()
        for left in [left for left in self._leaving.values() if left.at <= now]:
            if left.lane.shut_down():
                left.until, left.pause_s = now + _SURE_S, _LOOK_S
            elif now > left.until:
                del self._leaving[left.lane.number]
            left.at = now + left.pause_s
            left.pause_s = min(2 * left.pause_s, _LONGEST_LOOK_S)
        if self._leaving:
            self._later = loop.call_at(min(left.at for left in self._leaving.values()), self._look, loop)
        if looked is not None:
            looked.set_result(None)


def _why_none(exc: Exception) -> str:
    """Why no lane can be made. pyreqwest's own words may hold the proxy's password."""
    if "No CA certificates" in str(exc):
        return _NO_AUTHORITIES
    return type(exc).__name__


def _wait_for_thread() -> None:
    """Wait until pyreqwest's thread has done what it had begun.

    It wakes an event loop by calling into Python, and Python aborts when it ends while such a call is not
    over. The thread does one thing after the other: when it has refused this, it is done with the others.
    """
    with contextlib.suppress(RequestError, BuilderError):
        SyncClientBuilder().danger_accept_invalid_certs(enable=True).build().get(_REFUSED).build().send()


def _client(settings: TransportSettings, number: int) -> Client:
    builder = (
        ClientBuilder()
        .no_proxy()
        .follow_redirects(enable=False)
        .http1_lower_case_headers()
        # What is packed is ours to unpack: of several members of gzip pyreqwest would read the first.
        .gzip(enable=False)
        .deflate(enable=False)
        .brotli(enable=False)
        .zstd(enable=False)
        .connect_timeout(timedelta(seconds=settings.connect_timeout_s))
        .pool_max_idle_per_host(1)
        .pool_idle_timeout(_IDLE)
        .tcp_user_timeout(timedelta(milliseconds=sockets.USUAL_MS + number))
    )
    if settings.proxy is not None:
        builder = builder.proxy(ProxyBuilder.all(settings.proxy))
    if settings.https:
        builder = (
            builder.https_only(enable=True)
            .http2(enable=settings.http2)
            .http2_initial_stream_window_size(_HTTP2_STREAM)
            .http2_initial_connection_window_size(_HTTP2_CONNECTION)
        )
    elif settings.proxy is None or not settings.proxy.startswith("https:"):
        # Where no TLS is spoken there is nothing to verify, and the authorities, milliseconds of work and
        # a hundred kilobytes, need not be read.
        builder = builder.danger_accept_invalid_certs(enable=True)
    return builder.build()

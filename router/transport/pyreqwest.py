"""The transport over pyreqwest, which speaks HTTP in Rust in a thread of its own: the ``[fast]`` extra.

Every request goes out on a lane (see lanes.py), so that leaving it closes its connection.
"""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from pyreqwest.exceptions import BuilderError, ConnectError, DecodeError, RequestError, RequestTimeoutError
from pyreqwest.http import HeaderMap, Url

from router.transport import base, sockets
from router.transport.alarm import Alarm
from router.transport.base import TransportFailure
from router.transport.body import Body
from router.transport.lanes import Lanes
from router.transport.prepared import Prepared
from router.types import FailureClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyreqwest.request import StreamRequest
    from pyreqwest.response import Response

    from router.adapters.base import UpstreamRequest
    from router.transport.base import TransportSettings
    from router.transport.lanes import Lane

_LONGEST_S = 10.0**6
"""Seconds that stand for no limit: pyreqwest takes no infinity."""

_AHEAD_BYTES = 1024 * 1024
"""Most replies are smaller and take one turn of the loop; buffered whole, a bomb took thrice its cap."""

_TIMER_S = 0.005
"""Seconds by which pyreqwest's clock and the loop's may differ at a deadline."""

_GRACE_S = 0.02
"""Seconds after a deadline for which pyreqwest's clock is waited for: its thread may be too busy to look."""

# How hyper words what it finds in a body; anything else that comes from a connection is its breaking.
_READING = "error reading a body from connection"
_BODY = "request or response body error"
_MALFORMED = re.compile("chunk|trailer")


class PyreqwestTransport:
    """Connections to one provider over pyreqwest."""

    def __init__(self, settings: TransportSettings) -> None:
        self._max_bytes = settings.max_reply_bytes
        self._lanes = Lanes(settings)
        self._prepared = Prepared(Url, HeaderMap)

    async def send(self, request: UpstreamRequest, until: float, *, whole: bool = False) -> PyreqwestResponse:
        """Send *request*; see Transport.

        A kept connection that its upstream closed just as it was used is not the upstream's failure:
        the request then goes out once more, on a new one.
        """
        loop = asyncio.get_running_loop()
        prepared = self._prepared.of(request)
        lane = await self._lanes.take(until)
        state = lane.state()
        if state not in (0, sockets.ESTABLISHED):  # pyreqwest may not know yet, and use it.
            self._lanes.give_back(lane, kept=True)
            lane = await self._lanes.fresh(until)
        stale_until = loop.time() + base.STALE_S if state == sockets.ESTABLISHED else 0.0
        try:
            return await self._send(lane, request, prepared, until, whole=whole)
        except TransportFailure as failure:
            # A ConnectError is what breaks before a response has begun.
            if not (isinstance(failure.__cause__, ConnectError) and loop.time() < stale_until):
                raise
        return await self._send(await self._lanes.fresh(until), request, prepared, until, whole=whole)

    async def aclose(self) -> None:
        """Close every connection; see Transport."""
        await self._lanes.aclose()

    async def _send(
        self,
        lane: Lane,
        request: UpstreamRequest,
        prepared: tuple[Url, HeaderMap],
        until: float,
        *,
        whole: bool,
    ) -> PyreqwestResponse:
        loop = asyncio.get_running_loop()
        alarm = Alarm(loop)
        try:
            exchange = self._exchange(lane, request, prepared, until if whole else None)
            response = await alarm.wait(exchange.__aenter__(), until + _GRACE_S if whole else until)
            opened = PyreqwestResponse(self._lanes, lane, (exchange, response), self._max_bytes, alarm)
        except RequestError as exc:
            alarm.stop()
            failure = _failure(exc, late=loop.time() > until - _TIMER_S)
            if failure.kind is FailureClass.TIMEOUT:
                # Over HTTP/2 only the stream ends: a connection that is dead would be used again.
                await self._lanes.break_off(lane)
            else:
                self._lanes.give_back(lane, kept=False)
            raise failure from exc
        except BuilderError as exc:  # Nothing was sent. Its words hold the address.
            alarm.stop()
            self._lanes.give_back(lane, kept=lane.kept)
            raise TransportFailure(FailureClass.CONNECTION, type(exc).__name__) from None
        except TimeoutError:
            await self._lanes.break_off(lane)
            raise TransportFailure(FailureClass.TIMEOUT, "no response in time") from None
        except (Exception, asyncio.CancelledError):  # Whatever it is, no lane stays busy for ever.
            alarm.stop()
            await self._lanes.break_off(lane)
            raise
        try:
            opened.unpack(_packing(response.headers))
        except TransportFailure:
            await opened.aclose()
            raise
        return opened

    def _exchange(
        self, lane: Lane, request: UpstreamRequest, prepared: tuple[Url, HeaderMap], whole_until: float | None
    ) -> StreamRequest:
        """What sends *request*; *whole_until*: when the whole reply must have come, None for a stream."""
        builder = (
            lane.client.request(request.method, prepared[0])
            .headers(prepared[1])
            # Of a whole reply this much is read before it is handed over; of others, nothing.
            .streamed_read_buffer_limit(0 if whole_until is None else min(self._max_bytes + 1, _AHEAD_BYTES))
        )
        try:  # A copy: what is Python's could be let go of only in Python's own good time, by another thread.
            builder = builder.body_text(request.body.decode())
        except UnicodeDecodeError:
            builder = builder.body_bytes(request.body)
        if whole_until is not None:  # Its limit covers the body as well, which a stream's must not.
            left_s = min(max(whole_until - asyncio.get_running_loop().time(), 0.0), _LONGEST_S)
            builder = builder.timeout(timedelta(seconds=left_s))
        return builder.build_streamed()


class PyreqwestResponse(Body):
    """A response over pyreqwest."""

    def __init__(
        self,
        lanes: Lanes,
        lane: Lane,
        exchange: tuple[StreamRequest, Response],
        max_bytes: int,
        alarm: Alarm,
    ) -> None:
        super().__init__(max_bytes)
        self._request, response = exchange
        self.status: int = response.status
        self.headers: Mapping[str, str] = _headers(response)
        self._lanes = lanes
        self._lane: Lane | None = lane
        self._kept = response.version != "HTTP/1.0" and not _closes(self.headers)
        http2 = response.version.startswith("HTTP/2")
        self._outlives = http2  # Whether the connection does, when the response is left.
        # Over HTTP/2 a stream that is reset without an error looks like one that ended.
        self._missing = _length(self.status, self.headers) if http2 else None
        self._reader = response.body_reader
        self._alarm = alarm
        self._reading = False

    async def _arrived(self, until: float) -> bytes | None:
        """The next piece as it was sent; None at the end."""
        if self._lane is None:
            return None
        self._reading = True
        try:
            piece = await self._alarm.wait(self._reader.read_chunk(), until)
        except RequestError as exc:
            raise _failure(exc, late=True) from exc
        except TimeoutError:
            # It may be flooding pyreqwest's thread, which then closes nothing in good time.
            self._outlives = True
            raise TransportFailure(FailureClass.TIMEOUT, "the body did not arrive in time") from None
        finally:
            self._reading = False
        if piece is None:
            if self._missing:
                raise TransportFailure(FailureClass.CONNECTION, "the body is shorter than its content-length")
            self._end()
            return None
        if self._missing is not None:
            self._missing -= len(piece)
        return piece.to_bytes()

    async def aclose(self) -> None:
        """Release the connection; see UpstreamResponse."""
        lane, self._lane = self._lane, None
        if lane is None:
            return
        self._alarm.stop()
        # Read by another task, the response cannot be closed properly until that is done.
        if self._reading or self._outlives:
            await self._lanes.break_off(lane)
        else:
            try:
                await self._request.__aexit__(None, None, None)
            except (Exception, asyncio.CancelledError):  # As where it was sent.
                await self._lanes.break_off(lane)
                raise
            self._lanes.give_back(lane, kept=False)

    def _end(self) -> None:
        lane, self._lane = self._lane, None
        self._alarm.stop()
        if lane is not None:
            self._lanes.give_back(lane, kept=self._kept)


def _closes(headers: Mapping[str, str]) -> bool:
    """Whether the upstream says that it will close the connection (RFC 9112, 9.6)."""
    said = headers.get("connection")
    return said is not None and "close" in {option.strip() for option in said.lower().split(",")}


def _packing(headers: HeaderMap) -> str | None:
    """The content-encoding to undo; None: there is none.

    Raises:
        TransportFailure: it is not known, or the body was packed in another way.
    """
    try:
        packings = [item for item in _listed(headers, "content-encoding") if item not in ("", "identity")]
        chunked = _listed(headers, "transfer-encoding") in ([], ["chunked"])
    except ValueError as exc:  # Not ASCII, so that pyreqwest cannot show it.
        raise TransportFailure(FailureClass.PROTOCOL, "the content-encoding is not known") from exc
    if not chunked:
        raise TransportFailure(FailureClass.PROTOCOL, "the transfer-encoding is not known")
    # One upon another, a few bytes could be unpacked for hours before anything comes out.
    if len(packings) > 1 or not base.CODINGS.issuperset(packings):
        raise TransportFailure(FailureClass.PROTOCOL, "the content-encoding is not known")
    return packings[0] if packings else None


def _listed(headers: HeaderMap, name: str) -> list[str]:
    """What all lines of a header list, in lower case."""
    return [item.strip().lower() for line in headers.getall(name) for item in line.split(",")]


def _length(status: int, headers: Mapping[str, str]) -> int | None:
    """How long the body must be; None: that is not said."""
    said = headers.get("content-length", "")
    # The answer without a body that speaks of another's (RFC 9110, section 15.4.5).
    return int(said) if said.isdecimal() and status != HTTPStatus.NOT_MODIFIED else None


def _headers(response: Response) -> Mapping[str, str]:
    """The headers, without those whose value is not ASCII: pyreqwest cannot show them."""
    headers = response.headers
    try:
        return dict(headers.items())
    except ValueError:
        readable = {}
        for name in headers:
            try:
                readable[name] = headers.getall(name)[-1]
            except ValueError:
                continue
        return readable


def _failure(exc: RequestError, *, late: bool) -> TransportFailure:
    """Which class an error of pyreqwest belongs to. A time-out before the deadline is connecting's."""
    detail = type(exc).__name__
    if isinstance(exc, RequestTimeoutError):
        return TransportFailure(FailureClass.TIMEOUT if late else FailureClass.CONNECTION, detail)
    causes = [cause["message"] for cause in exc.details["causes"] or ()]
    if _READING in causes:
        malformed = _MALFORMED.search(causes[-1]) and "EOF" not in causes[-1]
    else:  # In the head, or in what the content-encoding made of the body.
        malformed = _BODY in causes or isinstance(exc, DecodeError)
    return TransportFailure(FailureClass.PROTOCOL if malformed else FailureClass.CONNECTION, detail)

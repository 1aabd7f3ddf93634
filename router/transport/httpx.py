"""The transport over httpx2, the maintained continuation of httpx.

It uses httpx2's transport without its client: no cookies, no redirects, no environment, no default
headers; what goes out is what the adapter prepared.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any

import httpx2 as httpx

from router.transport import base
from router.transport.base import TransportFailure, TransportSettings
from router.transport.prepared import Prepared
from router.types import FailureClass

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    from router.adapters.base import UpstreamRequest
    from router.transport.prepared import HeaderPairs

# Longer than most upstreams keep idle connections (uvicorn and node: 5 s) costs nothing: the pool
# sees a connection that was closed meanwhile and opens another.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30.0)

# httpx2 lets one kind through that is not its own: TLS that breaks after the handshake (ssl.SSLError, an
# OSError).
_ERRORS = (httpx.HTTPError, OSError)


class HttpxResponse:
    """A response over httpx2."""

    def __init__(self, response: httpx.Response, max_bytes: int) -> None:
        self.status: int = response.status_code
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers.raw
        }
        self._response = response
        self._left: float = max_bytes
        self._pieces: AsyncGenerator[bytes] | None = None
        self._read = False

    async def read(self, until: float) -> bytes:
        """The whole decoded body; see UpstreamResponse."""
        pieces = []
        while (piece := await self.next(until)) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    async def next(self, until: float) -> bytes | None:
        """The next piece of the decoded body; see UpstreamResponse."""
        if self._read:
            return None
        if self._pieces is None:
            self._pieces = self._response.aiter_bytes()
        try:
            async with asyncio.timeout_at(until):
                piece = await anext(self._pieces, None)
        except TimeoutError:
            raise TransportFailure(FailureClass.TIMEOUT, "the body did not arrive in time") from None
        except _ERRORS as exc:
            raise _failure(exc) from exc
        if piece is None:
            self._pieces, self._read = None, True
            return None
        self._left -= len(piece)
        if self._left < 0:
            raise TransportFailure(FailureClass.PROTOCOL, "the reply is larger than max_reply")
        return piece

    def lift_cap(self) -> None:
        """Let the rest be of any size; see UpstreamResponse."""
        self._left = math.inf

    async def aclose(self) -> None:
        """Release the connection; see UpstreamResponse."""
        if self._pieces is not None or not self._response.is_closed:
            # httpx2 shields its cleaning up from anyio's cancellation, not from asyncio's.
            await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _close(self) -> None:
        pieces, self._pieces = self._pieces, None
        await self._response.aclose()
        # Left to the collector it would be closed by a task of the loop's; while another task reads
        # from it, closing it is that task's business.
        if isinstance(pieces, AsyncGeneratorType) and not pieces.ag_running:
            await pieces.aclose()


class HttpxTransport:
    """Connections to one provider over httpx2."""

    def __init__(self, settings: TransportSettings) -> None:
        self._max_bytes = settings.max_reply_bytes
        self._prepared = Prepared(_address, _encoded)
        self._timeout = {"timeout": {"connect": settings.connect_timeout_s}}
        self._transport = httpx.AsyncHTTPTransport(
            verify=_verify(settings),
            trust_env=False,
            limits=_LIMITS,
            proxy=settings.proxy,
        )
        self._closing: asyncio.Future[None] | None = None

    async def send(
        self,
        request: UpstreamRequest,
        until: float,
        *,
        whole: bool = False,  # noqa: ARG002 # Of no use here: the body is read as it comes either way.
    ) -> HttpxResponse:
        """Send *request*; see Transport.

        A kept connection that its upstream closed just as it was used is not the upstream's failure:
        the request then goes out once more.
        """
        began = asyncio.get_running_loop().time()
        opening = _Opening()
        try:
            return await self._send(request, until, opening)
        except TransportFailure as exc:
            waited_s = asyncio.get_running_loop().time() - began
            if not (exc.kind is FailureClass.CONNECTION and opening.reused and waited_s < base.STALE_S):
                raise
        return await self._send(request, until, _Opening())

    async def _send(self, request: UpstreamRequest, until: float, opening: _Opening) -> HttpxResponse:
        try:
            outgoing = self._outgoing(request, opening)
            async with asyncio.timeout_at(until):
                response = await self._transport.handle_async_request(outgoing)
        except TimeoutError:
            raise TransportFailure(FailureClass.TIMEOUT, "no response in time") from None
        except _ERRORS as exc:
            raise _failure(exc) from exc
        finally:
            await opening.aclose()
        opened = HttpxResponse(response, self._max_bytes)
        packings = _packings(response)
        # One upon another, a few bytes could be unpacked for hours before anything comes out.
        if len(packings) > 1 or not base.CODINGS.issuperset(packings):
            await opened.aclose()
            raise TransportFailure(FailureClass.PROTOCOL, "the content-encoding is not known")
        return opened

    def _outgoing(self, request: UpstreamRequest, opening: _Opening) -> httpx.Request:
        """*request* as httpx2 has it.

        Told all that it would otherwise work out, httpx2 looks at nothing again: that took seven times as
        long as what is left.
        """
        (url, host), headers = self._prepared.of(request)
        headers = [host, *headers]
        if request.body:
            headers.append((b"Content-Length", b"%d" % len(request.body)))
        return httpx.Request(
            request.method,
            url,
            headers=headers,
            stream=httpx.ByteStream(request.body),
            extensions={**self._timeout, "trace": opening},
        )

    async def aclose(self) -> None:
        """Close every connection; see Transport."""
        # Cancelled at the first connection, httpx2 would have forgotten the others.
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._transport.aclose())
        await asyncio.shield(self._closing)


class _Opening:
    """Watches how a request comes by its connection.

    It listens to httpx2's trace events, named ``connection.connect_tcp.complete`` and so on, until
    the request goes out, and holds a new connection until TLS is up: httpx2 forgets it when it is
    cancelled in between.

    Attributes:
        reused: whether the request went out on a connection that was kept from an earlier one.
    """

    def __init__(self) -> None:
        self.reused = False
        self._opened = False
        self._stream: Any = None

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("connect_tcp.complete"):
            self._opened = True
            self._stream = info["return_value"]
        elif event.endswith("start_tls.complete"):
            self._stream = None
        elif event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            self._stream = None
            self.reused = not self._opened
            info["request"].extensions.pop("trace")  # Each further event would only cost time.

    async def aclose(self) -> None:
        """Close the connection if its handshake did not end well."""
        if self._stream is not None:
            await self._stream.aclose()


def _address(url: str) -> tuple[httpx.URL, tuple[bytes, bytes]]:
    """The parsed address, and the Host that it asks for."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ValueError(str(exc)) from exc
    return parsed, (b"Host", parsed.netloc)


def _encoded(headers: HeaderPairs) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


def _packings(response: httpx.Response) -> list[str]:
    """Which content-codings the body has, without those that change nothing."""
    codings = response.headers.get_list("content-encoding", split_commas=True)
    return [name for coding in codings if (name := coding.strip().lower()) not in ("", "identity")]


def _verify(settings: TransportSettings) -> ssl.SSLContext | bool:
    """The TLS context; none is made for plain http, which would cost tens of milliseconds."""
    if settings.ca_file is not None:
        return ssl.create_default_context(cafile=settings.ca_file)
    return settings.https


def _failure(exc: Exception) -> TransportFailure:
    """Which class an httpx2 error belongs to. Connect time-outs are connection failures."""
    detail = type(exc).__name__
    if isinstance(exc, httpx.DecodingError | httpx.LocalProtocolError):
        return TransportFailure(FailureClass.PROTOCOL, detail)
    if isinstance(exc, httpx.RemoteProtocolError):
        # httpx2 raises one class for a malformed reply and for a connection cut short; its words
        # tell them apart ("Server disconnected …", "peer closed connection …").
        cut = "disconnected" in str(exc) or "closed connection" in str(exc)
        return TransportFailure(FailureClass.CONNECTION if cut else FailureClass.PROTOCOL, detail)
    return TransportFailure(FailureClass.CONNECTION, detail)

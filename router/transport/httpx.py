"""The transport over httpx2, the maintained continuation of httpx.

It uses httpx2's pool, httpcore2, without its client: no cookies, no redirects, no environment, no default
headers; what goes out is what the adapter prepared. The connections under the pool are ours, see network.py.
"""

from __future__ import annotations

import asyncio
import ssl
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, TypeAlias

import httpcore2 as httpcore
import httpx2 as httpx

from router.transport import base
from router.transport.base import TransportFailure, TransportSettings
from router.transport.body import Body
from router.transport.network import Backend
from router.transport.prepared import Prepared
from router.types import FailureClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from router.adapters.base import UpstreamRequest
    from router.transport.prepared import HeaderPairs

    _RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

_KEPT = 100
"""Idle connections, at most."""

# Longer than most upstreams keep idle connections (uvicorn and node: 5 s) costs nothing: the pool
# sees a connection that was closed meanwhile and opens another.
_KEPT_S = 30.0

_PORTS = range(65536)

_ERRORS = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)


class HttpxResponse(Body):
    """A response over httpx2."""

    def __init__(self, response: httpcore.Response, max_bytes: int) -> None:
        super().__init__(max_bytes)
        self.status: int = response.status
        self.headers: Mapping[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
        }
        self._response = response
        self._pieces: AsyncIterator[bytes] | None = None
        self._read = False
        self._closed = False

    async def aclose(self) -> None:
        """Release the connection; see UpstreamResponse."""
        if self._pieces is not None or not self._closed:
            # httpcore2 shields its cleaning up from anyio's cancellation, not from asyncio's.
            await asyncio.shield(asyncio.ensure_future(self._close()))

    async def _arrived(self, until: float) -> bytes | None:
        """The next piece as it was sent; None at the end."""
        if self._read:
            return None
        if self._pieces is None:
            self._pieces = aiter(self._response.aiter_stream())
        try:
            async with asyncio.timeout_at(until):
                piece = await anext(self._pieces, None)
                if piece is None:
                    self._pieces, self._read, self._closed = None, True, True
                    await self._response.aclose()
        except TimeoutError:
            raise TransportFailure(FailureClass.TIMEOUT, "the body did not arrive in time") from None
        except _ERRORS as exc:
            raise _failure(exc) from exc
        return piece

    async def _close(self) -> None:
        pieces, self._pieces, self._closed = self._pieces, None, True
        await self._response.aclose()
        # Left to the collector it would be closed by a task of the loop's; while another task reads
        # from it, closing it is that task's business.
        if isinstance(pieces, AsyncGeneratorType) and not pieces.ag_running:
            await pieces.aclose()


class HttpxTransport:
    """Connections to one provider over httpx2."""

    def __init__(self, settings: TransportSettings) -> None:
        self._max_bytes = settings.max_reply_bytes
        self._connect_s = settings.connect_timeout_s
        self._prepared = Prepared(_address, _encoded)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(verify=_verify(settings), trust_env=False),
            proxy=None if settings.proxy is None else _proxy(settings.proxy),
            max_connections=None,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_KEPT_S,
            network_backend=Backend(),
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
        opening = _Opening(until, self._connect_s)
        try:
            return await self._send(request, opening)
        except TransportFailure as exc:
            waited_s = asyncio.get_running_loop().time() - began
            if not (exc.kind is FailureClass.CONNECTION and opening.reused and waited_s < base.STALE_S):
                raise
        return await self._send(request, _Opening(until, self._connect_s))

    async def _send(self, request: UpstreamRequest, opening: _Opening) -> HttpxResponse:
        outgoing = self._outgoing(request, opening)
        try:
            async with opening.limit:
                response = await self._pool.handle_async_request(outgoing)
        except TimeoutError:
            if opening.hurried:
                raise TransportFailure(FailureClass.CONNECTION, "no connection in time") from None
            raise TransportFailure(FailureClass.TIMEOUT, "no response in time") from None
        except _ERRORS as exc:
            raise _failure(exc) from exc
        opened = HttpxResponse(response, self._max_bytes)
        packings = _packings(response.headers)
        # One upon another, a few bytes could be unpacked for hours before anything comes out.
        if len(packings) > 1 or not base.CODINGS.issuperset(packings):
            await opened.aclose()
            raise TransportFailure(FailureClass.PROTOCOL, "the content-encoding is not known")
        opened.unpack(packings[0] if packings else None)
        return opened

    def _outgoing(self, request: UpstreamRequest, opening: _Opening) -> httpcore.Request:
        """*request* as httpcore2 has it."""
        (url, host), headers = self._prepared.of(request)
        headers = [host, *headers]
        if request.body:
            headers.append((b"Content-Length", b"%d" % len(request.body)))
        return httpcore.Request(
            request.method, url, headers=headers, content=request.body, extensions={"trace": opening}
        )

    async def aclose(self) -> None:
        """Close every connection; see Transport."""
        # Cancelled at the first connection, httpcore2 would have forgotten the others.
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._pool.aclose())
        await asyncio.shield(self._closing)


class _Opening:
    """Watches how a request comes by its connection, and limits the time that a new one may take.

    It listens to httpcore2's trace events, named ``connection.connect_tcp.started`` and so on, until the
    request goes out.

    Attributes:
        limit: when to give up.
        hurried: whether that is now earlier than the request's deadline, for the connection's sake.
        reused: whether the request went out on a connection that was kept from an earlier one.
    """

    def __init__(self, until: float, connect_s: float) -> None:
        self.limit = asyncio.timeout_at(until)
        self.hurried = False
        self.reused = False
        self._until = until
        self._connect_s = connect_s
        self._opened = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith("connect_tcp.started"):
            self._opened = True
            opened_by = asyncio.get_running_loop().time() + self._connect_s
            if opened_by < self._until:
                self.hurried = True
                self.limit.reschedule(opened_by)
        elif event.endswith("send_request_headers.started") and info["request"].method != b"CONNECT":
            if self.hurried:
                self.hurried = False
                self.limit.reschedule(self._until)
            self.reused = not self._opened
            info["request"].extensions.pop("trace")  # Each further event would only cost time.


def _address(url: str) -> tuple[httpcore.URL, tuple[bytes, bytes]]:
    """The parsed address, and the Host that it asks for."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ValueError(str(exc)) from exc
    if parsed.port is not None and parsed.port not in _PORTS:
        raise ValueError("there is no such port")
    return _url(parsed), (b"Host", parsed.netloc)


def _url(parsed: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path
    )


def _proxy(url: str) -> httpcore.Proxy:
    parsed = httpx.Proxy(url)
    return httpcore.Proxy(_url(parsed.url), auth=parsed.raw_auth)


def _encoded(headers: HeaderPairs) -> _RawHeaders:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers]


def _packings(headers: _RawHeaders) -> list[str]:
    """Which content-codings the body has, without those that change nothing."""
    said = [value.decode("latin-1") for name, value in headers if name.lower() == b"content-encoding"]
    codings = [coding.strip().lower() for value in said for coding in value.split(",")]
    return [coding for coding in codings if coding not in ("", "identity")]


def _verify(settings: TransportSettings) -> ssl.SSLContext | bool:
    """The TLS context; none is made for plain http, which would cost tens of milliseconds."""
    if settings.ca_file is not None:
        return ssl.create_default_context(cafile=settings.ca_file)
    return settings.https


def _failure(exc: Exception) -> TransportFailure:
    """Which class an error of httpcore2's belongs to."""
    detail = type(exc).__name__
    if isinstance(exc, httpcore.LocalProtocolError):
        return TransportFailure(FailureClass.PROTOCOL, detail)
    if isinstance(exc, httpcore.RemoteProtocolError):
        # httpcore2 raises one class for a malformed reply and for a connection cut short; its words
        # tell them apart ("Server disconnected …", "peer closed connection …").
        cut = "disconnected" in str(exc) or "closed connection" in str(exc)
        return TransportFailure(FailureClass.CONNECTION if cut else FailureClass.PROTOCOL, detail)
    return TransportFailure(FailureClass.CONNECTION, detail)

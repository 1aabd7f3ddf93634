"""What the tests of the contract share: requests, deadlines, and a look inside."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from router.adapters.base import UpstreamRequest
from router.config.transports import fast_problem
from router.transport.base import TransportFailure
from router.transport.httpx import HttpxTransport
from router.transport.pyreqwest import PyreqwestTransport

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.transport.base import Transport, TransportSettings, UpstreamResponse
    from router.types import FailureClass, Secret

    Made = Callable[[TransportSettings], Transport]

KINDS = ("httpx", "pyreqwest") if fast_problem(ca_file=False) is None else ("httpx",)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])


def open_kind(kind: str, settings: TransportSettings) -> Transport:
    """A transport by its name in a config."""
    return HttpxTransport(settings) if kind == "httpx" else PyreqwestTransport(settings)


def post(url: str, **headers: str | Secret) -> UpstreamRequest:
    """A request with a body."""
    return UpstreamRequest("POST", url, tuple(headers.items()), b'{"a": 1}')


def soon(seconds: float = 5.0) -> float:
    """A deadline."""
    return asyncio.get_running_loop().time() + seconds


def in_use(transport: Transport) -> tuple[int, int]:
    """Requests, and connections that are not idle."""
    if isinstance(transport, PyreqwestTransport):
        return len(transport._lanes._busy), 0
    assert isinstance(transport, HttpxTransport)
    pool: Any = transport._pool
    busy = [connection for connection in pool.connections if not connection.is_idle()]
    return len(pool._requests), len(busy)


async def asked(
    transport: Transport, request: UpstreamRequest, within: float = 5.0, *, whole: bool = False
) -> tuple[int, bytes]:
    """Status and body of a whole exchange; the response is closed."""
    until = soon(within)
    response = await transport.send(request, until, whole=whole)
    try:
        return response.status, await response.read(until)
    finally:
        await response.aclose()


async def fails(
    transport: Transport, url: str, within: float = 5.0, *, whole: bool = False
) -> tuple[FailureClass, str]:
    """The failure of a whole exchange; the response is closed."""
    response: UpstreamResponse | None = None
    until = soon(within)
    try:
        response = await transport.send(post(url), until, whole=whole)
        await response.read(until)
    except TransportFailure as failure:
        return failure.kind, str(failure)
    else:
        pytest.fail("it did not fail")
    finally:
        if response is not None:
            await response.aclose()


def wait_until(condition: Callable[[], object]) -> None:
    """Wait, outside the loop, until *condition* holds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)

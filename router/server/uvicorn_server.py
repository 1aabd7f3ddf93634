"""uvicorn with the bounds that it lacks: on how long and how large a request's head may be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from router.server.exchange import ABORT

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any

HEAD_S = 30.0
"""Seconds from a connection's first byte, or its opening, to the end of a request's head."""

HEAD_BYTES = 64 * 1024
"""More bytes without a complete head are refused; h11 and nginx have bounds of this order."""

DRAIN_S = 300
"""Seconds that requests in flight have at the end: the built-in timeout of a request."""

# Longer than the 5 s for which HTTP clients keep idle connections, so that the client closes first
# and no request is sent into a connection that is just being closed.
_KEEP_ALIVE_S = 75


class _Protocol(HttpToolsProtocol):
    """Bounds each request's head, and lets the gateway cut a connection that is not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        self.app_state = {**self.app_state, ABORT: transport.abort}
        self._abort = transport.abort
        self._head_timer: asyncio.TimerHandle | None = None
        self._head_begins()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head_timer is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._head_timer is None:
            self._head_begins()

    def on_headers_complete(self) -> None:
        self._head_ends()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_ends()
        super().connection_lost(exc)

    def _head_begins(self) -> None:
        self._head_bytes = 0
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_S, self._abort)

    def _head_ends(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class Server(uvicorn.Server):
    """Tells when it takes requests."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to serve, then tell."""
        await super().startup(sockets=sockets)
        self._on_ready()


def uvicorn_config(make_app: Callable[[], Any], workers: int = 1) -> uvicorn.Config:
    """What uvicorn is told for a gateway; *make_app* is called in each worker."""
    return uvicorn.Config(
        make_app,
        factory=True,
        workers=workers,
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
    )

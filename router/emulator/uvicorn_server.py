"""uvicorn with the two things an emulator of faults needs: hanging up, and stopping at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from router.emulator.exchange import CUT

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Callable
    from typing import Any

    from router.emulator.app import Emulator


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # chosen at run time: httptools or h11
    """Gives each request, in ASGI's ``state``, the function that hangs up."""

    app_state: dict[str, Any]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # close() and not abort(): what was written before is still delivered.
        self.app_state = {**self.app_state, CUT: transport.close}
        super().connection_made(transport)


class _Server(uvicorn.Server):
    """Tells when it listens, and stops without waiting for answers that never end."""

    def __init__(self, config: uvicorn.Config, app: Emulator, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            # Every HTTP protocol of uvicorn has it; a hanging fault sees its client leave.
            cast("Any", connection).transport.abort()
        await super().shutdown(sockets=sockets)
        await self._app.aclose()


def make_server(app: Emulator, on_ready: Callable[[], None]) -> uvicorn.Server:
    """A server for *app* that touches no logging set-up; *on_ready* is called on its thread."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    return _Server(config, app, on_ready)

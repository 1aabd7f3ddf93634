"""What the gateway says beside the one line of each request."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from router.telemetry.log import Log

if TYPE_CHECKING:
    from router.server.exchange import Exchange

_FRAMES = 8


class GatewayLog(Log):
    """The router's log, and two lines for requests that never became a run."""

    def request_refused(self, exchange: Exchange, status: int, code: str) -> None:
        """A request that was refused before a model was asked; nothing the client sent is in it."""
        self._logger.info(
            "router.request_refused",
            request_id=exchange.request_id,
            route=exchange.route,
            caller=exchange.caller,
            status=status,
            code=code,
        )

    def request_crashed(self, exchange: Exchange, error: Exception) -> None:
        """A bug: the kind of *error* and where it arose. Its words are left out, they may quote a prompt."""
        frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
        self._logger.error(
            "router.request_crashed",
            request_id=exchange.request_id,
            route=exchange.route,
            caller=exchange.caller,
            error=type(error).__qualname__,
            where=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
        )

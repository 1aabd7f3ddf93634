"""Logging as a guest: the host's structlog pipeline if it has one, else the logger ``router``.

The library never configures logging. Without a handler of the host's it is silent.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from router.core.merge import LedgerEntry
    from router.telemetry.events import AttemptRecord, RequestRecord

LOGGER = "router"

_RECORD_NAMES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}

logging.getLogger(LOGGER).addHandler(logging.NullHandler())


class Log:
    """What a router says of its requests. Made when a router opens, so that the host came first."""

    def __init__(self) -> None:
        self._std = logging.getLogger(LOGGER)
        self._foreign = structlog.is_configured()
        if self._foreign:
            self._logger: Any = structlog.get_logger(LOGGER)
        else:
            self._logger = structlog.wrap_logger(
                self._std,
                processors=[
                    structlog.contextvars.merge_contextvars,
                    _keep_record_names_free,
                    structlog.stdlib.render_to_log_kwargs,
                ],
                wrapper_class=structlog.stdlib.BoundLogger,
            )

    def info_wanted(self) -> bool:
        """Whether a request's line is worth putting together."""
        return self._wanted(logging.INFO)

    def request_completed(self, record: RequestRecord) -> None:
        """The one line of a request."""
        self._logger.info("router.request_completed", **record._asdict())

    def decisions_dropped(self, lines: int, why: str) -> None:
        """The decision log could not take so many lines."""
        self._logger.warning("router.decisions_dropped", lines=lines, why=why)

    def debug_wanted(self) -> bool:
        """Whether attempts and ledgers are worth putting together."""
        return self._wanted(logging.DEBUG)

    def attempts_ended(self, request_id: str, attempts: Sequence[AttemptRecord]) -> None:
        """Each attempt of a request, at debug level."""
        for attempt in attempts:
            self._logger.debug("router.attempt_ended", request_id=request_id, **attempt._asdict())

    def params_merged(self, request_id: str, ledger: Sequence[LedgerEntry]) -> None:
        """What was done to the params, at debug level: names and sources, never values."""
        steps = [f"{entry.param} {entry.action} ({entry.source})" for entry in ledger]
        self._logger.debug("router.params_merged", request_id=request_id, ledger=steps)

    def _wanted(self, level: int) -> bool:
        """Whether a line of *level* would get anywhere, as far as is known."""
        if not self._foreign:
            return self._std.isEnabledFor(level)
        enabled = getattr(self._logger, "is_enabled_for", None)  # A host's own logger class may lack it.
        return enabled is None or bool(enabled(level))


def _keep_record_names_free(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Rename what the host bound under a name that a LogRecord has itself, which logging refuses."""
    for name in _RECORD_NAMES & event.keys():
        event[f"context_{name}"] = event.pop(name)
    return event

"""From a chain's state to the records that callers and logs get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.telemetry.events import AttemptRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.core.state import Chain


def attempt_records(chain: Chain, statuses: Mapping[int, int], now: float) -> tuple[AttemptRecord, ...]:
    """Every attempt of *chain*; one in flight counts as answering so far.

    Args:
        chain: as the core left it.
        statuses: HTTP status by attempt number, for those that got a response.
        now: on the chain's clock; the end of an attempt in flight.
    """
    return tuple(
        AttemptRecord(
            number=attempt.number,
            group=chain.route.groups[attempt.group].name,
            target=chain.target_of(attempt).id,
            outcome="ok" if attempt.failure is None else attempt.failure.kind.value,
            status=statuses.get(attempt.number),
            started_s=attempt.started - chain.started,
            seconds=(now if attempt.ended is None else attempt.ended) - attempt.started,
            wait_s=attempt.wait_s,
        )
        for attempt in chain.attempts
    )


def token_count(usage: Mapping[str, object], name: str) -> int | None:
    """A token count as the upstream stated it; None when it stated none or no number."""
    value = usage.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None

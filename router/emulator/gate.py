"""How many calls a key may have in flight: the one rule of Bytez's tiers emulated so far."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from router.emulator.exchange import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.emulator.settings import Tier

LIMITS: dict[Tier, int] = {"free": 1, "unlimited": 1_000}
"""Calls at one time; for "unlimited" only a number to show, since the header must be one."""


class Gate:
    """Calls in flight by key."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self._limit = LIMITS[tier]
        self._in_flight: dict[str, int] = {}

    @contextmanager
    def call(self, key: str, *, auto_scale: bool) -> Iterator[dict[str, str]]:
        """Hold one place for the length of the block; gives the rate limit headers.

        ``ratelimit-limit`` and ``-remaining`` count calls in flight, ``-reset`` is in seconds.

        Args:
            key: whose place.
            auto_scale: exceed the limit instead of being refused.

        Raises:
            Refused: 429 when the tier is full.
        """
        held = self._in_flight.get(key, 0)
        if self._tier == "free" and held >= self._limit and not auto_scale:
            raise Refused(
                429, "Rate limit exceeded: the free tier allows one call at a time", self._headers(held)
            )
        self._in_flight[key] = held + 1
        try:
            yield self._headers(held + 1)
        finally:
            self._release(key)

    def _release(self, key: str) -> None:
        left = self._in_flight[key] - 1
        if left:
            self._in_flight[key] = left
        else:
            del self._in_flight[key]

    def _headers(self, held: int) -> dict[str, str]:
        return {
            "ratelimit-limit": str(self._limit),
            "ratelimit-remaining": str(max(self._limit - held, 0)),
            "ratelimit-reset": "1",
        }

"""Calls beside which others are cancelled. See ``bench.worker``."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

from bench import subjects
from bench.upstream import SLOW_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.worker import Subject

_WHOLE = 3
_SEED = 20_240_229


class Cancels:
    """Three calls of *subject*, and beside them a fourth that is cancelled, if *cancels* says so.

    The upstream takes its time, and the fourth is left before it could be answered, at a moment that a
    seed decides. Only the three are counted: what the fourth takes is added to what they take.
    """

    unit = _WHOLE

    def __init__(self, port: int, *, subject: str, options: Mapping[str, Any], cancels: bool) -> None:
        self._subject: Subject = getattr(subjects, subject)(port, route="slow", **options)
        self._cancels = cancels
        self._moments = random.Random(_SEED)  # noqa: S311 - the same moments every time

    async def open(self) -> None:
        """As the subject's."""
        await self._subject.open()

    async def call(self) -> None:
        """Three calls, or four."""
        calls = [self._subject.call() for _ in range(_WHOLE)]
        if self._cancels:
            calls.append(self._cancelled())
        await asyncio.gather(*calls)

    async def _cancelled(self) -> None:
        call = asyncio.ensure_future(self._subject.call())
        await asyncio.wait({call}, timeout=self._moments.uniform(0.0, SLOW_S / 2))
        call.cancel()
        await asyncio.wait({call})
        if not call.cancelled():  # The machine stood still until the answer was there.
            call.result()

"""Bytez's tiers: what credits bought in the last four weeks allow."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

ANY_SIZE = "free-any-size"
"""`free`, but for models of any size: the default, as most configs name models above 7B."""

UNLIMITED = "unlimited"
"""The tier that counts calls and refuses none."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One row of Bytez's table.

    Attributes:
        name: as ``--tier`` takes it: the US dollars, or ``free``.
        usd: US dollars of credit bought in the last four weeks.
        up_to: the largest open model, in billions of parameters.
        concurrent: calls of one size that may run at a time. Bytez says so of 7B models; that it
            holds for each size of its own is the emulator's choice.
        bonus: US dollars of credit that come with the tier beyond what was paid.
    """

    name: str
    usd: int
    up_to: float
    concurrent: int
    bonus: int = 0

    def adds(self, before: Tier) -> Decimal:
        """The credit that moving here from *before* adds, in US dollars."""
        return Decimal(self.usd - before.usd + self.bonus)


TIERS = (
    Tier("free", 0, 7, 1),
    Tier("3", 3, 7, 4, bonus=2),
    Tier("10", 10, 35, 4),
    Tier("25", 25, 70, 10),
    Tier("50", 50, 120, 20),
    Tier("100", 100, 120, 40),
    Tier("500", 500, 120, 200),
    Tier("1000", 1_000, 120, 400),
)

NAMES = (ANY_SIZE, UNLIMITED, *(tier.name for tier in TIERS))

UNLIMITED_SHOWN = 1_000
"""The limit that a header shows without a tier, since a header must show one."""

CLOSED_PER_SECOND = 10
"""Calls of closed models a second, on the free tier; later tiers have no limit."""


def row_of(name: str) -> int | None:
    """The row that *name* begins in; None for ``unlimited``."""
    if name == ANY_SIZE:
        return 0
    return next((row for row, tier in enumerate(TIERS) if tier.name == name), None)

"""When a hedge is due: a fixed delay, or one learned from how long a group's answers take.

Source: Dean and Barroso, "The tail at scale" (2013): a second request after the 95th percentile
of the expected latency adds about 5 % of load.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

LEAST = 20
"""Observations without which nothing is learned: below it a 95th percentile is the slowest one."""
NEWEST = 100
"""Observations kept of each group and kind of answer."""
PERCENTILE = 0.95


@dataclass(frozen=True, slots=True)
class Hedge:
    """When another attempt starts beside one that has not answered.

    Attributes:
        after_s: seconds after the latest attempt began; None: the learned 95th percentile.
        max: hedges of one request, ≥ 1.
    """

    after_s: float | None = 2.0
    max: int = 1


@dataclass(slots=True)
class Delays:
    """How long answers took, by group name and whether they were streamed (then: to the first content).

    A wildcard's concrete models share its pattern's name, so that this is bounded by the plan.

    Attributes:
        seconds: the newest, oldest first.
    """

    seconds: dict[tuple[str, bool], list[float]] = field(default_factory=dict)

    def add(self, group: str, seconds: float, *, stream: bool) -> None:
        """An answer of *group* took *seconds*."""
        kept = self.seconds.setdefault((group, stream), [])
        kept.append(seconds)
        del kept[:-NEWEST]

    def p95(self, group: str, *, stream: bool) -> float | None:
        """The 95th percentile (nearest rank), seconds; None with too few observations."""
        kept = sorted(self.seconds.get((group, stream), ()))
        return kept[math.ceil(PERCENTILE * len(kept)) - 1] if len(kept) >= LEAST else None

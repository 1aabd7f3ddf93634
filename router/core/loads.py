"""How busy targets are and how fast they answer, as this process sees it.

Source of the speed: Finagle's peak EWMA (a slower answer counts at once, faster ones by and by, and
what is known grows old).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

DECAY_S = 60.0
"""After this time an observation counts for 1/e of what it did."""
LEAST_S = 0.001
"""No target counts as faster: below it only the attempts in flight tell targets apart."""
FAILURE_S = 5.0
"""A failure counts as an answer that took at least this long, so that failing fast is not fast."""
MOST_S = 600.0


@dataclass(slots=True)
class Speed:
    """How long a target takes to its first content: *seconds*, as known at the time *at*."""

    seconds: float
    at: float

    def known(self, now: float) -> float:
        """Seconds, as known at *now*: what was not observed for long counts for less and less."""
        return max(LEAST_S, self.seconds * math.exp((self.at - now) / DECAY_S))


@dataclass(slots=True)
class Loads:
    """By target id.

    Attributes:
        in_flight: attempts that run now; a target without any is absent.
        speeds: of the targets that answered, or failed, since the state began.
    """

    in_flight: dict[str, int] = field(default_factory=dict)
    speeds: dict[str, Speed] = field(default_factory=dict)

    def begin(self, target: str) -> None:
        """An attempt begins."""
        self.in_flight[target] = self.in_flight.get(target, 0) + 1

    def end(self, target: str) -> None:
        """An attempt that had begun is over, whatever came of it."""
        left = self.in_flight[target] - 1
        if left:
            self.in_flight[target] = left
        else:
            del self.in_flight[target]

    def busy(self, target: str) -> int:
        """How many attempts run now."""
        return self.in_flight.get(target, 0)

    def speed(self, target: str, now: float) -> float | None:
        """Seconds to the first content; None: never observed."""
        speed = self.speeds.get(target)
        return None if speed is None else speed.known(now)

    def answered(self, target: str, seconds: float, now: float) -> None:
        """The first content, or a whole reply, came after *seconds*."""
        speed = self.speeds.get(target)
        if speed is not None and seconds < (known := speed.known(now)):
            share = math.exp((speed.at - now) / DECAY_S)
            seconds = known * share + seconds * (1 - share)
        self.speeds[target] = Speed(min(seconds, MOST_S), now)

    def failed(self, target: str, seconds: float, now: float) -> None:
        """An attempt of *seconds* failed by the target's fault: it counts for twice what was known."""
        known = self.speed(target, now) or 0.0
        self.speeds[target] = Speed(min(max(2 * known, seconds, FAILURE_S), MOST_S), now)

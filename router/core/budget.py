"""The retry budget: how much of a group's traffic may be second tries.

Source: Finagle's RetryBudget (a floor, and a share of recent requests). Here a window of ten
seconds, in steps of one, with a floor of 3 and a share of 0.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FLOOR = 3.0
SHARE = 0.2
WINDOW_S = 10.0
_SLOT_S = 1.0


@dataclass(slots=True)
class Budget:
    """One group's recent requests and tokens taken.

    Attributes:
        slots: (begin, requests, tokens) of the last 10 s, oldest first; at most eleven.
    """

    slots: list[tuple[float, int, int]] = field(default_factory=list)

    def left(self, now: float) -> float:
        """Tokens left at *now*, ≥ 0: 3 + 0.2 * requests - tokens taken, of the last 10 s."""
        self._forget(now)
        requests = sum(slot[1] for slot in self.slots)
        taken = sum(slot[2] for slot in self.slots)
        return max(0.0, FLOOR + SHARE * requests - taken)

    def request(self, now: float) -> None:
        """A request begins."""
        self._add(now, requests=1, tokens=0)

    def take(self, now: float) -> None:
        """An attempt that needs a token begins; ``left`` was at least 1."""
        self._add(now, requests=0, tokens=1)

    def _add(self, now: float, *, requests: int, tokens: int) -> None:
        self._forget(now)
        if self.slots and now < self.slots[-1][0] + _SLOT_S:
            begin, old_requests, old_tokens = self.slots[-1]
            self.slots[-1] = (begin, old_requests + requests, old_tokens + tokens)
        else:
            self.slots.append((now, requests, tokens))

    def _forget(self, now: float) -> None:
        while self.slots and self.slots[0][0] <= now - WINDOW_S:
            self.slots.pop(0)

"""What a target's own results say of it: cooling, ejection, half-open trials.

Cooling: the target said "later" (429, 503 with a hint). Ejection: it kept failing. Both end by time;
after an ejection one attempt at a time tries the target out. A credential's health is kept alike.
Sources: Envoy, outlier detection (ejection by consecutive failures and by rate, growing by step);
gRPC A50. Words as there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

WINDOW_S = 30.0
"""Results older than this do not count for the rate; also one healthy interval."""
SLOT_S = 5.0
"""The window moves in steps of this."""
LEAST_RESULTS = 10
"""No ejection by rate with fewer results in the window."""
JITTER = 0.2
"""An ejection lasts its time ± this share, so that targets do not come back in step."""
MAX_COOLING_S = 60.0
"""However long a wait an upstream asks for, it is tried again after this."""


@dataclass(frozen=True, slots=True)
class Ejection:
    """When a target is set aside, and for how long.

    Attributes:
        consecutive: counted failures in a row, ≥ 1.
        rate: share of failures, in (0, 1], among at least 10 results within 30 s.
        base_s: the first ejection, seconds; the k-th in a row lasts k times as long.
        cap_s: the longest ejection, before jitter.
    """

    consecutive: int = 5
    rate: float = 0.5
    base_s: float = 5.0
    cap_s: float = 120.0


class Status(Enum):
    """Whether a target may be asked now."""

    READY = "ready"
    TRIAL = "ready for its one trial"
    COOLING = "cooling"
    EJECTED = "ejected"


@dataclass(slots=True)
class Health:
    """One target's state. Times are of the driver's monotonic clock.

    Attributes:
        failing: whether its latest outcome was a failure.
        streak: counted failures since its last success.
        streak_request: the request that began the streak; None: no streak.
        streak_mixed: whether the streak has failures of two distinct requests.
        slots: (begin, results, failures) of the last 30 s, oldest first.
        last_request, last_failed_at: the latest counted failure; None: none yet.
        mixed_until: until when failures of two distinct requests are within 30 s.
        step: how often it was ejected in a row; one less after each healthy interval.
        ejected_at, ejected_until: the current ejection; None: not ejected.
        healthy_at: when its last ejection ended well.
        trial: whether a half-open trial is in flight.
        cooling_until: when it may be asked again because it said so.
        cooled: how often in a row it said "later" without saying when.
        keys: how it cools for each credential of its provider, where there are several, by index.
    """

    failing: bool = False
    streak: int = 0
    streak_request: int | None = None
    streak_mixed: bool = False
    slots: list[tuple[float, int, int]] = field(default_factory=list)
    last_request: int | None = None
    last_failed_at: float = float("-inf")
    mixed_until: float = float("-inf")
    step: int = 0
    ejected_at: float | None = None
    ejected_until: float = float("-inf")
    healthy_at: float = float("-inf")
    trial: bool = False
    cooling_until: float = float("-inf")
    cooled: int = 0
    keys: dict[int, Health] = field(default_factory=dict)

    def status(self, now: float) -> Status:
        """Whether it may be asked at the time *now*."""
        if now < self.cooling_until:
            return Status.COOLING
        if self.ejected_at is None:
            return Status.READY
        return Status.TRIAL if now >= self.ejected_until and not self.trial else Status.EJECTED

    def cool(self, until: float) -> None:
        """Set it aside until the time *until*; an earlier, longer cooling holds."""
        self.cooling_until = max(self.cooling_until, until)
        self.cooled += 1

    def succeed(self, started: float, now: float) -> None:
        """An attempt that began at *started* succeeded.

        It ends an ejection that was in force when the attempt began (a trial, or a panic attempt);
        a success that was already on its way when the target was ejected proves nothing.
        """
        self.failing = False
        self.streak, self.streak_request, self.streak_mixed = 0, None, False
        self.cooled = 0
        self._count(now, failed=False)
        if self.in_force(started):
            self.ejected_at = None
            self.trial = False
            self.healthy_at = now
            self.slots.clear()
            self.last_request, self.mixed_until = None, float("-inf")

    def in_force(self, started: float) -> bool:
        """Whether the ejection that an attempt begun at *started* met is the present one."""
        return self.ejected_at is not None and started >= self.ejected_at

    def fail(self, request: int, ejection: Ejection, now: float, u: float) -> bool:
        """Count a failure of *request*; whether it ejects the target.

        Failures of a single request never eject. While it is ejected nothing more is counted.
        """
        if self.ejected_at is not None:
            return False
        if self.streak_request is None:
            self.streak_request = request
        self.streak += 1
        self.streak_mixed = self.streak_mixed or request != self.streak_request
        if self.last_request is not None and request != self.last_request:
            self.mixed_until = max(self.mixed_until, self.last_failed_at + WINDOW_S)
        self.last_request, self.last_failed_at = request, now
        self._count(now, failed=True)
        if not self._over(ejection, now):
            return False
        self.eject(ejection, now, u)
        return True

    def eject(self, ejection: Ejection, now: float, u: float) -> None:
        """Set it aside for the time that is its due: step times base, at most cap, ± jitter."""
        if self.step and self.ejected_at is None:
            self.step -= min(self.step, int((now - self.healthy_at) // WINDOW_S))
        self.step += 1
        length_s = min(ejection.base_s * self.step, ejection.cap_s)
        self.ejected_at = now
        self.ejected_until = now + length_s * (1 + JITTER * (2 * u - 1))
        self.trial = False

    def _over(self, ejection: Ejection, now: float) -> bool:
        if self.streak >= ejection.consecutive and self.streak_mixed:
            return True
        if now >= self.mixed_until:
            return False
        results = sum(slot[1] for slot in self.slots)
        failures = sum(slot[2] for slot in self.slots)
        return results >= LEAST_RESULTS and failures >= ejection.rate * results

    def _count(self, now: float, *, failed: bool) -> None:
        slots = self.slots
        while slots and slots[0][0] <= now - WINDOW_S:
            slots.pop(0)
        if slots and now < slots[-1][0] + SLOT_S:
            begin, results, failures = slots[-1]
            slots[-1] = (begin, results + 1, failures + failed)
        else:
            slots.append((now, 1, int(failed)))

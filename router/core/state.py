"""What the chain remembers: one request's state, and what requests share.

Plain data that can be compared, copied and printed; only ``core.chain.step`` changes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.core.failure import Failure
    from router.core.select import Turns
    from router.core.table import Group, Route, Target


class Phase(Enum):
    """Where a request stands."""

    NEW = "new"
    OPEN = "open"
    COMMITTED = "committed"
    DONE = "done"


@dataclass(slots=True)
class Attempt:
    """One upstream call, as the chain remembers it.

    Attributes:
        wait_s: seconds waited on purpose before it.
        ended: None while it is in flight.
        failure: why it failed; None while in flight and when it answered.
    """

    number: int
    group: int
    target: int
    started: float
    wait_s: float = 0.0
    ended: float | None = None
    failure: Failure | None = None


@dataclass(slots=True)
class Pending:
    """An attempt that waits for its timer."""

    timer: int
    target: int
    since: float


@dataclass(slots=True)
class Chain:
    """One request's state. Comparable, copyable; made by the driver, changed by ``step`` only.

    Attributes:
        route: the groups it may go through.
        eligible: for each group and target, whether it can carry the request at all.
        started: when the request began, on the driver's monotonic clock.
        deadline: when it must have answered (a stream: given its first content).
        stream: whether a stream was asked for.
        group: index of the group being tried.
        attempts: all so far, in order.
        visited: indexes of the groups entered so far.
        pending: the attempt that waits for its timer, if any.
        timers: how many timers were set.
        spent: ids of targets that failed in a way that is never asked again.
        refused: providers whose credential was refused.
        floor: a context window that proved too small; None: none has.
    """

    route: Route
    eligible: tuple[tuple[bool, ...], ...]
    started: float
    deadline: float
    stream: bool = False
    phase: Phase = Phase.NEW
    group: int = 0
    attempts: list[Attempt] = field(default_factory=list)
    visited: list[int] = field(default_factory=list)
    pending: Pending | None = None
    timers: int = 0
    spent: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    floor: int | None = None

    def current(self) -> Group:
        """The group being tried."""
        return self.route.groups[self.group]

    def target_of(self, attempt: Attempt) -> Target:
        """The target an attempt was made on."""
        return self.route.groups[attempt.group].targets[attempt.target]

    def in_group(self) -> list[Attempt]:
        """The attempts of the group being tried."""
        return [attempt for attempt in self.attempts if attempt.group == self.group]


@dataclass(slots=True)
class Shared:
    """What requests of one plan share: whose turn it is in each group, by group name."""

    turns: dict[str, Turns] = field(default_factory=dict)

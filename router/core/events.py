"""What the chain hears and what it says: events and actions, plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.core.failure import Failure
    from router.core.rooms import Full


# --- events: what happened


@dataclass(frozen=True, slots=True)
class Started:
    """The request begins. The first event, once."""


@dataclass(frozen=True, slots=True)
class Ended:
    """An attempt came to its end.

    Attributes:
        outcome: None when it answered.
        tokens: what it took, as its upstream stated; None: unknown.
        resumable: of a stream that broke: whether another attempt could go on from what was delivered.
    """

    attempt: int
    outcome: Failure | None
    tokens: int | None = None
    resumable: bool = False


@dataclass(frozen=True, slots=True)
class FirstContent:
    """A streamed attempt's first content is there for the caller: the chain is committed to it."""

    attempt: int


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The time set by a SetTimer came."""

    timer: int


@dataclass(frozen=True, slots=True)
class SlotGranted:
    """A Grant for the Wait with this ticket came, before its time did."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller left."""


Event = Started | Ended | FirstContent | TimerFired | SlotGranted | Cancelled


# --- actions: what to do


@dataclass(frozen=True, slots=True)
class Send:
    """Start an attempt.

    Attributes:
        attempt: its number, from 1.
        group, target: indexes into the route's groups and that group's targets.
        until: when it must have answered; for a stream that is given on as it comes, its first content.
        idle_s: longest silence inside a stream after its first content; None: no limit.
        ends_at: when a stream must have ended; None: no limit.
        credential: which of the provider's it uses, an index.
        hold: whether a stream is held back until its end, as far as memory allows.
        content_by: when the first content of a stream that is held back must have come.
    """

    attempt: int
    group: int
    target: int
    until: float
    idle_s: float | None = None
    ends_at: float | None = None
    credential: int = 0
    hold: bool = False
    content_by: float | None = None


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stop an attempt and close what it holds; no event is awaited for it."""

    attempt: int


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Report TimerFired(timer) at the time *at*."""

    timer: int
    at: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Wait for room under a limit: report SlotGranted(ticket) when another request's step grants it.

    Attributes:
        ticket: numbered with the timers.
        at: when to report TimerFired(ticket) if nothing was granted by then.
    """

    ticket: int
    at: float


@dataclass(frozen=True, slots=True)
class Grant:
    """Tell another request that its Wait is over, by SlotGranted(ticket); if it is over, leave it.

    Attributes:
        request: its serial number, ``Chain.serial``.
    """

    request: int
    ticket: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The request is answered by *attempt*."""

    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The request fails; the chain's attempts say why.

    Attributes:
        retry_after_s: set when no attempt was made because every target that may be asked is
            cooling or has no room under the limits: seconds until the first of the chain may be asked.
        full: the limit in the way, if one is.
    """

    retry_after_s: float | None = None
    full: Full | None = None


Action = Send | Cancel | SetTimer | Wait | Grant | Finish | GiveUp

"""Every way an attempt can fail, and what each means for what comes next: one table.

The table is design data, not code: the chain reads it and decides nothing by class name.
Sources: RFC 9110 (status codes), RFC 6585 (429), OpenAI's error codes, Bytez's documented replies.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from router.types import FailureClass

__all__ = ["RULES", "Again", "Effect", "Failure", "FailureClass", "FallbackList", "Other", "Rule"]


class Again(Enum):
    """When the same target may be asked again for the same request."""

    NEVER = "never"
    AFTER_BACKOFF = "after backoff"
    AFTER_HINT = "after the upstream's hint, else after backoff"


class Other(Enum):
    """Which other targets of the group may be asked."""

    NONE = "none"
    ANY = "any"
    OTHER_CREDENTIAL = "one with another credential"
    LARGER_WINDOW = "one whose declared context window is larger"


class FallbackList(StrEnum):
    """The lists under ``fallbacks``; the values are the config's keys."""

    ON_ERROR = "on_error"
    ON_CONTEXT_OVERFLOW = "on_context_overflow"
    ON_CONTENT_POLICY = "on_content_policy"


class Effect(Enum):
    """What a failure says of the target's health."""

    NONE = "nothing"
    COOL = "it is busy: cooling"
    COUNT = "it failed: counted towards ejection"
    COUNT_UNLESS_WILD = "as COUNT, but nothing for a model that a caller named"
    CREDENTIAL = "its credential is of no use: ejected at once"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    Attributes:
        effect: what it says of the target's health.
        again: whether and when the same target may be asked again.
        other: which other targets of the group may be asked.
        fallback: the fallback list that serves this class; None: no fallback.
    """

    effect: Effect
    again: Again
    other: Other
    fallback: FallbackList | None


_ON_ERROR = FallbackList.ON_ERROR

RULES: dict[FailureClass, Rule] = {
    FailureClass.RATE_LIMITED: Rule(Effect.COOL, Again.AFTER_HINT, Other.ANY, _ON_ERROR),
    FailureClass.OVERLOADED: Rule(Effect.COOL, Again.AFTER_HINT, Other.ANY, _ON_ERROR),
    FailureClass.SERVER_ERROR: Rule(Effect.COUNT, Again.AFTER_BACKOFF, Other.ANY, _ON_ERROR),
    FailureClass.CONNECTION: Rule(Effect.COUNT, Again.AFTER_BACKOFF, Other.ANY, _ON_ERROR),
    FailureClass.PROTOCOL: Rule(Effect.COUNT, Again.AFTER_BACKOFF, Other.ANY, _ON_ERROR),
    FailureClass.TIMEOUT: Rule(Effect.COUNT, Again.NEVER, Other.ANY, _ON_ERROR),
    FailureClass.AUTH: Rule(Effect.CREDENTIAL, Again.NEVER, Other.OTHER_CREDENTIAL, _ON_ERROR),
    FailureClass.PAYMENT: Rule(Effect.CREDENTIAL, Again.NEVER, Other.OTHER_CREDENTIAL, _ON_ERROR),
    FailureClass.FORBIDDEN: Rule(Effect.COUNT_UNLESS_WILD, Again.NEVER, Other.ANY, _ON_ERROR),
    FailureClass.NOT_FOUND: Rule(Effect.COUNT_UNLESS_WILD, Again.NEVER, Other.ANY, _ON_ERROR),
    FailureClass.UNSUPPORTED: Rule(Effect.NONE, Again.NEVER, Other.ANY, _ON_ERROR),
    FailureClass.BAD_REQUEST: Rule(Effect.NONE, Again.NEVER, Other.NONE, None),
    FailureClass.CONTEXT_OVERFLOW: Rule(
        Effect.NONE, Again.NEVER, Other.LARGER_WINDOW, FallbackList.ON_CONTEXT_OVERFLOW
    ),
    FailureClass.CONTENT_POLICY: Rule(Effect.NONE, Again.NEVER, Other.NONE, FallbackList.ON_CONTENT_POLICY),
    FailureClass.CANCELLED: Rule(Effect.NONE, Again.NEVER, Other.NONE, None),
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, as a value.

    Attributes:
        kind: the failure class.
        status: HTTP status, or None when no response arrived.
        hint_s: seconds the upstream asked us to wait, ≥ 0; None when it said nothing readable.
        message: the upstream's own words, at most 1 KiB; or, in brackets, ours about a reply that
            could not be read; "" when there is nothing to say. Callers get it scrubbed of secrets;
            it is never logged.
    """

    kind: FailureClass
    status: int | None = None
    hint_s: float | None = None
    message: str = ""

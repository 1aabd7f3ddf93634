"""How upstreams of a simulation behave, as a scenario says it."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from router.config.fields import Duration, Pause, Settings, optional
from router.config.units import DURATION_PATTERN, finding
from router.tools.simulate.faults import FaultValue  # noqa: TC001 - pydantic reads the annotations

MAX_RULES = 100
MAX_VALUES = 10_000
MAX_AT_ONCE = 100_000
MAX_COUNT = 1_000_000_000

Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]
Positive = Annotated[int, Field(ge=1, le=MAX_COUNT)]
Share = Annotated[int | float, Field(ge=0, le=1)]


class TimesConfig(Settings):
    """How long something takes. One duration alone: always as long; a list: each of them as often."""

    short_form: ClassVar[dict[str, Any] | None] = {
        "anyOf": [
            {"type": "string", "pattern": f"^{DURATION_PATTERN}$"},
            {
                "type": "array",
                "items": {"type": "string", "pattern": f"^{DURATION_PATTERN}$"},
                "minItems": 1,
                "maxItems": MAX_VALUES,
            },
        ]
    }
    p50: Pause | None = optional("Median", "Half of them are shorter.", examples=["800ms"])
    p95: Pause | None = optional(
        "95th percentile",
        "All but one of twenty are shorter; with `p50` this makes a log-normal distribution.",
        examples=["3s"],
    )
    values: Annotated[tuple[Pause, ...], Field(strict=False, max_length=MAX_VALUES)] | None = optional(
        "Values", "As measured, each as often as it stands here.", examples=[["200ms", "250ms", "2s"]]
    )

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        if isinstance(data, list):
            return {"values": data}
        return data if isinstance(data, dict) else {"p50": data}

    @model_validator(mode="after")
    def _one_way(self) -> TimesConfig:
        if (self.p50 is None) == (not self.values) or (self.values and self.p95 is not None):
            raise finding(
                "bad-value",
                "must be one duration, `{p50: …, p95: …}` or a list of durations",
                "write `800ms`, `{p50: 800ms, p95: 3s}` or `[200ms, 250ms, 2s]`",
            )
        if self.p50 is not None and self.p95 is not None and not 0 < self.p50 <= self.p95:
            raise finding(
                "bad-value", "`p95` must not be less than `p50`, nor `p50` nothing", "exchange them"
            )
        return self


class FailureConfig(Settings):
    """Failures by lot."""

    fails: FaultValue = Field(
        title="How it fails",
        description="An HTTP status, a failure class, `hang` (nothing comes until the router gives up) or"
        " `cut` (the connection breaks where the answer would come, a stream half-way through).",
        examples=[503, "connection", "hang"],
    )
    share: Share | None = optional("Share", "The share of calls that fail so.", default=1, examples=[0.02])
    after: Pause | None = optional(
        "After", "How long the failure takes to come.", default="0s", examples=["30ms"]
    )
    retry_after: Pause | None = optional(
        "Retry-After",
        "How long it asks to wait, in whole seconds; without it, it does not ask.",
        examples=["2s"],
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> FailureConfig:
        _check_fault(self.fails, self.after, self.retry_after)
        return self


class OutageConfig(Settings):
    """A time in which calls fail, or are slow."""

    since: Pause = Field(title="From", description="When it begins.", examples=["1m"])
    until: Duration = Field(title="To", description="When it is over.", examples=["2m"])
    fails: FaultValue | None = optional(
        "How it fails", "As under `failures`; either this or `slower`.", examples=[503, "hang"]
    )
    slower: Annotated[int | float, Field(gt=0, le=1_000)] | None = optional(
        "Slower", "How many times as long everything takes meanwhile.", examples=[5]
    )
    share: Share | None = optional("Share", "The share of calls that meet it.", default=1, examples=[0.5])
    after: Pause | None = optional(
        "After", "How long the failure takes to come.", default="0s", examples=["30ms"]
    )
    retry_after: Pause | None = optional("Retry-After", "As under `failures`.", examples=["30s"])

    @model_validator(mode="after")
    def _makes_sense(self) -> OutageConfig:
        if self.since >= self.until:
            raise finding("bad-value", "`until` must be later than `since`", "exchange them")
        if (self.fails is None) == (self.slower is None):
            raise finding("bad-value", "must have either `fails` or `slower`", "write `fails: 503`")
        _check_fault(self.fails, self.after, self.retry_after)
        return self


def _check_fault(fails: FaultValue | None, after: float | None, retry_after: float | None) -> None:
    if after is not None and (fails is None or fails.hangs or fails.cuts):
        raise finding("bad-value", "`after` is of no use here: no failure comes at a set time", "remove it")
    if retry_after is not None and (fails is None or not fails.may_hint):
        raise finding(
            "bad-value",
            "`retry_after` counts only with `rate_limited`, `overloaded` and `server_error` (429, 5xx)",
            "remove it, or write `fails: 503`",
        )


class RateLimitConfig(Settings):
    """What the upstream allows, for each key of its provider; the minute begins with the simulation."""

    rpm: Positive = Field(title="A minute", description="Calls a minute; more get a 429.", examples=[600])
    retry_after: bool | None = optional(
        "Retry-After", "Whether the 429 says when the minute ends.", default=True, examples=[False]
    )


class CapacityConfig(Settings):
    """How much the upstream does at once. It goes on with what it began, even if nobody waits any more."""

    concurrent: Annotated[int, Field(ge=1, le=MAX_AT_ONCE)] = Field(
        title="At once", description="Calls that it works on at once.", examples=[8]
    )
    queue: Count | None = optional(
        "Queue", "Calls that wait beside them, the first come first.", default=0, examples=[100]
    )
    when_full: Literal[429, 503, 529] | None = optional(
        "When full", "The status for calls that find no place.", default=503, examples=[429]
    )
    retry_after: Pause | None = optional("Retry-After", "What it asks for then.", examples=["1s"])


class TargetConfig(Settings):
    """How one target behaves, or each whose id matches."""

    latency: TimesConfig = Field(
        title="Latency",
        description="From the call to the end of its answer.",
        examples=["800ms", {"p50": "800ms", "p95": "3s"}],
    )
    first_content: TimesConfig | None = optional(
        "First content",
        "From the call to a stream's first content; without it, all comes with the end.",
        examples=["200ms"],
    )
    failures: Annotated[tuple[FailureConfig, ...], Field(strict=False, max_length=MAX_RULES)] | None = (
        optional(
            "Failures",
            "What goes wrong by lot; of several the first whose lot falls.",
            default=[],
            examples=[[{"fails": 503, "share": 0.02}]],
        )
    )
    outages: Annotated[tuple[OutageConfig, ...], Field(strict=False, max_length=MAX_RULES)] | None = optional(
        "Outages",
        "What goes wrong for a time; of several at once the first that fails, else all slow ones together.",
        default=[],
        examples=[[{"since": "1m", "until": "2m", "fails": 503}]],
    )
    rate_limit: RateLimitConfig | None = optional(
        "Rate limit", "Without it there is none.", examples=[{"rpm": 600}]
    )
    cold_start: Pause | None = optional(
        "Cold start", "How long a call waits that finds the model stopped.", default="0s", examples=["20s"]
    )
    warm_for: Duration | None = optional(
        "Warm for", "The time without a call after which the model is stopped.", default="5m", examples=["1m"]
    )
    capacity: CapacityConfig | None = optional(
        "Capacity", "Without it there is no end of it.", examples=[{"concurrent": 8, "queue": 100}]
    )

"""What a config says of limits: rates, tokens, attempts at once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from router.config.fields import NullForFalse, OrFalse, Pause, Settings, optional
from router.config.units import finding

MAX_RPM = 10_000_000
MAX_TPM = 1_000_000_000_000
MAX_CONCURRENCY = 100_000


def _concurrency(value: object) -> int | Literal["adaptive"] | None:
    if value is None or value == "adaptive":
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_CONCURRENCY:
        return value
    raise finding("bad-value", f"must be `adaptive` or a number from 1 to {MAX_CONCURRENCY}")


Concurrency = Annotated[
    int | Literal["adaptive"] | None,
    PlainValidator(_concurrency),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY},
                {"enum": ["adaptive", None]},
            ]
        }
    ),
]
"""Attempts at once; None: no limit."""


class LimitsConfig(Settings):
    """What may be asked of a provider's credential, a group or a target. At least one limit is written."""

    rpm: Annotated[int, Field(ge=1, le=MAX_RPM)] | None = optional(
        "Attempts a minute", "At most so many attempts start within any 60 seconds.", examples=[60]
    )
    tpm: Annotated[int, Field(ge=1, le=MAX_TPM)] | None = optional(
        "Tokens a minute",
        "At most so many tokens within any 60 seconds: an estimate of the request and its `max_tokens`, "
        "corrected by the usage that the upstream states.",
        examples=[100000],
    )
    concurrency: Concurrency = optional(
        "Attempts at once",
        "At most so many attempts run at the same time; `adaptive`: as many as the upstream bears, by its "
        "429 and 503, beginning with 10.",
        examples=[10, "adaptive"],
    )
    max_wait: Pause | None = optional(
        "Longest wait for room",
        "How long a request waits for room before it goes on to the fallbacks; `0s`: not at all.",
        default="5s",
        examples=["30s"],
    )

    @model_validator(mode="after")
    def _not_empty(self) -> LimitsConfig:
        if self.rpm is None and self.tpm is None and self.concurrency is None:
            raise finding(
                "bad-value", "nothing is limited", "write `rpm`, `tpm` or `concurrency`; `false` is no limits"
            )
        return self


Limiting = Annotated[LimitsConfig | None, NullForFalse, OrFalse()]
"""Limits; None and ``false``: none."""

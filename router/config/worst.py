"""What a config allows a request to come to at most."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator, WithJsonSchema

from router.config import units
from router.config.fields import Settings, optional
from router.config.policies import MAX_ATTEMPTS, Number


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value <= units.MAX_DURATION_S:
            return float(value)
        raise units.finding("bad-value", f"must be above 0 and at most {units.MAX_DURATION_S:.0f} seconds")
    return units.duration(value)


Seconds = Annotated[
    float,
    PlainValidator(_seconds),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": units.MAX_DURATION_S},
                {"type": "string", "pattern": f"^{units.DURATION_PATTERN}$"},
            ]
        }
    ),
]
"""Seconds; the unit is in the key's name, so that a bare number is clear. A duration will do too."""


class WorstCaseConfig(Settings):
    """Limits of what one request may come to. A group whose computed worst case is beyond one is an error."""

    max_attempts: Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)] | None = optional(
        "Upstream calls", "The most upstream calls for one request.", examples=[6]
    )
    max_seconds: Seconds | None = optional(
        "Seconds",
        "The longest time up to the whole reply, or for a stream up to its first content.",
        examples=[120],
    )
    max_cost: Annotated[Number, Field(ge=0)] | None = optional(
        "Cost",
        "The most US dollars, every attempt taken as paid in full. Every target then needs a `price`, a "
        "`context_window` where the price is by tokens, and a bound on `n`.",
        examples=[0.05],
    )

"""What a config says of a target beyond its name: what it can do, what it costs; and tags."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import (
    BeforeValidator,
    Field,
    PlainValidator,
    StrictBool,
    StrictStr,
    WithJsonSchema,
    model_validator,
)

from router.config.fields import MAX_ITEMS, Settings, optional
from router.config.units import finding

MAX_PRICE = 1_000_000
MAX_TAG = 100

_HEADER_NAME = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
_AFFINITY = re.compile(rf"user|caller|header:{_HEADER_NAME}")


def _affinity(value: object) -> str | None:
    if value is None or value is False:
        return None
    if isinstance(value, str) and _AFFINITY.fullmatch(value):
        return value
    raise finding("bad-value", "must be `user`, `caller` or `header:NAME`, such as `header:x-session-id`")


def _none(value: object) -> object:
    """``false`` says the same as an empty list."""
    return () if value is False else value


Affinity = Annotated[
    str | None,
    PlainValidator(_affinity),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": rf"^(user|caller|header:{_HEADER_NAME})$"},
                {"enum": [False, None]},
            ]
        }
    ),
]
"""What keeps requests on one target; None: nothing does."""

_Tag = Annotated[StrictStr, Field(min_length=1, max_length=MAX_TAG)]
Tags = Annotated[
    tuple[_Tag, ...],
    BeforeValidator(_none),
    Field(strict=False, max_length=MAX_ITEMS),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"const": False}]}),
]

_Price = Annotated[float, Field(ge=0, le=MAX_PRICE, allow_inf_nan=False)]


class SupportsConfig(Settings):
    """What a target can do. What is not declared it can, as far as its wire can, but for `prefill`."""

    tools: StrictBool | None = optional("Tools", "Tool calls (`tools`, `functions`).", examples=[False])
    json_object: StrictBool | None = optional(
        "JSON", "Replies that are JSON (`response_format` of type json_object).", examples=[False]
    )
    json_schema: StrictBool | None = optional(
        "JSON by a schema",
        "Replies that keep to a schema (`response_format` of type json_schema).",
        examples=[False],
    )
    logprobs: StrictBool | None = optional(
        "Log probabilities", "`logprobs`, `top_logprobs`.", examples=[False]
    )
    vision: StrictBool | None = optional("Pictures", "Pictures in messages.", examples=[False])
    audio: StrictBool | None = optional(
        "Sound", "Sound in messages, and spoken replies (`modalities`).", examples=[False]
    )
    video: StrictBool | None = optional("Films", "Films in messages.", examples=[False])
    streaming: StrictBool | None = optional("Streams", "Replies piece by piece.", examples=[False])
    prefill: StrictBool | None = optional(
        "Prefill",
        "Going on with the text of a last message of the assistant; counts only where it is `true`. For "
        "`on_break: continue`.",
        default=False,
        examples=[True],
    )


class PriceConfig(Settings):
    """What a target costs, in US dollars."""

    input_per_mtok: _Price | None = optional(
        "Tokens read", "For a million tokens of the request; goes with `output_per_mtok`.", examples=[0.1]
    )
    output_per_mtok: _Price | None = optional(
        "Tokens written", "For a million tokens of the reply; goes with `input_per_mtok`.", examples=[0.4]
    )
    per_second: _Price | None = optional(
        "Time", "For each second of a request; counts where tokens have no price.", examples=[0.000144]
    )

    @model_validator(mode="after")
    def _whole(self) -> PriceConfig:
        if (self.input_per_mtok is None) != (self.output_per_mtok is None):
            raise finding(
                "bad-value",
                "`input_per_mtok` and `output_per_mtok` go together",
                "write both; 0 for what is free",
            )
        return self

"""A scenario: which models fail when, and how they behave, from a YAML file.

A fault of a rule is shown for the calls the rule names: by number (``after``, ``times``, ``every``), by
time since the emulator started (``since``, ``until``) and by lot (``share``), all of which must hold;
of a model's rules the first that matches is taken. Lots are drawn from ``seed``, the model, the rule
and the call's number, so that the same calls meet the same faults.
"""

from __future__ import annotations

import hashlib
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PlainValidator, WithJsonSchema, model_validator

from router.config import reader, source
from router.config.diagnostics import Diagnostics
from router.config.fields import Duration, Pause, Settings, optional
from router.config.schema import schema_of, text_of
from router.config.units import finding
from router.config.validation import validate_as
from router.core.wildcards import WildcardIndex
from router.emulator import faults
from router.emulator.exchange import Refused
from router.emulator.settings import Profile, Shape  # noqa: TC001 - pydantic reads the annotations
from router.errors import ConfigError

if TYPE_CHECKING:
    import os

    from pydantic_core import PydanticCustomError

MAX_MODELS = 1_000
MAX_RULES = 100
MAX_CALLS = 1_000_000_000

LIMITS = replace(reader.NORMAL, nodes=50_000, hint="shorten it")

_PATTERN = re.compile(r"[A-Za-z0-9*][\w.:@*-]*(/[\w.:@*-]+)?", re.ASCII)

Call = Annotated[int, Field(ge=0, le=MAX_CALLS)]


def _fault(value: object) -> str:
    if not isinstance(value, str):
        raise finding("wrong-type", "a fault is text", 'put it into quotes, such as `"503"`')
    try:
        faults.find(value)
    except Refused as refusal:
        raise _no_fault(refusal.message) from None
    return value


def _no_fault(message: str) -> PydanticCustomError:
    what, _, hint = message.partition("; ")
    return finding("bad-value", what, hint or "`router emulate --faults` lists all")


def _pattern(value: object) -> str:
    known = isinstance(value, str) and _PATTERN.fullmatch(value) is not None
    if (
        known
        and isinstance(value, str)
        and (value.count("*") == 1 or value.count("*/") + value.count("/") == 1)
    ):
        return value
    raise finding(
        "bad-value", "must be a model id, with at most one `*`", 'write `org/name`, `"org/*"` or `"*"`'
    )


FaultName = Annotated[
    str, PlainValidator(_fault), WithJsonSchema({"type": "string", "pattern": "^[a-z0-9][A-Za-z0-9-]*$"})
]
Pattern = Annotated[
    str, PlainValidator(_pattern), WithJsonSchema({"type": "string", "pattern": r"^[^*]*\*?[^*]*$"})
]


class RuleConfig(Settings):
    """One fault, and the calls that meet it."""

    fault: FaultName = Field(
        title="Fault",
        description="What happens: a name that `router emulate --faults` lists, without `faulty/`.",
        examples=["stream-cut", "429-retry-after-2s", "503"],
    )
    after: Call | None = optional(
        "Calls before",
        "So many calls of the model go well before the first that fails.",
        default=0,
        examples=[2],
    )
    times: Annotated[int, Field(ge=1, le=MAX_CALLS)] | None = optional(
        "How often", "The most calls that fail; without it, all.", examples=[3]
    )
    every: Annotated[int, Field(ge=1, le=MAX_CALLS)] | None = optional(
        "Every",
        "Of the calls after `after` every so manieth fails, the first one first.",
        default=1,
        examples=[2],
    )
    share: Annotated[int | float, Field(ge=0, le=1)] | None = optional(
        "Share", "The share of these calls that fail, drawn by `seed`.", default=1, examples=[0.1]
    )
    since: Pause | None = optional(
        "From", "The time after the emulator's start from which calls fail.", default="0s", examples=["10s"]
    )
    until: Duration | None = optional(
        "To", "The time after the emulator's start from which they go well again.", examples=["1m"]
    )

    @model_validator(mode="after")
    def _times_in_order(self) -> RuleConfig:
        if self.until is not None and (self.since or 0.0) >= self.until:
            raise finding(
                "bad-value", "`until` must be later than `since`", "exchange them, or leave one out"
            )
        return self


class ModelConfig(Settings):
    """How one model behaves, or all whose id matches."""

    cold_start: Pause | None = optional(
        "Cold start", "How long a call waits that finds the model stopped.", default="0s", examples=["20s"]
    )
    warm_for: Duration | None = optional(
        "Warm for", "The time without a call after which the model is stopped.", default="5m", examples=["1m"]
    )
    shape: Shape | None = optional(
        "Output shape", "How `output` of a chat answer looks.", default="blocks", examples=["string"]
    )
    profile: Profile | None = optional(
        "Profile",
        "How the OpenAI routes answer: as OpenAI does, or with the oddities of Bytez's own containers.",
        default="openai",
        examples=["container"],
    )
    faults: Annotated[tuple[RuleConfig, ...], Field(strict=False, max_length=MAX_RULES)] | None = optional(
        "Faults",
        "What goes wrong; of the rules that match a call the first is taken.",
        default=[],
        examples=[[{"fault": "flaky", "until": "1m"}]],
    )


class ScenarioConfig(Settings):
    """Which models fail when, and how they behave."""

    version: Literal[1] = Field(
        title="Version",
        description="Version of the file's format.",
        examples=[1],
        json_schema_extra={"default": 1},
    )
    seed: Annotated[int, Field(ge=0, le=MAX_CALLS)] | None = optional(
        "Seed", "Decides which calls meet a fault with a `share`.", default=0, examples=[7]
    )
    models: Annotated[dict[Pattern, ModelConfig], Field(max_length=MAX_MODELS)] = Field(
        title="Models",
        description="By model id, or a pattern with one `*`: an id itself comes first, then the pattern with"
        " the longest literal part; nothing is united. `list/models` and `list/tasks` are the two lists.",
        examples=[{"google/gemma-3-4b-it": {"cold_start": "20s"}}],
    )


class Scenario:
    """A scenario that was read."""

    def __init__(self, config: ScenarioConfig) -> None:
        self._models = config.models
        self._seed = config.seed or 0
        self._wildcards = WildcardIndex(name for name in config.models if "*" in name)

    def model(self, model_id: str) -> ModelConfig | None:
        """What is said of *model_id*; None when nothing is."""
        if model_id in self._models:
            return self._models[model_id]
        found = self._wildcards.match(model_id)
        return None if found is None else self._models[found[0]]

    def fault(self, model_id: str, call: int, elapsed_s: float) -> str | None:
        """The fault that a call of *model_id* meets, by name; None: none.

        Args:
            model_id: which.
            call: the call's number, from 1.
            elapsed_s: seconds since the emulator started.
        """
        told = self.model(model_id)
        for index, rule in enumerate(told.faults or () if told else ()):
            share = 1.0 if rule.share is None else rule.share
            if _names(rule, call, elapsed_s) and self._lot(model_id, index, call) < share:
                return rule.fault
        return None

    def _lot(self, model_id: str, rule: int, call: int) -> float:
        """A number in [0, 1), the same for the same call."""
        text = f"{self._seed} {rule} {call} {model_id}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6]) / 2**48


def _names(rule: RuleConfig, call: int, elapsed_s: float) -> bool:
    """Whether *rule* names this call, lots aside."""
    behind = call - 1 - (rule.after or 0)  # Calls between the first that may fail and this one.
    step = rule.every or 1
    if behind < 0 or behind % step:
        return False
    if rule.times is not None and behind // step >= rule.times:
        return False
    return (rule.since or 0.0) <= elapsed_s and (rule.until is None or elapsed_s < rule.until)


def load_scenario(path: str | os.PathLike[str]) -> Scenario:
    """Read a scenario.

    Args:
        path: a YAML file of at most 1 MiB.

    Raises:
        ConfigError: with every finding, each with its place.
    """
    diagnostics = Diagnostics()
    text = reader.read_file(Path(path), LIMITS, diagnostics)
    root = None if text is None else source.parse(text, str(path), LIMITS, diagnostics)
    config = None if root is None else validate_as(ScenarioConfig, root, diagnostics)
    if config is None:
        raise ConfigError(tuple(diagnostics))
    return Scenario(config)


def schema() -> dict[str, Any]:
    """JSON Schema of a scenario file."""
    return schema_of(ScenarioConfig, "bytez-router emulator scenario")


def main() -> None:
    """Print the schema."""
    sys.stdout.write(text_of(schema()))


if __name__ == "__main__":
    main()

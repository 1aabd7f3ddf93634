"""Tests of a policy, as they are written under ``tests``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    StrictBool,
    StrictStr,
    WithJsonSchema,
)

from router.config.fields import Duration, Names, Settings, optional
from router.config.outcomes import MAX_TOKENS, OutcomeConfig
from router.config.units import duration, duration_text, finding

if TYPE_CHECKING:
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

MAX_TESTS = 1_000
MAX_OUTCOMES = 100
MAX_TARGETS = 1_000
MAX_ATTEMPTS = 100
_STATES = ("ejected", "cooling", "failing")
_STATE = re.compile(r"(ejected|cooling|failing)(?: +(\S{1,20}))?")


class State(NamedTuple):
    """How a target stands when a test begins.

    Attributes:
        kind: ``ejected``, ``cooling`` or ``failing`` (its latest outcome was a failure).
        seconds: for how long; None of one that is ejected: for the built-in time, 5 s.
    """

    kind: str
    seconds: float | None = None


def _state(value: object) -> State:
    if isinstance(value, State):
        return value
    match = _STATE.fullmatch(value) if isinstance(value, str) else None
    timed = match is not None and match[2] is not None
    if match is None or (match[1] == "failing" and timed) or (match[1] == "cooling" and not timed):
        hint = "write `ejected`, `ejected 20s`, `cooling 5s` or `failing`"
        raise finding("bad-value", "is no state of a target", hint)
    return State(match[1], None if match[2] is None else duration(match[2]))


def _state_text(state: State) -> str:
    return state.kind if state.seconds is None else f"{state.kind} {duration_text(state.seconds)}"


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _attempts(value: object) -> int | tuple[str, ...]:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_ATTEMPTS:
        return value
    texts = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if isinstance(value, list | tuple) and texts and len(value) <= MAX_ATTEMPTS:
        return tuple(value)
    raise finding(
        "wrong-type", "must be a number of attempts, or a list of targets", "write `2`, or `[a/x, b/y]`"
    )


def _outcomes(value: object) -> object:
    if isinstance(value, list | tuple):
        if not value:
            raise finding("bad-value", "must hold at least one outcome", "write `[503, ok]`, or remove it")
        return value
    return [value]


class _OrOne:
    """Adds one item alone to the JSON Schema of a list."""

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        schema = handler(core_schema)
        return {"anyOf": [schema["items"], {**schema, "minItems": 1}]}


StateText = Annotated[
    State,
    PlainValidator(_state),
    PlainSerializer(_state_text),
    WithJsonSchema({"type": "string", "pattern": f"^({'|'.join(_STATES)})( +[0-9].*)?$"}),
]
Attempts = Annotated[
    int | tuple[str, ...],
    PlainValidator(_attempts),
    PlainSerializer(lambda value: value if isinstance(value, int) else list(value)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": MAX_ATTEMPTS},
                {"type": "array", "items": {"type": "string"}, "maxItems": MAX_ATTEMPTS},
            ]
        }
    ),
]
OneOrMore = Annotated[
    Names,
    BeforeValidator(_listed),
    WithJsonSchema(
        {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    ),
]
Outcomes = Annotated[
    tuple[OutcomeConfig, ...],
    Field(strict=False, max_length=MAX_OUTCOMES),
    BeforeValidator(_outcomes),
    _OrOne(),
]


class AskedConfig(Settings):
    """A request. Every other key is a generation param, as a caller would send it."""

    model_config = ConfigDict(
        frozen=True, extra="allow", hide_input_in_errors=True, strict=True, arbitrary_types_allowed=True
    )
    model: StrictStr = Field(
        title="Model", description="The model group, alias or model asked.", examples=["gemma-3"]
    )
    messages: Any = optional(
        "Messages",
        "A text that the user says, or the whole list; without it a short text.",
        examples=["What is a router?"],
    )
    input: Any = optional("Input", "Texts to embed; the request is one for embeddings.", examples=["hello"])
    stream: StrictBool | None = optional("Stream", "Whether a stream is asked for.", examples=[True])

    @property
    def params(self) -> dict[str, Any]:
        """The generation params."""
        return dict(self.model_extra or {})


class ExpectedConfig(Settings):
    """What must come of it; what is not written is not looked at. Without `error` it must be answered."""

    target: OneOrMore | None = optional(
        "Target",
        "The target that answers, or a list of which one does.",
        examples=["bytez/google/gemma-3-4b-it"],
    )
    attempts: Attempts | None = optional(
        "Attempts", "How many there are, or the targets asked, in order.", examples=[2]
    )
    params: dict[StrictStr, Any] | None = optional(
        "Params",
        "Params that go up to the target asked last, by canonical name; `null`: that one does not.",
        examples=[{"max_tokens": 4096}],
    )
    error: StrictStr | None = optional(
        "Error", "The code of the error that the caller gets.", examples=["rate_limit_exceeded"]
    )
    cache: Literal["hit", "miss", "stale", "bypass", "none"] | None = optional(
        "Cache",
        "What is said of kept answers: one is given (`hit`; `stale`: after its time, as the chain failed), "
        "none is there (`miss`), nobody looks (`bypass`), or the group keeps `none`.",
        examples=["hit"],
    )
    max_attempts: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)] | None = optional(
        "Most attempts", "There are no more.", examples=[3]
    )
    seconds: Duration | None = optional("Longest time", "It takes no longer.", examples=["5s"])
    never: Names | None = optional(
        "Never",
        "Targets that are not asked; `*` stands for any text. Each names a target of the config, or the test "
        "fails.",
        examples=[["paid/*"]],
    )
    stays_within: Names | None = optional(
        "Stays within", "Tags that every target asked has.", examples=[["eu"]]
    )


class PolicyTestConfig(Settings):
    """One test: a request, what is given, and what must come of it."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=200)] = Field(
        title="Name", description="What must hold, in words.", examples=["falls back when gemma is down"]
    )
    request: AskedConfig = Field(
        title="Request", description="What a caller asks.", examples=[{"model": "gemma-3", "max_tokens": 20}]
    )
    caller: StrictStr | None = optional(
        "Caller",
        "Who asks: a caller of the config may ask no more than its `groups`; `affinity: caller` goes by it.",
        examples=["alice"],
    )
    tags: Names | None = optional("Tags", "Tags that the request requires of a target.", examples=[["eu"]])
    timeout: Duration | None = optional("Timeout", "The caller's own timeout.", examples=["10s"])
    cache: Literal["off", "refresh"] | None = optional(
        "Cache",
        "What the request says of kept answers: `off` neither takes nor keeps one, `refresh` takes none.",
        examples=["refresh"],
    )
    headers: dict[StrictStr, StrictStr] | None = optional(
        "Headers", "Headers of the request, for `affinity: header:NAME`.", examples=[{"x-user": "u1"}]
    )
    tokens: Annotated[int, Field(ge=0, le=MAX_TOKENS)] | None = optional(
        "Tokens",
        "Take the messages for so many tokens; without it they are estimated.",
        examples=[30000],
    )
    given: Annotated[dict[StrictStr, StateText], Field(max_length=MAX_TARGETS)] | None = optional(
        "Given",
        "How targets stand, by `provider/model`, and the keys of a provider, by its name: `ejected`, "
        "`cooling 5s`, `failing`; without it, well.",
        examples=[{"bytez/google/gemma-3-4b-it": "ejected"}],
    )
    kept: Literal["fresh", "stale"] | None = optional(
        "Kept",
        "An equal request was answered before, by the first target that can: that answer is `fresh`, or "
        "its time has just run out, `stale`. Without it nothing is kept.",
        examples=["fresh"],
    )
    outcomes: Annotated[dict[StrictStr, Outcomes], Field(max_length=MAX_TARGETS)] | None = optional(
        "Outcomes",
        "What attempts come to, by `provider/model`, in turn; the last one repeats. A target that is not"
        " named answers at once.",
        examples=[{"bytez/google/gemma-3-4b-it": [503, "ok"]}],
    )
    expect: ExpectedConfig | None = optional(
        "Expected", "What must come of it; without it, an answer.", examples=[{"attempts": 2}]
    )


Tests = Annotated[tuple[PolicyTestConfig, ...], Field(strict=False, max_length=MAX_TESTS)]

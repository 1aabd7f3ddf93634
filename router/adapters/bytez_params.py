"""What each of Bytez's wires does with OpenAI's chat params: one table, also printed into the docs.

Sources of the columns. Native: the generation settings that Bytez documents. Open: the list of params
beyond which Bytez's model containers refuse a chat. Closed: inferred, as the route is OpenAI's: all of
OpenAI's params go up and the provider judges them; Bytez documents only some of them.
"""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Column(Enum):
    """A wire of Bytez's, by its place in the table."""

    NATIVE = 0
    OPEN = 1
    CLOSED = 2


class Use(NamedTuple):
    """What the wires do with one param.

    Attributes:
        names: for each Column the param's name on that wire; "": nothing is sent, since the router
            sees to it; None: the wire cannot carry it.
        idle: a value that asks for nothing, so that leaving it out loses nothing and no wire is sent
            it; None: there is no such value.
    """

    names: tuple[str | None, str | None, str | None]
    idle: Any = None


def _closed(name: str, idle: Any = None) -> Use:
    """For closed models only."""
    return Use((None, None, name), idle)


def _routes(name: str, idle: Any = None) -> Use:
    """On both OpenAI routes."""
    return Use((None, name, name), idle)


def _everywhere(name: str) -> Use:
    return Use((name, name, name))


USES: Mapping[str, Use] = MappingProxyType(
    {
        "max_tokens": Use(("max_new_tokens", "max_tokens", "max_completion_tokens")),
        "n": Use(("num_return_sequences", None, "n"), idle=1),
        "temperature": _everywhere("temperature"),
        "top_p": _everywhere("top_p"),
        "user": Use(("user", None, "user")),
        "stream_options": Use(("", "", "stream_options")),
        "audio": _closed("audio"),
        "frequency_penalty": _routes("frequency_penalty", idle=0),
        "function_call": _routes("function_call"),
        "functions": _routes("functions"),
        "logit_bias": _routes("logit_bias", idle={}),
        "logprobs": _routes("logprobs", idle=False),
        "metadata": _closed("metadata"),
        "modalities": _closed("modalities", idle=["text"]),
        "moderation": _closed("moderation"),
        "parallel_tool_calls": _routes("parallel_tool_calls"),
        "prediction": _closed("prediction"),
        "presence_penalty": _routes("presence_penalty", idle=0),
        "prompt_cache_key": _closed("prompt_cache_key"),
        "prompt_cache_options": _closed("prompt_cache_options"),
        "prompt_cache_retention": _closed("prompt_cache_retention"),
        "reasoning_effort": _closed("reasoning_effort"),
        "response_format": _closed("response_format", idle={"type": "text"}),
        "safety_identifier": _closed("safety_identifier"),
        "seed": _closed("seed"),
        "service_tier": _closed("service_tier"),
        "stop": _routes("stop"),
        "store": _closed("store", idle=False),
        "tool_choice": _routes("tool_choice"),
        "tools": _routes("tools"),
        "top_logprobs": _routes("top_logprobs"),
        "verbosity": _closed("verbosity"),
        "web_search_options": _closed("web_search_options"),
    }
)
"""The params of ``params.KNOWN_CHAT``."""


def carries(column: Column, param: str, value: object, passthrough: frozenset[str] | None) -> bool:
    """Whether the wire *column* can carry the canonical *param* with this *value*.

    A value that asks for nothing (``frequency_penalty: 0``) is carried: by sending nothing.

    Args:
        column: the wire.
        param: a canonical name.
        value: its value.
        passthrough: the names that go up although OpenAI does not know them. None: any on the native
            wire, whose ``params`` are the model's own; none on the OpenAI routes, whose containers
            refuse what they do not know.
    """
    use = USES.get(param)
    if use is None:
        return column is Column.NATIVE if passthrough is None else param in passthrough
    return use.names[column.value] is not None or (use.idle is not None and value == use.idle)


def wire_params(column: Column, params: Mapping[str, Any]) -> dict[str, Any]:
    """*params* under the wire's names; what the table denies is left out.

    Unknown names stay as they are: whether they may go up has been asked of ``carries``.
    """
    sent: dict[str, Any] = {}
    for param, value in params.items():
        use = USES.get(param)
        if use is None:
            sent[param] = value
            continue
        name = use.names[column.value]
        if name and (use.idle is None or value != use.idle):
            sent[name] = value
    return sent

"""One name per meaning: synonyms, reserved names, and what each wire does with a parameter.

Every layer of parameters (a file's, a caller's) goes through ``canonical`` before it is merged;
the engine and the adapters then know one name only.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "max_completion_tokens": "max_tokens",  # OpenAI, newer models
        "max_new_tokens": "max_tokens",  # Hugging Face, Bytez native
        "max_length": "max_tokens",  # Hugging Face, older
        "num_return_sequences": "n",  # Hugging Face, Bytez native
        "best_of": "n",  # OpenAI completions
    }
)
"""Written name → canonical name."""

RESERVED = frozenset(
    {
        "autoScale",
        "json",
        "input",
        "api_key",
        "api_base",
        "base_url",
        "headers",
        "extra_headers",
        "extra_query",
        "timeout",
        "num_retries",
        "max_retries",
        "fallbacks",
        "provider_key",
        "model_list",
        "mock_response",
    }
)
"""Names refused in a chat request: they configure a client or an account, not a generation."""


@dataclass(frozen=True, slots=True)
class Native:
    """What Bytez's native wire does with one of OpenAI's chat params.

    Attributes:
        carried: whether the wire can do what the param asks.
        name: its name inside ``params``; None: nothing is sent.
        idle: a value that asks for nothing, so that leaving it out loses nothing; None: there
            is no such value.
    """

    carried: bool
    name: str | None = None
    idle: Any = None


_CONSUMED = Native(carried=True)
_REFUSED = Native(carried=False)

KNOWN_CHAT: Mapping[str, Native] = MappingProxyType(
    {
        "max_tokens": Native(carried=True, name="max_new_tokens"),
        "n": Native(carried=True, name="num_return_sequences", idle=1),
        "temperature": Native(carried=True, name="temperature"),
        "top_p": Native(carried=True, name="top_p"),
        "user": Native(carried=True, name="user"),
        "stream_options": _CONSUMED,
        "audio": _REFUSED,
        "frequency_penalty": Native(carried=False, idle=0),
        "function_call": _REFUSED,
        "functions": _REFUSED,
        "logit_bias": Native(carried=False, idle={}),
        "logprobs": Native(carried=False, idle=False),
        "metadata": _REFUSED,
        "modalities": Native(carried=False, idle=["text"]),
        "moderation": _REFUSED,
        "parallel_tool_calls": _REFUSED,
        "prediction": _REFUSED,
        "presence_penalty": Native(carried=False, idle=0),
        "prompt_cache_key": _REFUSED,
        "prompt_cache_options": _REFUSED,
        "prompt_cache_retention": _REFUSED,
        "reasoning_effort": _REFUSED,
        "response_format": Native(carried=False, idle={"type": "text"}),
        "safety_identifier": _REFUSED,
        "seed": _REFUSED,
        "service_tier": _REFUSED,
        "stop": _REFUSED,
        "store": Native(carried=False, idle=False),
        "tool_choice": _REFUSED,
        "tools": _REFUSED,
        "top_logprobs": _REFUSED,
        "verbosity": _REFUSED,
        "web_search_options": _REFUSED,
    }
)
"""OpenAI's chat params by canonical name (openai SDK 3.54), with their use on Bytez native.

Left out: ``model``, ``messages`` and ``stream``, which are no params here. Any name that is not
in this table is unknown; the provider's ``passthrough`` decides about it.
"""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two names for one thing in one layer, with different values."""

    first: str
    second: str
    canonical: str


@dataclass(frozen=True, slots=True)
class Canonical:
    """A layer under canonical names.

    Attributes:
        params: canonical name → value, in the order written.
        renames: (written, canonical) for each name that was not canonical.
        conflicts: synonyms with different values; *params* then holds the first one written.
    """

    params: dict[str, Any]
    renames: tuple[tuple[str, str], ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def canonical(layer: Mapping[str, Any]) -> Canonical:
    """*layer* with each name rewritten to its canonical name; *layer* itself is not changed.

    None is a value like any other: in a file it unsets. A caller's None means "not given", so
    whoever reads a request drops it first.
    """
    if SYNONYMS.keys().isdisjoint(layer):
        return Canonical(dict(layer))
    params: dict[str, Any] = {}
    written: dict[str, str] = {}
    renames: list[tuple[str, str]] = []
    conflicts: list[Conflict] = []
    for name, value in layer.items():
        target = SYNONYMS.get(name, name)
        if target != name:
            renames.append((name, target))
        if target not in params:
            params[target] = value
            written[target] = name
        elif params[target] != value:
            conflicts.append(Conflict(written[target], name, target))
    return Canonical(params, tuple(renames), tuple(conflicts))


def native_carries(param: str, value: object, passthrough: frozenset[str] | None) -> bool:
    """Whether Bytez's native wire can carry the canonical *param* with this *value*.

    A value that asks for nothing (``frequency_penalty: 0``) is carried: by sending nothing.
    """
    known = KNOWN_CHAT.get(param)
    if known is None:
        return passthrough is None or param in passthrough
    return known.carried or (known.idle is not None and value == known.idle)


def native_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The ``params`` object of a native request; what the wire cannot carry is left out.

    Unknown names go in unchanged: whether they may has been asked of ``native_carries``.
    """
    sent: dict[str, Any] = {}
    for name, value in params.items():
        known = KNOWN_CHAT.get(name)
        if known is None:
            sent[name] = value
        elif known.name is not None and (known.idle is None or value != known.idle):
            sent[known.name] = value
    return sent

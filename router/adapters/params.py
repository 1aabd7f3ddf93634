"""One name per meaning: synonyms, reserved names, and the names that OpenAI knows.

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


KNOWN_CHAT = frozenset(
    {
        "max_tokens",
        "n",
        "temperature",
        "top_p",
        "user",
        "stream_options",
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "metadata",
        "modalities",
        "moderation",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "tool_choice",
        "tools",
        "top_logprobs",
        "verbosity",
        "web_search_options",
    }
)
"""OpenAI's chat params by canonical name (openai SDK 3.54).

Left out: ``model``, ``messages`` and ``stream``, which are no params here. Any other name is unknown;
the provider's ``passthrough`` decides about it.
"""


KNOWN_EMBEDDING = frozenset({"dimensions", "encoding_format", "user"})
"""OpenAI's embedding params (openai SDK 3.54), but for ``model`` and ``input``."""


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

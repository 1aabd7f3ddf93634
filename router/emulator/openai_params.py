"""Which fields each OpenAI route takes, by profile: two tables.

"container" is the list of Bytez's own containers; "openai" is that and what OpenAI documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from router.emulator.settings import Profile

Kind: TypeAlias = Literal["chat", "completions", "responses"]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# `autoScale` is the gateway's; in Bytez's sample it stands on a chat route.
_SHARED = _names("""
    autoScale frequency_penalty logit_bias logprobs max_tokens model presence_penalty stop stream
    temperature top_p
""")

_CONTAINER: dict[Kind, frozenset[str]] = {
    "chat": _SHARED
    | _names("""
        function_call functions messages parallel_tool_calls tool_choice tools top_logprobs
    """),
    "completions": _SHARED | _names("best_of echo n prompt suffix user"),
}

_OPENAI: dict[Kind, frozenset[str]] = {
    "chat": _CONTAINER["chat"]
    | _names("""
        audio max_completion_tokens metadata modalities n prediction prompt_cache_key
        prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier
        store stream_options user verbosity web_search_options
    """),
    "completions": _CONTAINER["completions"] | _names("seed stream_options"),
    "responses": _names("""
        autoScale include input instructions max_output_tokens metadata model parallel_tool_calls
        reasoning store stream temperature text tool_choice tools top_logprobs top_p truncation user
    """),
}


def known(kind: Kind, profile: Profile) -> frozenset[str]:
    """The fields that the route *kind* takes. The responses route has one list: containers have none."""
    table = _CONTAINER if profile == "container" and kind in _CONTAINER else _OPENAI
    return table[kind]

"""A whole answer told as a stream, in OpenAI's chunks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router.adapters.base import Chunk
from router.adapters.openai_reply import has_content
from router.adapters.shapes import CHUNK, delta_choice


def usage_asked(params: Mapping[str, Any]) -> bool:
    """Whether a stream's caller asked for a last chunk that holds the usage."""
    options = params.get("stream_options")
    return isinstance(options, Mapping) and options.get("include_usage") is True


def replay(whole: Mapping[str, Any], *, usage_apart: bool) -> list[Chunk]:
    """For each choice its role, what it says, and how it ended; the usage only where it is known.

    Args:
        whole: OpenAI's ``chat.completion`` object.
        usage_apart: whether the usage comes in a chunk of its own, as OpenAI sends it when it is asked
            for; else it stands in the last chunk.
    """
    around = {name: value for name, value in whole.items() if name not in ("choices", "usage")}
    around["object"] = CHUNK
    told = [(choice, commits) for item in whole["choices"] for choice, commits in _told(item)]
    chunks = [Chunk({**around, "choices": [choice]}, commits=commits) for choice, commits in told]
    usage = whole.get("usage")
    if usage is not None and usage_apart:
        chunks.append(Chunk({**around, "choices": [], "usage": usage}))
    elif usage is not None:
        chunks[-1].data["usage"] = usage
    return chunks


def _told(whole: Mapping[str, Any]) -> list[tuple[dict[str, Any], bool]]:
    """One choice of a whole answer as choices of chunks, each with whether it carries content."""
    index, message = whole["index"], whole["message"]
    text = message.get("content")
    role = {"role": message.get("role", "assistant"), "content": None if text is None else ""}
    delta = {name: value for name, value in message.items() if name != "role" and value}
    if "tool_calls" in delta:
        delta["tool_calls"] = [
            {"index": number, **call} if isinstance(call, dict) else call
            for number, call in enumerate(delta["tool_calls"])
        ]
    told = [(delta_choice(role, index=index), False)]
    if delta:
        said = delta_choice(delta, index=index)
        if whole.get("logprobs"):
            said["logprobs"] = whole["logprobs"]
        told.append((said, has_content(delta)))
    return [*told, (delta_choice({}, whole["finish_reason"], index), False)]

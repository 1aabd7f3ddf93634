"""``provider`` in the reply of a closed model: what its provider said, in that provider's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.emulator.prompt import Piece

_ANTHROPIC_STOP = {"stop": "end_turn", "length": "max_tokens"}
_GOOGLE_FINISH = {"stop": "STOP", "length": "MAX_TOKENS"}
_COHERE_FINISH = {"stop": "COMPLETE", "length": "MAX_TOKENS"}


def provider_reply(model_id: str, piece: Piece) -> dict[str, Any]:
    """The raw reply for *piece*; counts and finish reason only where they are known."""
    provider, _, name = model_id.partition("/")
    make = _MAKERS.get(provider, _openai)
    return make(name, piece)


def _openai(name: str, piece: Piece) -> dict[str, Any]:
    message = {"role": "assistant", "content": piece.text}
    choice = {"index": 0, "message": message, "finish_reason": piece.finish_reason}
    reply = {"object": "chat.completion", "model": name, "choices": [choice]}
    return {**reply, **_counts("usage", piece, {})}


def _anthropic(name: str, piece: Piece) -> dict[str, Any]:
    content = [{"type": "text", "text": piece.text}]
    reply = {"type": "message", "role": "assistant", "model": name, "content": content}
    counts = _counts("usage", piece, {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"})
    return {**reply, "stop_reason": _ANTHROPIC_STOP.get(piece.finish_reason or ""), **counts}


def _google(name: str, piece: Piece) -> dict[str, Any]:
    content = {"role": "model", "parts": [{"text": piece.text}]}
    candidate = {"content": content, "finishReason": _GOOGLE_FINISH.get(piece.finish_reason or "")}
    names = {
        "promptTokenCount": "prompt_tokens",
        "candidatesTokenCount": "completion_tokens",
        "totalTokenCount": "total_tokens",
    }
    return {"candidates": [candidate], "modelVersion": name, **_counts("usageMetadata", piece, names)}


def _cohere(_name: str, piece: Piece) -> dict[str, Any]:
    message = {"role": "assistant", "content": [{"type": "text", "text": piece.text}]}
    counts = _counts("tokens", piece, {"input_tokens": "prompt_tokens", "output_tokens": "completion_tokens"})
    reply = {"message": message, "finish_reason": _COHERE_FINISH.get(piece.finish_reason or "")}
    return {**reply, "usage": counts} if counts else reply


def _counts(under: str, piece: Piece, names: Mapping[str, str]) -> dict[str, Any]:
    """The counts under their provider's *names*, or as they are without any; nothing when nobody counted."""
    if piece.usage is None:
        return {}
    return {under: {name: piece.usage.get(ours) for name, ours in names.items()} if names else piece.usage}


_MAKERS = {"anthropic": _anthropic, "google": _google, "cohere": _cohere}

"""A declarative, config-driven routing engine for large language models.

    from router import Router
    router = Router.from_file("router.yaml")
    reply = router.completion(model="gemma-3", messages=[{"role": "user", "content": "Hello!"}])

Names load on first use, so that importing the package is cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.client import Router
    from router.default import acompletion, aembedding, completion, embedding
    from router.errors import (
        AllAttemptsFailed,
        AuthenticationFailed,
        BadRequest,
        ConfigError,
        ConnectionFailed,
        ContentRefused,
        ContextOverflow,
        InvalidRequest,
        NotFound,
        Overloaded,
        ProtocolViolation,
        RateLimited,
        RequestError,
        RequestTooLong,
        RouterClosed,
        RouterError,
        ServerFailed,
        StreamInterrupted,
        Timeout,
        UnknownModel,
        UpstreamError,
    )
    from router.streams import AsyncChatStream, ChatStream
    from router.types import ChatCompletion, ChatCompletionChunk, EmbeddingResponse, RouterOptions

__version__ = "0.1.0"

_HOMES = {
    "AllAttemptsFailed": "router.errors",
    "AsyncChatStream": "router.streams",
    "AuthenticationFailed": "router.errors",
    "BadRequest": "router.errors",
    "ChatCompletion": "router.types",
    "ChatCompletionChunk": "router.types",
    "ChatStream": "router.streams",
    "ConfigError": "router.errors",
    "ConnectionFailed": "router.errors",
    "ContentRefused": "router.errors",
    "ContextOverflow": "router.errors",
    "EmbeddingResponse": "router.types",
    "InvalidRequest": "router.errors",
    "NotFound": "router.errors",
    "Overloaded": "router.errors",
    "ProtocolViolation": "router.errors",
    "RateLimited": "router.errors",
    "RequestError": "router.errors",
    "RequestTooLong": "router.errors",
    "Router": "router.client",
    "RouterClosed": "router.errors",
    "RouterError": "router.errors",
    "RouterOptions": "router.types",
    "ServerFailed": "router.errors",
    "StreamInterrupted": "router.errors",
    "Timeout": "router.errors",
    "UnknownModel": "router.errors",
    "UpstreamError": "router.errors",
    "acompletion": "router.default",
    "aembedding": "router.default",
    "completion": "router.default",
    "embedding": "router.default",
}

__all__ = [
    "AllAttemptsFailed",
    "AsyncChatStream",
    "AuthenticationFailed",
    "BadRequest",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatStream",
    "ConfigError",
    "ConnectionFailed",
    "ContentRefused",
    "ContextOverflow",
    "EmbeddingResponse",
    "InvalidRequest",
    "NotFound",
    "Overloaded",
    "ProtocolViolation",
    "RateLimited",
    "RequestError",
    "RequestTooLong",
    "Router",
    "RouterClosed",
    "RouterError",
    "RouterOptions",
    "ServerFailed",
    "StreamInterrupted",
    "Timeout",
    "UnknownModel",
    "UpstreamError",
    "__version__",
    "acompletion",
    "aembedding",
    "completion",
    "embedding",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'router' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value

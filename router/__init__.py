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
    from router.default import acompletion, completion
    from router.errors import ConfigError, RequestError, RouterError, UpstreamError
    from router.streams import AsyncChatStream, ChatStream
    from router.types import ChatCompletion, ChatCompletionChunk, RouterOptions

__version__ = "0.1.0"

_HOMES = {
    "AsyncChatStream": "router.streams",
    "ChatCompletion": "router.types",
    "ChatCompletionChunk": "router.types",
    "ChatStream": "router.streams",
    "ConfigError": "router.errors",
    "RequestError": "router.errors",
    "Router": "router.client",
    "RouterError": "router.errors",
    "RouterOptions": "router.types",
    "UpstreamError": "router.errors",
    "acompletion": "router.default",
    "completion": "router.default",
}

__all__ = [
    "AsyncChatStream",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatStream",
    "ConfigError",
    "RequestError",
    "Router",
    "RouterError",
    "RouterOptions",
    "UpstreamError",
    "__version__",
    "acompletion",
    "completion",
]


def __getattr__(name: str) -> object:
    """Load a public name from its home (PEP 562)."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'router' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value

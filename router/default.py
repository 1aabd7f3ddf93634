"""``completion()`` and ``embedding()`` without a file: one lazy Router for the process.

It serves ``ROUTER_CONFIG`` if that is set, else every Bytez model under its own name with
``BYTEZ_API_KEY``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, overload

from router.client import Router
from router.loops import ForkLock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from router.streams import AsyncChatStream, ChatStream
    from router.types import ChatCompletion, EmbeddingResponse, RouterOptions

_WATCHED = ("BYTEZ_API_KEY", "BYTEZ_BASE_URL", "ROUTER_CONFIG")
_BUILT_IN = 'version: 1\nmodels:\n  "bytez/*": bytez/*\n'


class _Default:
    """The process's own router and the environment it was built from."""

    def __init__(self) -> None:
        self._lock = ForkLock()
        self._seen: tuple[str | None, ...] = ()
        self._router: Router | None = None

    def current(self) -> Router:
        """The router for today's environment. One that is replaced closes when its last request ends."""
        seen = tuple(os.environ.get(name) for name in _WATCHED)
        with self._lock.lock:
            if self._router is None or seen != self._seen:
                config = seen[-1]
                self._router = Router.from_file(config) if config else Router.from_yaml(_BUILT_IN)
                self._seen = seen
            return self._router


_default = _Default()


@overload
def completion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: Literal[False] = False,
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatCompletion: ...


@overload
def completion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: Literal[True],
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatStream: ...


@overload
def completion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: bool,
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatCompletion | ChatStream: ...


def completion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: bool = False,
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatCompletion | ChatStream:
    """``Router.completion`` on the process's own router."""
    if stream:
        return _default.current().completion(model, messages, stream=True, router=router, **params)
    return _default.current().completion(model, messages, stream=False, router=router, **params)


@overload
async def acompletion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: Literal[False] = False,
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatCompletion: ...


@overload
async def acompletion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: Literal[True],
    router: RouterOptions | None = None,
    **params: Any,
) -> AsyncChatStream: ...


@overload
async def acompletion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: bool,
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatCompletion | AsyncChatStream: ...


async def acompletion(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    stream: bool = False,
    router: RouterOptions | None = None,
    **params: Any,
) -> ChatCompletion | AsyncChatStream:
    """``Router.acompletion`` on the process's own router."""
    current = _default.current()
    if stream:
        return await current.acompletion(model, messages, stream=True, router=router, **params)
    return await current.acompletion(model, messages, stream=False, router=router, **params)


def embedding(
    model: str,
    input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002 - OpenAI's name
    *,
    router: RouterOptions | None = None,
    **params: Any,
) -> EmbeddingResponse:
    """``Router.embedding`` on the process's own router."""
    return _default.current().embedding(model, input, router=router, **params)


async def aembedding(
    model: str,
    input: str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]],  # noqa: A002 - OpenAI's name
    *,
    router: RouterOptions | None = None,
    **params: Any,
) -> EmbeddingResponse:
    """``Router.aembedding`` on the process's own router."""
    return await _default.current().aembedding(model, input, router=router, **params)

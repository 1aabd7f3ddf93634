"""Bytez: two wires to one account, and which of them a model can be asked over.

See docs/bytez.md for what is sent and read.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from router.adapters.bytez_embeddings import BytezEmbedder
from router.adapters.bytez_native import BytezNative
from router.adapters.bytez_openai import BytezOpenAI
from router.adapters.bytez_params import Column

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.adapters.base import ChatWire, EmbeddingCall, Upstream, Wire

_ROOT = "/models/v2"
# A closed provider's name may also be an organisation's with open models (google/gemma-…,
# openai/gpt-oss-…), so for these two the model's own name decides. Whatever is not known to be closed
# counts as open, of which less is believed.
_CLOSED = re.compile(
    r"(anthropic|cohere|mistral)/.+|google/gemini-.+|openai/(gpt-(?!oss)|gpt\d|chatgpt-|o\d).*", re.IGNORECASE
)


class BytezAdapter:
    """One Bytez account. See ``adapters.base.Adapter``.

    Args:
        upstream: *base_url* may end in ``/models/v2`` or not.
        wall: seconds since 1970, for ``created`` and to read dates.
    """

    def __init__(self, upstream: Upstream, wall: Callable[[], float] = time.time) -> None:
        upstream = replace(upstream, base_url=root_of(upstream.base_url))
        native = BytezNative(upstream, wall)
        self._embedders = (BytezEmbedder(upstream, wall),)
        self._open = _allowed(native, BytezOpenAI(upstream, Column.OPEN, wall), upstream.protocol)
        self._closed = _allowed(native, BytezOpenAI(upstream, Column.CLOSED, wall), upstream.protocol)
        self.streams_tell = all(wire.streams_tell for wire in (*self._open, *self._closed))

    def wires(self, model: str) -> tuple[ChatWire, ...]:
        """The native wire and the OpenAI route, or the one that the config names."""
        return self._closed if is_closed(model) else self._open

    def embedders(self, model: str) -> tuple[Wire[EmbeddingCall], ...]:  # noqa: ARG002 - the seam's signature
        """The native wire, whatever the protocol: the OpenAI route is not known to have embeddings."""
        return self._embedders


def root_of(base_url: str) -> str:
    """Where Bytez's native routes begin; *base_url* may end in ``/models/v2`` or not."""
    return base_url.rstrip("/").removesuffix(_ROOT) + _ROOT


def is_closed(model: str) -> bool:
    """Whether *model* is known to be a closed provider's; a guess by name, that only widens the table."""
    return _CLOSED.fullmatch(model) is not None


def _allowed(native: ChatWire, route: ChatWire, protocol: str) -> tuple[ChatWire, ...]:
    if protocol == "native":
        return (native,)
    return (route,) if protocol == "openai" else (native, route)

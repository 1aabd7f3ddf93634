"""The OpenAI wire: ``POST {base_url}/chat/completions``, for OpenAI and the servers that speak like it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from router.adapters.base import UpstreamRequest
from router.adapters.openai_embeddings import OpenAIEmbedder
from router.adapters.openai_reply import read_completion
from router.adapters.openai_stream import OpenAIDecoder
from router.adapters.params import KNOWN_CHAT
from router.adapters.shapes import HeaderList, dump, request_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.adapters.base import (
        ChatCall,
        ChatWire,
        Completion,
        Decoder,
        EmbeddingCall,
        Headers,
        Upstream,
        Wire,
    )
    from router.core.failure import Failure

_OPENAI_HOST = "api.openai.com"


class OpenAIAdapter:
    """One OpenAI-compatible server, with one wire for chat. See ``adapters.base.Adapter`` and ``ChatWire``.

    ``max_tokens`` goes up under that name, which every compatible server knows; only OpenAI's
    own hosts, whose newer models refuse it, get ``max_completion_tokens``.

    Args:
        upstream: *base_url* as given, such as ``http://127.0.0.1:8081/v1``.
        wall: seconds since 1970, to read dates and for a ``created`` that is missing.
    """

    streams_tell = True

    def __init__(self, upstream: Upstream, wall: Callable[[], float] = time.time) -> None:
        self._url = upstream.base_url.rstrip("/") + "/chat/completions"
        self._passthrough = upstream.passthrough
        self._wall = wall
        host = urlsplit(upstream.base_url).hostname or ""
        is_openai = host == _OPENAI_HOST or host.endswith("." + _OPENAI_HOST)
        self._limit_name = "max_completion_tokens" if is_openai else "max_tokens"
        own: HeaderList = ()
        if upstream.credential is not None:
            own += (("authorization", upstream.credential.prefixed("Bearer ")),)
        # As the openai SDK does for streams too: every server accepts it.
        self._headers = request_headers(upstream, "application/json", own)
        self._embedders = (OpenAIEmbedder(upstream, self._headers, wall),)

    def wires(self, model: str) -> tuple[ChatWire, ...]:  # noqa: ARG002 - the seam's signature
        """The one wire, for any model."""
        return (self,)

    def embedders(self, model: str) -> tuple[Wire[EmbeddingCall], ...]:  # noqa: ARG002 - the seam's signature
        """The one wire for embeddings, for any model."""
        return self._embedders

    def carries(self, param: str, value: object) -> bool:
        """Whether *param* is one of OpenAI's, or may go up all the same; any *value* may."""
        del value  # The server judges values.
        return param in KNOWN_CHAT or self._passthrough is None or param in self._passthrough

    def sends(self, param: str, value: object) -> str | None:
        """OpenAI's name of *param*, as this server knows it."""
        del value
        return self._limit_name if param == "max_tokens" else param

    def refuses(self, call: ChatCall) -> str | None:  # noqa: ARG002 - the seam's signature
        """None: messages go up as they are; the upstream judges them."""
        return None

    def prepare(self, call: ChatCall) -> UpstreamRequest:
        """The HTTP request for *call*; messages and params go up as they are."""
        body: dict[str, Any] = {"model": call.model, "messages": call.messages}
        if call.stream:
            body["stream"] = True
        for name, value in call.params.items():
            body[self._limit_name if name == "max_tokens" else name] = value
        if not call.stream:
            body.pop("stream_options", None)  # OpenAI refuses it without stream.
        return UpstreamRequest("POST", self._url, self._headers, dump(body))

    def parse(self, call: ChatCall, status: int, headers: Headers, body: bytes) -> Completion | Failure:
        """Read a whole reply."""
        return read_completion(call, status, headers, body, self._wall())

    def decoder(self, call: ChatCall, status: int, headers: Headers) -> Decoder:
        """A decoder for a streamed reply with a 2xx status."""
        return OpenAIDecoder(call, status, headers, self._wall)

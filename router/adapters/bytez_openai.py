"""Bytez's OpenAI route: ``POST /models/v2/openai/v1/chat/completions``.

Open models are answered by Bytez's containers, which refuse params beyond their list and whose replies
differ from OpenAI's (the finish reason at the top, or on the last token of a stream); the readers of the
OpenAI wire put that right. See docs/bytez.md.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from router.adapters.base import Completion, Uncarried, UpstreamRequest
from router.adapters.bytez_openai_stream import ContainerDecoder
from router.adapters.bytez_params import Column, carries, wire_params
from router.adapters.bytez_reply import cost_of
from router.adapters.openai_reply import read_completion
from router.adapters.openai_stream import OpenAIDecoder
from router.adapters.shapes import HeaderList, dump, request_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from router.adapters.base import ChatCall, Decoder, Headers, Upstream
    from router.core.failure import Failure

_NATIVE_PARTS = frozenset({"image", "audio", "video"})


class BytezOpenAI:
    """One Bytez account, spoken to as OpenAI is. See ``adapters.base.Wire``.

    Args:
        upstream: *base_url* ends in ``/models/v2``.
        column: OPEN or CLOSED: which models it is for.
        wall: seconds since 1970, to read dates and for a ``created`` that is missing.
    """

    streams_tell = True

    def __init__(self, upstream: Upstream, column: Column, wall: Callable[[], float] = time.time) -> None:
        self._url = upstream.base_url + "/openai/v1/chat/completions"
        self._column = column
        self._passthrough = upstream.passthrough
        self._auto_scale = upstream.auto_scale
        self._wall = wall
        own: HeaderList = ()
        if upstream.credential is not None:
            own += (("authorization", upstream.credential.prefixed("Bearer ")),)
        if upstream.provider_key is not None:
            own += (("provider-key", upstream.provider_key),)
        self._headers = request_headers(upstream, "application/json", own)

    def carries(self, param: str, value: object) -> bool:
        """Whether the route can carry the canonical *param* with this *value*."""
        return carries(self._column, param, value, self._passthrough)

    def sends(self, param: str, value: object) -> str | None:
        """The route's name of *param*; None when its value asks for nothing."""
        return next(iter(wire_params(self._column, {param: value})), None)

    def refuses(self, call: ChatCall) -> str | None:
        """Why the route cannot carry *call*, as ``field: reason``; None when it can."""
        try:
            self._messages(call.messages)
        except Uncarried as exc:
            return str(exc)
        return None

    def prepare(self, call: ChatCall) -> UpstreamRequest:
        """The HTTP request for *call*."""
        params = wire_params(self._column, call.params)
        if not call.stream:
            params.pop("stream_options", None)  # OpenAI refuses it without stream.
        body: dict[str, Any] = {"model": call.model, "messages": self._messages(call.messages), **params}
        if call.stream:
            body["stream"] = True
        if self._auto_scale:
            body["autoScale"] = True
        return UpstreamRequest("POST", self._url, self._headers, dump(body))

    def parse(self, call: ChatCall, status: int, headers: Headers, body: bytes) -> Completion | Failure:
        """Read a whole reply."""
        read = read_completion(call, status, headers, body, self._wall())
        return replace(read, cost=cost_of(headers)) if isinstance(read, Completion) else read

    def decoder(self, call: ChatCall, status: int, headers: Headers) -> Decoder:
        """A decoder for a streamed reply with a 2xx status."""
        decoder = OpenAIDecoder(call, status, headers, self._wall)
        return ContainerDecoder(decoder) if self._column is Column.OPEN else decoder

    def _messages(self, messages: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """*messages* as the route takes them; the caller's objects are not changed.

        Raises:
            Uncarried: a part has no place on the route; the text names it.
        """
        return [self._message(message, f"messages[{index}]") for index, message in enumerate(messages)]

    def _message(self, message: Mapping[str, Any], place: str) -> Mapping[str, Any]:
        changes: dict[str, Any] = {}
        if message.get("role") == "developer":
            changes["role"] = "system"  # OpenAI alone knows the other name, and takes this one too.
        content = message.get("content")
        if isinstance(content, list | tuple):
            if self._column is Column.OPEN:
                changes["content"] = _joined(content, f"{place}.content")
            else:
                _check_parts(content, f"{place}.content")
        return {**message, **changes} if changes else message


def _joined(parts: Sequence[Any], place: str) -> str:
    """Text parts as one text: for open models content is documented as a string.

    Each part begins a line, as vLLM, which serves many of them, joins parts itself.
    """
    texts = []
    for index, part in enumerate(parts):
        text = part.get("text") if isinstance(part, Mapping) and part.get("type") == "text" else None
        if not isinstance(text, str):
            raise Uncarried(
                f"{place}[{index}]: Bytez's OpenAI route carries nothing but text to open models; leave it "
                "out, or leave out the params that need this route"
            )
        texts.append(text)
    return "\n".join(texts)


def _check_parts(parts: Sequence[Any], place: str) -> None:
    for index, part in enumerate(parts):
        if isinstance(part, Mapping) and part.get("type") in _NATIVE_PARTS:
            raise Uncarried(
                f"{place}[{index}]: Bytez's own parts have no place on its OpenAI route; write a part of "
                "type image_url or input_audio"
            )

"""Bytez's native wire: ``POST /models/v2/{org}/{name}``.

See docs/bytez.md for what is sent and read.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from router.adapters.base import Completion, Uncarried, UpstreamRequest
from router.adapters.bytez_messages import native_messages
from router.adapters.bytez_params import Column, carries, wire_params
from router.adapters.bytez_reply import Answer, cost_of, is_suspect, read_answer
from router.adapters.bytez_stream import NativeDecoder
from router.adapters.errors import broken, error_info
from router.adapters.shapes import (
    COMPLETION,
    HeaderList,
    dump,
    envelope,
    is_success,
    json_object,
    request_headers,
)
from router.core.classify import classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.adapters.base import ChatCall, Decoder, Headers, Upstream
    from router.core.failure import Failure


class BytezNative:
    """One Bytez account, spoken to natively. See ``adapters.base.Wire``.

    Args:
        upstream: *base_url* ends in ``/models/v2``.
        wall: seconds since 1970, for ``created`` and to read dates.
    """

    streams_tell = False

    def __init__(self, upstream: Upstream, wall: Callable[[], float] = time.time) -> None:
        self._upstream = upstream
        self._wall = wall
        self._headers = native_headers(upstream)

    def carries(self, param: str, value: object) -> bool:
        """Whether the native wire can carry the canonical *param* with this *value*."""
        return carries(Column.NATIVE, param, value, self._upstream.passthrough)

    def sends(self, param: str, value: object) -> str | None:
        """The native name of *param*; None when its value asks for nothing."""
        return next(iter(wire_params(Column.NATIVE, {param: value})), None)

    def refuses(self, call: ChatCall) -> str | None:
        """Why the native wire cannot carry *call*, as ``field: reason``; None when it can."""
        try:
            self._messages(call)
        except Uncarried as exc:
            return str(exc)
        return None

    def _messages(self, call: ChatCall) -> list[dict[str, Any]]:
        if call.stream and _wanted(call) > 1:
            raise Uncarried(
                "n: Bytez's native wire streams one answer only; ask without stream, or with n: 1"
            )
        return native_messages(call.messages)

    def prepare(self, call: ChatCall) -> UpstreamRequest:
        """The HTTP request for *call*."""
        body: dict[str, Any] = {"messages": self._messages(call), "stream": call.stream}
        params = wire_params(Column.NATIVE, call.params)
        if params:
            body["params"] = params
        if self._upstream.auto_scale:
            body["autoScale"] = True
        return UpstreamRequest("POST", native_url(self._upstream, call.model), self._headers, dump(body))

    def parse(self, call: ChatCall, status: int, headers: Headers, body: bytes) -> Completion | Failure:
        """Read a whole reply."""
        if not is_success(status):
            return classify(status, error_info(body), headers, self._wall())
        reply = json_object(body)
        if reply is None:
            return broken(status, "the reply is not a JSON object")
        answer = read_answer(reply, _wanted(call), status, headers, self._wall())
        if not isinstance(answer, Answer):
            return answer
        choices = [
            {
                "index": index,
                "message": {"role": "assistant", "content": text},
                "finish_reason": answer.finish_reason or "stop",
            }
            for index, text in enumerate(answer.texts)
        ]
        data = {**envelope(COMPLETION, call.model, self._wall()), "choices": choices}
        if answer.usage is not None:
            data["usage"] = answer.usage
        return Completion(
            data,
            cost=cost_of(headers),
            assumed_finish=answer.finish_reason is None,
            suspect=any(is_suspect(text) for text in answer.texts),
        )

    def decoder(self, call: ChatCall, status: int, headers: Headers) -> Decoder:
        """A decoder for a streamed reply with a 2xx status."""
        return NativeDecoder(call, status, headers, self._wall)


def native_url(upstream: Upstream, model: str) -> str:
    """Where *model* is asked natively."""
    path = "/".join(quote(segment, safe="") for segment in model.split("/"))
    return f"{upstream.base_url}/{path}"


def native_headers(upstream: Upstream) -> HeaderList:
    """The headers of every native request."""
    own: HeaderList = ()
    if upstream.credential is not None:
        own += (("authorization", upstream.credential.prefixed("Key ")),)
    if upstream.provider_key is not None:
        own += (("provider-key", upstream.provider_key),)
    # A native stream is bare text, labelled as the model's container likes.
    return request_headers(upstream, "*/*", own)


def _wanted(call: ChatCall) -> int:
    """How many answers were asked for."""
    n = call.params.get("n")
    return n if isinstance(n, int) else 1

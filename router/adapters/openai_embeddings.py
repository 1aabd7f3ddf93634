"""Embeddings of an OpenAI-compatible server: ``POST {base_url}/embeddings``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.adapters.base import Completion, UpstreamRequest
from router.adapters.errors import broken, error_info, info_of, is_error
from router.adapters.params import KNOWN_EMBEDDING
from router.adapters.shapes import HeaderList, dump, is_success, json_object
from router.adapters.vectors import dimensions, embedding_list, in_wanted_form, inputs_of, known_elsewhere
from router.core.classify import classify

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.adapters.base import EmbeddingCall, Headers, Upstream
    from router.core.failure import Failure


class OpenAIEmbedder:
    """See ``adapters.base.Wire``.

    Args:
        upstream: *base_url* as given.
        headers: of every request.
        wall: seconds since 1970, to read dates.
    """

    def __init__(self, upstream: Upstream, headers: HeaderList, wall: Callable[[], float]) -> None:
        self._url = upstream.base_url.rstrip("/") + "/embeddings"
        self._headers = headers
        self._passthrough = upstream.passthrough
        self._wall = wall

    def carries(self, param: str, value: object) -> bool:
        """Whether *param* is one of OpenAI's for embeddings, or may go up all the same."""
        del value  # The server judges values.
        if param in KNOWN_EMBEDDING:
            return True
        if self._passthrough is None:
            return not known_elsewhere(param)
        return param in self._passthrough

    def sends(self, param: str, value: object) -> str | None:
        """Every param under its own name."""
        del value
        return param

    def refuses(self, call: EmbeddingCall) -> str | None:  # noqa: ARG002 - the seam's signature
        """None: the input goes up as it is."""
        return None

    def prepare(self, call: EmbeddingCall) -> UpstreamRequest:
        """The HTTP request for *call*; a server that does not know ``encoding_format`` may ignore it."""
        body = {"model": call.model, "input": call.input, **call.params}
        return UpstreamRequest("POST", self._url, self._headers, dump(body))

    def parse(self, call: EmbeddingCall, status: int, headers: Headers, body: bytes) -> Completion | Failure:
        """Read a whole reply; it must hold one vector for each input, all of one length."""
        if not is_success(status):
            return classify(status, error_info(body), headers, self._wall())
        reply = json_object(body)
        if reply is None:
            return broken(status, "the reply is not a JSON object")
        if is_error(reply):
            return classify(status, info_of(reply), headers, self._wall())
        given = _in_order(reply.get("data"), len(inputs_of(call.input)))
        if given is None:
            return broken(status, "the reply does not hold one embedding for each input")
        vectors = [in_wanted_form(vector, call.params) for vector in given]
        if len({0 if vector is None else dimensions(vector) for vector in vectors}) != 1 or None in vectors:
            return broken(status, "the reply holds embeddings that are no vectors of one length")
        usage = reply.get("usage")
        model = reply.get("model")
        data = embedding_list(
            model if isinstance(model, str) else call.model, vectors, usage if _is_sound(usage) else None
        )
        return Completion({**reply, **data}, raw=body if data.items() <= reply.items() else None)


def _in_order(data: Any, wanted: int) -> list[Any] | None:
    """What is given for each input, by its index; None when an input has none, or more than one."""
    if not isinstance(data, list) or len(data) != wanted:
        return None
    found: dict[int, Any] = {}
    for position, item in enumerate(data):
        index = item.get("index", position) if isinstance(item, dict) else None
        if isinstance(index, int):
            found[index] = item.get("embedding")
    return [found[index] for index in range(wanted)] if found.keys() == set(range(wanted)) else None


def _is_sound(usage: Any) -> bool:
    counts = ("prompt_tokens", "total_tokens")
    return isinstance(usage, dict) and all(isinstance(usage.get(name), int) for name in counts)

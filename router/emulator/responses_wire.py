"""The responses route on the wire: one message of text, or calls of functions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson

from router.adapters import sse
from router.emulator.openai_wires import STREAM_TYPE
from router.emulator.prompt import Piece

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from router.emulator.openai_body import Asked

_RESPONSE_ID = "resp_emulated"
_MESSAGE_ID = "msg_emulated"


class ResponsesWire:
    """See ``Wire``: typed events, and no ``[DONE]`` at their end."""

    stream_type = STREAM_TYPE
    breaks_on_error = True  # In band there is no place for an error's text that is not an event.

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._created = int(time.time())
        self._number = 0
        self._texts: list[str] = []
        self._last = Piece()

    def whole(self, piece: Piece) -> Mapping[str, Any]:
        """See ``Wire``."""
        return self._response("completed", self._output(piece), piece)

    def feed(self, piece: Piece) -> Iterator[bytes]:
        """See ``Wire``."""
        if not self._number:
            yield self._event("response.created", response=self._response("in_progress", [], Piece()))
        if piece.text:
            if not self._texts:
                item = {**_message(""), "status": "in_progress", "content": []}
                yield self._event("response.output_item.added", output_index=0, item=item)
                yield self._event("response.content_part.added", **_PLACE, part=_part(""))
            self._texts.append(piece.text)
            yield self._event("response.output_text.delta", **_PLACE, delta=piece.text, logprobs=[])
        calls = (*self._last.tool_calls, *piece.tool_calls)
        self._last = Piece(
            "", calls, piece.finish_reason or self._last.finish_reason, piece.usage or self._last.usage
        )

    def end(self) -> Iterator[bytes]:
        """See ``Wire``."""
        text = "".join(self._texts)
        if text:
            yield self._event("response.output_text.done", **_PLACE, text=text, logprobs=[])
            yield self._event("response.content_part.done", **_PLACE, part=_part(text))
        piece = Piece(text, self._last.tool_calls, self._last.finish_reason, self._last.usage)
        output = self._output(piece)
        for index, item in enumerate(output):
            if item["type"] == "function_call":
                yield self._event("response.output_item.added", output_index=index, item=item)
            yield self._event("response.output_item.done", output_index=index, item=item)
        yield self._event("response.completed", response=self._response("completed", output, piece))

    def _event(self, name: str, **fields: Any) -> bytes:
        held = {"type": name, "sequence_number": self._number, **fields}
        self._number += 1
        return sse.encode(orjson.dumps(held), name)

    def _output(self, piece: Piece) -> list[dict[str, Any]]:
        said = [_message(piece.text)] if piece.text else []
        return said + [_call(call) for call in piece.tool_calls]

    def _response(self, status: str, output: list[dict[str, Any]], piece: Piece) -> dict[str, Any]:
        usage = piece.usage
        counts = (
            None
            if usage is None
            else {
                "input_tokens": usage.get("prompt_tokens"),
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": usage.get("completion_tokens"),
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage.get("total_tokens"),
            }
        )
        cut = status == "completed" and piece.finish_reason == "length"
        return {
            "id": _RESPONSE_ID,
            "object": "response",
            "created_at": self._created,
            "status": "incomplete" if cut else status,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "error": None,
            "model": self._asked.model_id,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": counts,
        }


_PLACE: dict[str, Any] = {"item_id": _MESSAGE_ID, "output_index": 0, "content_index": 0}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def _message(text: str) -> dict[str, Any]:
    around = {"id": _MESSAGE_ID, "type": "message", "status": "completed", "role": "assistant"}
    return {**around, "content": [_part(text)]}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function, call_id = call["function"], call["id"]
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "status": "completed",
        "name": function["name"],
        "arguments": function["arguments"],
    }

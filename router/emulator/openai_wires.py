"""Chat and text completions on the wire: as OpenAI answers, and as Bytez's own containers do.

Containers, where vLLM does not serve them: chunks are called ``chat.completion``, have no role, and the
finish reason stands on the last token; a whole reply has it at its top and no ``index`` in the choice.
"""

from __future__ import annotations

import time
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import orjson

from router.adapters import sse
from router.emulator.canned import tokens
from router.emulator.prompt import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from router.emulator.openai_body import Asked

STREAM_TYPE = "text/event-stream; charset=utf-8"
DONE = sse.encode(b"[DONE]")

_LOGPROB = -0.25  # No model was asked: every token is as likely as the next.
_IDS = {"chat": "chatcmpl-emulated", "completions": "cmpl-emulated"}
_OBJECTS = {"chat": "chat.completion", "completions": "text_completion"}


class OpenAIWire:
    """See ``Wire``: as OpenAI answers. Counts and finish reasons that nobody gave are left out."""

    stream_type = STREAM_TYPE
    breaks_on_error = False

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._chat = asked.kind == "chat"
        self._around = {
            "id": _IDS[asked.kind],
            "object": _OBJECTS[asked.kind],
            "created": int(time.time()),
            "model": asked.model_id,
        }
        self._started = False
        self._usage: dict[str, Any] | None = None

    def whole(self, piece: Piece) -> Mapping[str, Any]:
        """See ``Wire``."""
        choice = {
            **self._said(piece),
            "logprobs": self._logprobs(piece.text),
            "finish_reason": piece.finish_reason,
        }
        choices = [{"index": index, **choice} for index in range(self._asked.choices)]
        reply = {**self._around, "choices": choices}
        return reply if piece.usage is None else {**reply, "usage": piece.usage}

    def feed(self, piece: Piece) -> Iterator[bytes]:
        """See ``Wire``."""
        self._usage = piece.usage or self._usage
        if not self._started:
            self._started = True
            if self._chat:
                yield from self._events({"role": "assistant", "content": ""}, None, None)
        if piece.text or piece.tool_calls:
            delta: dict[str, Any] = {"content": piece.text} if piece.text else {}
            if piece.tool_calls:
                delta["tool_calls"] = piece.tool_calls
            yield from self._events(delta, self._logprobs(piece.text), None)
        if piece.finish_reason:
            yield from self._events({}, None, piece.finish_reason)

    def end(self) -> Iterable[bytes]:
        """See ``Wire``."""
        if self._asked.include_usage and self._usage is not None:
            yield self._encoded({"choices": [], "usage": self._usage})
        yield DONE

    def _said(self, piece: Piece) -> dict[str, Any]:
        if not self._chat:
            return {"text": self._echoed(piece.text)}
        message: dict[str, Any] = {"role": "assistant", "content": piece.text, "refusal": None}
        if piece.tool_calls:
            message = {**message, "content": piece.text or None, "tool_calls": piece.tool_calls}
        return {"message": message}

    def _echoed(self, text: str) -> str:
        return self._asked.messages[0].text + text if self._asked.params.get("echo") else text

    def _events(self, delta: dict[str, Any], logprobs: Any, finish_reason: str | None) -> Iterator[bytes]:
        said = {"delta": delta} if self._chat else {"text": delta.get("content", "")}
        for index in range(self._asked.choices):
            choice = {"index": index, **said, "logprobs": logprobs, "finish_reason": finish_reason}
            yield self._encoded({"choices": [choice]})

    def _encoded(self, held: dict[str, Any]) -> bytes:
        name = "chat.completion.chunk" if self._chat else self._around["object"]
        return sse.encode(orjson.dumps({**self._around, "object": name, **held}))

    def _logprobs(self, text: str) -> dict[str, Any] | None:
        return logprobs_of(text, self._asked)


class ContainerWire:
    """See ``Wire``: as a container of Bytez's answers."""

    stream_type = STREAM_TYPE
    breaks_on_error = True  # Its formatter expects tokens; an error's text makes it crash.

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._chat = asked.kind == "chat"
        self._around = {
            "id": _IDS[asked.kind],
            "object": _OBJECTS[asked.kind],
            "created": int(time.time()),
            "model": asked.model_id,
        }
        self._held = Piece()  # The token to which the finish reason may belong.

    def whole(self, piece: Piece) -> Mapping[str, Any]:
        """See ``Wire``."""
        if self._chat:
            message = {
                "role": "assistant",
                "content": piece.text,
                "reasoning_content": None,
                "tool_calls": piece.tool_calls,
            }
            choice: dict[str, Any] = {"message": message}
        else:
            choice = {"text": piece.text}
        choice["logprobs"] = logprobs_of(piece.text, self._asked)
        ended = {"finish_reason": "stop", "stop_reason": None}
        reply = {**self._around, "choices": [choice], **ended}
        return reply if piece.usage is None else {**reply, "usage": piece.usage}

    def feed(self, piece: Piece) -> Iterator[bytes]:
        """See ``Wire``: one token behind, as the containers are."""
        if not piece.text and not piece.tool_calls:
            return
        if self._held.text or self._held.tool_calls:
            yield self._event(self._held, None)
        self._held = piece

    def end(self) -> Iterable[bytes]:
        """See ``Wire``."""
        yield self._event(self._held, "stop")
        yield DONE

    def _event(self, piece: Piece, finish_reason: str | None) -> bytes:
        if self._chat:
            calls = {"tool_calls": piece.tool_calls} if piece.tool_calls else {}
            said: dict[str, Any] = {"delta": {"content": piece.text, **calls}}
        else:
            said = {"text": piece.text}
        logprobs = logprobs_of(piece.text, self._asked)
        choice = {"index": 0, **said, "logprobs": logprobs, "finish_reason": finish_reason}
        return sse.encode(orjson.dumps({**self._around, "choices": [choice]}))


def logprobs_of(text: str, asked: Asked) -> dict[str, Any] | None:
    """Log probabilities of the emulator's own tokens, in the form of the route; None when none are wanted."""
    if asked.top_logprobs is None:
        return None
    parts = tokens(text)
    if asked.kind == "completions":
        starts = list(accumulate(map(len, parts[:-1]), initial=0)) if parts else []
        return {
            "tokens": parts,
            "token_logprobs": [_LOGPROB] * len(parts),
            "top_logprobs": [{part: _LOGPROB} for part in parts] if asked.top_logprobs else None,
            "text_offset": starts,
        }
    shown = [{"token": part, "logprob": _LOGPROB, "bytes": list(part.encode())} for part in parts]
    content = [{**item, "top_logprobs": [item] if asked.top_logprobs else []} for item in shown]
    return {"content": content, "refusal": None}

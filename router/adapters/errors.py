"""Error bodies of every upstream we know of, read into one shape."""

from __future__ import annotations

from typing import Any

import orjson

from router.core.classify import MAX_MESSAGE_BYTES, ErrorInfo
from router.core.failure import Failure, FailureClass

_MOST_DETAILS = 8


def broken(status: int, why: str) -> Failure:
    """A reply that breaks its wire's rules. *why* is ours, in brackets; it never holds content."""
    return Failure(FailureClass.PROTOCOL, status, None, f"({why})")


def error_info(body: bytes) -> ErrorInfo:
    """What an error body says. Never raises; a body that is not JSON is taken as its message.

    HTML is a proxy's page and says nothing worth repeating.
    """
    try:
        return info_of(orjson.loads(body))
    except orjson.JSONDecodeError:
        text = body[:MAX_MESSAGE_BYTES].decode("utf-8", "replace").strip()
        return ErrorInfo() if text.startswith("<") else ErrorInfo(message=text or None)


def info_of(value: Any) -> ErrorInfo:
    """What decoded JSON says about an error.

    Shapes: OpenAI ``{"error": {message, type, code, param}}``; Bytez ``{"error": "…"}``, with
    ``status`` and ``message`` for 402; FastAPI ``{"detail": "…" or [{loc, msg, type}]}``; vLLM
    ``{"object": "error", "message", "code"}``; Hugging Face ``{"error", "error_type"}``; Google's
    list of one such object.
    """
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return ErrorInfo(message=value)
    if not isinstance(value, dict):
        return ErrorInfo()
    detail = value.get("detail")
    if isinstance(detail, list):
        return _of_details(detail)
    inner = value.get("error") or detail
    if isinstance(inner, dict):
        return _of_object(inner)
    message = _joined(_text(inner), _text(value.get("message")))
    code = _text(value.get("code")) or _text(value.get("status"))
    return ErrorInfo(code, _text(value.get("type")) or _text(value.get("error_type")), None, message)


def is_error(reply: dict[str, Any]) -> bool:
    """Whether the body of a good reply, or an event of a good stream, is an error all the same."""
    if reply.get("error") or reply.get("object") == "error":
        return True
    return "choices" not in reply and ("detail" in reply or "message" in reply)


def _of_object(error: dict[str, Any]) -> ErrorInfo:
    return ErrorInfo(
        code=_text(error.get("code")),
        # Google gives the HTTP status as code, and its word for the error as status.
        type=_text(error.get("type")) or _text(error.get("status")),
        param=_text(error.get("param")),
        message=_text(error.get("message")),
    )


def _of_details(details: list[Any]) -> ErrorInfo:
    """FastAPI's list of validation errors: the first one's type and place, everyone's words."""
    items = [item for item in details[:_MOST_DETAILS] if isinstance(item, dict)]
    if not items:
        return ErrorInfo()
    place = items[0].get("loc")
    param = _text(place[-1]) if isinstance(place, list) and place else None
    words = "; ".join(filter(None, (_text(item.get("msg")) for item in items)))
    return ErrorInfo(_text(items[0].get("type")), None, param, words or None)


def _joined(error: str | None, message: str | None) -> str | None:
    """Bytez's 402 has a generic ``error`` and the useful words in ``message``."""
    if error and message and error != message:
        return f"{error}: {message}"
    return error or message


def _text(value: Any) -> str | None:
    """A word or a number as text; None for anything else."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None

"""What both wires share: JSON in and out, request headers, OpenAI's reply objects."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from router.adapters.base import Uncarried

if TYPE_CHECKING:
    from router.adapters.base import Upstream
    from router.types import Secret

COMPLETION = "chat.completion"
CHUNK = "chat.completion.chunk"

HeaderList = tuple[tuple[str, "str | Secret"], ...]


def is_success(status: int) -> bool:
    """Whether *status* is a 2xx."""
    return 200 <= status <= 299  # noqa: PLR2004 - RFC 9110


def json_object(body: bytes) -> dict[str, Any] | None:
    """*body* as a JSON object; None when it is not exactly one."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def dump(body: Mapping[str, Any]) -> bytes:
    """*body* as JSON.

    Raises:
        Uncarried: it holds something that JSON cannot.
    """
    try:
        return orjson.dumps(body, default=_plain)
    except orjson.JSONEncodeError as error:
        raise Uncarried(f"the request cannot be written as JSON: {error}; use JSON values only") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def request_headers(upstream: Upstream, accept: str, own: HeaderList) -> HeaderList:
    """The headers of every request to *upstream*; a configured header replaces ours."""
    configured = {name.lower() for name, _ in upstream.headers}
    ours: HeaderList = (*own, ("content-type", "application/json"), ("accept", accept))
    kept = tuple((name, value) for name, value in ours if name not in configured)
    return kept + tuple((name.lower(), value) for name, value in upstream.headers)


def envelope(kind: str, model: str, created: float) -> dict[str, Any]:
    """The fields around the choices, with a new id; *kind* is OpenAI's ``object``."""
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(created),
        "model": model,
    }


def delta_choice(delta: dict[str, Any], finish_reason: str | None = None, index: int = 0) -> dict[str, Any]:
    """One choice of a chunk."""
    return {"index": index, "delta": delta, "finish_reason": finish_reason}

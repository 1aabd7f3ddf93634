"""What every OpenAI client must see at the gateway, in the SDKs' own words where they have one."""

from __future__ import annotations

from typing import Any

from tests.clients.world import CITY

EXPECTED: dict[str, dict[str, Any]] = {
    "text": {"text": "Hi", "finish": "stop", "total_tokens": 3},
    "stream": {"text": "Hi", "finish": "stop", "pieces": 2},
    "usage_chunk": {"text": "Hi", "total_tokens": 3, "choices": 0},
    "tools": {"name": "weather", "arguments": CITY, "finish": "tool_calls"},
    "tools_stream": {"name": "weather", "arguments": CITY, "finish": "tool_calls"},
    "extra": {"text": "Hi"},
    "error_400": {"class": "BadRequestError", "status": 400},
    "error_401": {"class": "AuthenticationError", "status": 401},
    "error_404": {"class": "NotFoundError", "status": 404, "code": "model_not_found"},
    "error_429": {"class": "RateLimitError", "status": 429, "retry_after": "77"},
    "error_503": {"class": "InternalServerError", "status": 503, "retry_after": "88"},
    "timeout": {"timed_out": True},
    "cancel": {"text": "H"},
}
"""By scenario. A client may answer with more than is asked here, never with less."""

CALLS = {"error_400": 1, "error_401": 0, "error_404": 0, "error_429": 1, "error_503": 1}
"""Upstream calls: no SDK adds retries of its own to ours."""

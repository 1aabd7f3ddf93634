"""What the emulator was asked, for tests to look at; bounded in number and in bytes."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from router.emulator.exchange import Exchange

MAX_REQUESTS = 1_000
MAX_BODY_BYTES = 1024 * 1024
MAX_TOTAL_BYTES = 64 * 1024 * 1024

_MAX_HEADERS = 100
_MAX_CHARS = 2_000  # of a path or a header's value

_SECRET = re.compile(r"authorization|cookie|key|token|secret")
_SCHEME = re.compile(r"(Key|Bearer|Basic) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Entry:
    head: dict[str, Any]
    body: bytes  # JSON as it was sent: small, and no deeply nested objects to keep alive.

    def value(self) -> dict[str, Any]:
        return {**self.head, "body": orjson.Fragment(self.body)}


class Recorder:
    """The last requests, oldest first. Safe to use from several threads."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._total_bytes = 0
        self._lock = threading.Lock()

    def add(self, exchange: Exchange, body: bytes, *, is_json: bool) -> None:
        """Keep one request; *is_json* says whether *body* is known to be JSON."""
        path = f"{exchange.path}?{exchange.query}" if exchange.query else exchange.path
        named = islice(exchange.headers.items(), _MAX_HEADERS)
        headers = {name: _masked(name, value)[:_MAX_CHARS] for name, value in named}
        head: dict[str, Any] = {"method": exchange.method, "path": path[:_MAX_CHARS], "headers": headers}
        if len(body) > MAX_BODY_BYTES:
            head["note"] = f"a body of {len(body)} bytes is not kept: over {MAX_BODY_BYTES}"
        kept = body if is_json and len(body) <= MAX_BODY_BYTES else b"null"
        with self._lock:
            self._entries.append(_Entry(head, kept))
            self._total_bytes += len(kept)
            while len(self._entries) > MAX_REQUESTS or self._total_bytes > MAX_TOTAL_BYTES:
                self._total_bytes -= len(self._entries.popleft().body)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._total_bytes = 0

    def dump(self) -> bytes:
        """A JSON list of ``{method, path, headers, body}``, oldest first.

        ``path`` is as sent, with its query. Keys in ``headers`` are masked. ``body`` is null when
        there was none, when it was no JSON, and, with a ``note``, when it was too large to keep.
        """
        with self._lock:
            entries = list(self._entries)
        return orjson.dumps([entry.value() for entry in entries])


def _masked(name: str, value: str) -> str:
    if not _SECRET.search(name):
        return value
    scheme = _SCHEME.match(value)
    return f"{scheme[1]} ***" if scheme else "***"

"""Chunks that have arrived and are not delivered, as small as they came."""

from __future__ import annotations

from collections import deque

import orjson

from router.adapters.base import Chunk
from router.adapters.shapes import dump

HOLD_BYTES = 8 * 1024 * 1024
"""Bytes of one stream's JSON that ``on_break: buffer`` holds back; then it is given on as it comes."""


class Held:
    """A queue of chunks. It keeps their bytes: decoded they would take ten times the memory.

    Attributes:
        size: bytes held.
        content: whether any chunk so far carried content.
        usage: the latest that a chunk stated; None while none has.
    """

    def __init__(self) -> None:
        self.size = 0
        self.content = False
        self.usage: dict[str, object] | None = None
        self._items: deque[tuple[bytes, bool, bool]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def append(self, chunk: Chunk) -> None:
        """Take *chunk* in."""
        data = dump(chunk.data) if chunk.raw is None else chunk.raw
        self._items.append((data, chunk.raw is not None, chunk.commits))
        self.size += len(data)
        self.content = self.content or chunk.commits
        usage = chunk.data.get("usage")
        if isinstance(usage, dict):  # Upstreams send what they like.
            self.usage = usage

    def popleft(self) -> Chunk:
        """The oldest chunk, as it was."""
        data, untouched, commits = self._items.popleft()
        self.size -= len(data)
        return Chunk(orjson.loads(data), data if untouched else None, commits)

    def clear(self) -> None:
        """Forget them all."""
        self._items.clear()
        self.size = 0

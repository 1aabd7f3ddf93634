"""Answers in this process's memory: bounded in bytes and in number, the least recently used go first."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cachetools import Cache, LRUCache

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 64 * 1024 * 1024
"""Of all answers together, with what they take beside their own bytes."""
MAX_ENTRIES = 10_000
"""Answers that are kept."""
MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""A larger answer is not kept."""
PIECE_BYTES = 64
"""What a piece of a stream takes beside its own bytes."""
_ENTRY_BYTES = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """An answer that is kept.

    Attributes:
        key: under which it is kept.
        pieces: the JSON of a whole answer, or of each chunk of a stream.
        streamed: whether it is a stream.
        usage_apart: whether that stream was asked for a last chunk that holds the usage.
        target: ``provider/model`` that gave it.
        assumed_finish: whether its finish reason is assumed, as in ``Completion``.
        fresh_until: until when it is served, on the memory's clock.
        stale_until: until when it may stand in for an answer that nobody gives; not before *fresh_until*.
        checksum: over all the rest, as ``Answers.keep`` has made it; 0: nobody has.
    """

    key: bytes
    pieces: tuple[bytes, ...] = field(repr=False)
    streamed: bool
    usage_apart: bool
    target: str
    assumed_finish: bool
    fresh_until: float
    stale_until: float
    checksum: int = 0

    @property
    def size(self) -> int:
        """Bytes of memory, about."""
        return _ENTRY_BYTES + sum(map(len, self.pieces)) + PIECE_BYTES * len(self.pieces)


class Memory:
    """Entries by key. Safe to use from several threads.

    Args:
        clock: seconds, monotonic.
        max_bytes: of all entries.
        max_entries: their number.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_bytes: int = MAX_BYTES,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        self.clock = clock
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: LRUCache[bytes, Entry] = LRUCache(max_bytes, getsizeof=lambda entry: entry.size)
        self._lock = threading.Lock()

    def get(self, key: bytes, *, stale: bool = False) -> Entry | None:
        """The entry under *key* while its time lasts; with *stale* also in the time after it."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            now = self.clock()
            if now >= entry.stale_until:
                del self._entries[key]
                return None
        served = entry.key == key and (now < entry.fresh_until or stale)
        return entry if served else None

    def peek(self, key: bytes) -> Entry | None:
        """The entry that ``get`` would give; looking changes nothing."""
        with self._lock:
            if key not in self._entries:
                return None
            entry: Entry = Cache.__getitem__(self._entries, key)
        return entry if entry.key == key and self.clock() < entry.fresh_until else None

    def set(self, entry: Entry) -> None:
        """Keep *entry*, in place of the one before; one that is larger than the bound is not kept."""
        with self._lock:
            self._entries.pop(entry.key, None)
            if entry.size > self._max_bytes:
                return
            while len(self._entries) >= self._max_entries:
                self._entries.popitem()
            self._entries[entry.key] = entry

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all entries, about."""
        return int(self._entries.currsize)

"""Memory: bounded in bytes and in number, and by time."""

from __future__ import annotations

from dataclasses import replace

from router.cache.memory import PIECE_BYTES, Entry, Memory


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def entry(key: bytes, *pieces: bytes, fresh: float = 10.0, stale: float = 10.0) -> Entry:
    return Entry(key, pieces or (b"x",), False, False, "p/m", False, fresh, stale)


def test_an_entry_lasts_for_its_time() -> None:
    """Fresh, then stale for those who take that, then gone for good."""
    clock = Clock()
    memory = Memory(clock)
    memory.set(entry(b"k", fresh=10, stale=15))
    clock.now = 9.99
    assert memory.get(b"k") == memory.get(b"k", stale=True) == entry(b"k", fresh=10, stale=15)
    clock.now = 10
    assert memory.get(b"k") is None
    assert memory.get(b"k", stale=True) is not None
    clock.now = 15
    assert memory.get(b"k", stale=True) is None
    assert (len(memory), memory.size) == (0, 0)


def test_an_entry_carries_its_key() -> None:
    """What lies under another key than its own is no answer."""
    memory = Memory(Clock())
    memory.set(entry(b"k"))
    memory._entries[b"other"] = entry(b"k")
    assert memory.get(b"other") is None
    assert memory.get(b"k") is not None


def test_to_know_of_an_entry_is_not_to_use_it() -> None:
    """What would be given now; what is least recently used stays so."""
    clock = Clock()
    memory = Memory(clock, max_entries=2)
    memory.set(entry(b"a"))
    memory.set(entry(b"b"))
    assert (memory.peek(b"a"), memory.peek(b"c")) == (entry(b"a"), None)
    memory.set(entry(b"c"))
    assert (memory.peek(b"a"), memory.peek(b"b")) == (None, entry(b"b"))
    clock.now = 10
    assert memory.peek(b"b") is None
    assert len(memory) == 2


def test_bounded_in_number() -> None:
    """The least recently used goes first."""
    memory = Memory(Clock(), max_entries=2)
    for key in (b"a", b"b"):
        memory.set(entry(key))
    assert memory.get(b"a") is not None
    memory.set(entry(b"c"))
    assert [memory.get(key) is not None for key in (b"a", b"b", b"c")] == [True, False, True]
    memory.set(entry(b"c", b"again"))
    assert len(memory) == 2


def test_bounded_in_bytes() -> None:
    """With what an entry takes beside its bytes; one that is too large alone is not kept."""
    size = entry(b"a", b"x" * 100).size
    assert size == entry(b"a", b"").size + 100
    assert entry(b"a", b"", b"").size == entry(b"a", b"").size + PIECE_BYTES
    memory = Memory(Clock(), max_bytes=2 * size)
    for key in (b"a", b"b", b"c"):
        memory.set(entry(key, b"x" * 100))
    assert memory.size == 2 * size
    assert memory.get(b"a") is None
    memory.set(entry(b"c", b"x" * 1000))
    assert memory.get(b"c") is None
    assert memory.size == size


def test_an_entry_shows_no_answer() -> None:
    """Neither in logs nor in tracebacks."""
    assert "CANARY" not in repr(replace(entry(b"k"), pieces=(b"CANARY",)))

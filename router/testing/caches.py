"""Whether what keeps answers keeps what the engine relies on: entries by key, for their time, unchanged.

    check_cache(lambda clock: MyCache(clock))

``router.cache.memory.Memory`` is the one that there is; this is what any other would have to hold.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from router.cache.memory import Entry
from router.testing.wires import must

if TYPE_CHECKING:
    from collections.abc import Callable

_THREADS = 8
_ROUNDS = 200


class Backend(Protocol):
    """Where answers are kept. Used from several threads at once."""

    def get(self, key: bytes, *, stale: bool = False) -> Entry | None:
        """The entry under *key* until its ``fresh_until``, or with *stale* its ``stale_until``; else None."""
        ...

    def set(self, entry: Entry) -> None:
        """Keep *entry* under its key, in place of the one before; it may be forgotten at any time."""
        ...


class _Clock:
    """A clock that stands still until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def check_cache(make: Callable[[Callable[[], float]], Backend]) -> None:
    """Check a cache backend.

    Args:
        make: makes an empty one, given the clock that ``fresh_until`` and ``stale_until`` are on. One that
            forgets what it was just given cannot be checked.

    Raises:
        ContractBroken: it does not keep to the contract; the message names the method and what it did.
    """
    __tracebackhide__ = True
    for check in (_keeps, _replaces, _keys, _times, _crowd):
        clock = _Clock()
        check(make(clock), clock)


def _entry(key: bytes = b"k", *pieces: bytes) -> Entry:
    return Entry(
        key=key,
        pieces=pieces or (b'{"a": 1}',),
        streamed=False,
        usage_apart=False,
        target="a/x",
        assumed_finish=False,
        fresh_until=1010.0,
        stale_until=1020.0,
        checksum=0xDEADBEEF,
    )


def _keeps(backend: Backend, _clock: _Clock) -> None:
    """What is given comes back as it was, to the last field and byte."""
    whole = _entry(b"whole", bytes(range(256)))
    stream = replace(
        _entry(b"stream", b"one", b"", b"three"), streamed=True, usage_apart=True, assumed_finish=True
    )
    for entry in (whole, stream):
        backend.set(entry)
        found = backend.get(entry.key)
        must(found is not None, "get() gave nothing for what set() was just given")
        must(found == entry, "get() gave another entry than set() was given")


def _replaces(backend: Backend, _clock: _Clock) -> None:
    """The last entry of a key counts, and one that was given out stays what it was."""
    first, second = _entry(b"k", b"first"), _entry(b"k", b"second")
    backend.set(first)
    found = backend.get(b"k")
    backend.set(second)
    must(backend.get(b"k") == second, "set() did not replace the entry before")
    must(found == _entry(b"k", b"first"), "an entry that get() had given changed with a later set()")


def _keys(backend: Backend, _clock: _Clock) -> None:
    """A key stands for itself alone."""
    must(backend.get(b"k") is None, "get() gave something although nothing was set")
    backend.set(_entry(b"k"))
    for other in (b"K", b"k\0", b"", b"kk"):
        must(backend.get(other) is None, f"get({other!r}) gave the entry of b'k'")


def _times(backend: Backend, clock: _Clock) -> None:
    """Fresh, then stale for those who ask, then gone; what comes too late is never served."""
    backend.set(_entry())
    for now, fresh, stale in ((1009.9, True, True), (1010.0, False, True), (1019.9, False, True)):
        clock.now = now
        told = f"{now - 1000:g} s after it was set, fresh for 10 s and stale for 10 s more"
        must((backend.get(b"k") is not None) == fresh, f"get() {'lost' if fresh else 'gave'} an entry {told}")
        found = backend.get(b"k", stale=True)
        must((found is not None) == stale, f"get(stale=True) lost an entry {told}")
    clock.now = 1020.0
    for stale in (False, True):
        must(backend.get(b"k", stale=stale) is None, f"get(stale={stale}) gave an entry whose time was over")
    backend.set(_entry())
    must(backend.get(b"k", stale=True) is None, "get() gave an entry whose time was over when it was set")


def _crowd(backend: Backend, _clock: _Clock) -> None:
    """From several threads at once nobody fails, and nobody gets what was never set under the key."""

    def use(thread: int) -> list[Entry]:
        found = []
        for number in range(_ROUNDS):
            key = b"%d" % (number % 10)
            backend.set(_entry(key, b"%d %d" % (thread, number % 10)))
            entry = backend.get(key)
            found += [entry] if entry is not None else []
        return found

    with ThreadPoolExecutor(_THREADS) as pool:
        for entry in (one for row in pool.map(use, range(_THREADS)) for one in row):
            must(entry.pieces[0].endswith(b" " + entry.key), "get() gave what was set under another key")

"""Kept answers that are damaged where they lie: invariant 37."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from router import errors
from tests.library.upstream import DONE, chunk, completion
from tests.property.memory import Said, Upstreams, keeping

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from router import Router
    from router.cache.memory import Entry

MESSAGES = [{"role": "user", "content": "x"}]
CONFIG = {
    "version": 1,
    "providers": {"a": {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}},
    "defaults": {"retries": 0, "ejection": False, "cache": {"ttl": "10s", "stale_if_error": "5s"}},
    "models": {"g": "a/x"},
}
FRESH_S, STALE_S = 3.0, 12.0
"""Times at which an answer that is kept at 0 is fresh, and over but may stand in."""

JUNK = st.sampled_from(
    [b"", b" ", b"[]", b"[1]", b"5", b"null", b'"x"', b"{", b"{}", b'{"choices": 1}', b'{"choices": [1]}']
)
Pieces = tuple[bytes, ...]

# --- what may become of an entry


def _flipped(pieces: Pieces, at: int, bits: int) -> Pieces:
    piece = bytearray(pieces[at % len(pieces)])
    piece[bits % len(piece)] ^= 1 + at % 255
    return _with(pieces, at, bytes(piece))


def _cut(pieces: Pieces, at: int, length: int) -> Pieces:
    piece = pieces[at % len(pieces)]
    return _with(pieces, at, piece[: length % len(piece)])


def _dropped(pieces: Pieces, at: int, _: int) -> Pieces:
    where = at % len(pieces)
    return pieces[:where] + pieces[where + 1 :]


def _doubled(pieces: Pieces, at: int, _: int) -> Pieces:
    where = at % len(pieces)
    return pieces[: where + 1] + pieces[where:]


def _swapped(pieces: Pieces, at: int, other: int) -> Pieces:
    return _with(_with(pieces, at, pieces[other % len(pieces)]), other, pieces[at % len(pieces)])


def _joined(pieces: Pieces, at: int, _: int) -> Pieces:
    where = at % len(pieces)
    return (*pieces[:where], b"".join(pieces[where : where + 2]), *pieces[where + 2 :])


def _with(pieces: Pieces, at: int, piece: bytes) -> Pieces:
    where = at % len(pieces)
    return (*pieces[:where], piece, *pieces[where + 1 :])


WAYS: Sequence[Callable[[Pieces, int, int], Pieces]] = (_flipped, _cut, _dropped, _doubled, _swapped, _joined)
MARKS = ("streamed", "usage_apart", "assumed_finish")
NUMBERS = st.integers(0, 1000)


@dataclass(frozen=True)
class Damage:
    """What becomes of an entry.

    Attributes:
        name: in one word.
        way: to new pieces.
        mark: of the entry, that turns into its contrary.
        late_s: by how much its times are put off.
    """

    name: str
    way: Callable[[Pieces], Pieces] = lambda pieces: pieces
    mark: str | None = None
    late_s: float = 0.0

    def __call__(self, entry: Entry) -> Entry:
        marks: dict[str, Any] = {} if self.mark is None else {self.mark: not getattr(entry, self.mark)}
        times = entry.fresh_until + self.late_s, entry.stale_until + self.late_s
        pieces = self.way(entry.pieces)
        return replace(entry, pieces=pieces, fresh_until=times[0], stale_until=times[1], **marks)


def _bent(way: Callable[[Pieces, int, int], Pieces], at: int, other: int) -> Damage:
    return Damage(way.__name__.strip("_"), lambda pieces: way(pieces, at, other))


DAMAGES = st.one_of(
    st.builds(_bent, st.sampled_from(WAYS), NUMBERS, NUMBERS),
    st.builds(lambda junk, at: Damage("junk", lambda pieces: _with(pieces, at, junk)), JUNK, NUMBERS),
    st.builds(lambda junk: Damage("all junk", lambda _: tuple(junk)), st.lists(JUNK, max_size=2)),
    st.builds(lambda mark: Damage("mark", mark=mark), st.sampled_from(MARKS)),
    st.just(Damage("put off", late_s=1e3)),
)


# --- what callers see of it


@dataclass(frozen=True)
class Case:
    """One entry's life.

    Attributes:
        kept: whether it was kept as a stream.
        asked: whether it is asked for as one.
        damage: what becomes of it; None: nothing.
        at: seconds after it was kept, when it is asked for.
        fails: whether the upstream does by then.
    """

    kept: bool
    asked: bool
    damage: Damage | None
    at: float
    fails: bool


CASES = st.builds(
    Case,
    kept=st.booleans(),
    asked=st.booleans(),
    damage=st.one_of(DAMAGES, DAMAGES, DAMAGES, st.none()),
    at=st.sampled_from([FRESH_S, FRESH_S, STALE_S]),
    fails=st.booleans(),
)


def _said(text: str, *, stream: bool) -> Said:
    told = chunk({"content": text}) + chunk({}, "stop") + DONE
    return Said(body=told if stream else json.dumps(completion(text)).encode())


@given(case=CASES)
@example(case=Case(True, True, Damage("joined", lambda pieces: _joined(pieces, 0, 0)), FRESH_S, False))
@example(case=Case(False, False, Damage("all junk", lambda _: ()), STALE_S, True))
def test_invariant_37_a_damaged_answer_is_a_miss(case: Case) -> None:
    """The chain answers, or its own error is told, whatever became of the entry; then all is as ever.

    Damage is all that can happen to a cache in memory. That one which is dead or slow is a miss within a
    time limit is for a shared cache to hold, and there is none.
    """
    weather: list[Said] = []
    with keeping(CONFIG, Upstreams({"a/x": weather})) as (runner, router):
        runner.run(_check(router, weather, case))


async def _check(router: Router, weather: list[Said], case: Case) -> None:
    weather[:] = [_said("old", stream=case.kept)]
    assert await _told(router, stream=case.kept) == ("miss", "old")
    if case.damage is not None:
        _hurt(router, case.damage)
    await asyncio.sleep(case.at)
    here, fresh = case.damage is None, case.at == FRESH_S
    assert router.explain("g", MESSAGES).cache == ("hit" if here and fresh else "miss")
    weather[:] = [Said(500, body=b"{}") if case.fails else _said("new", stream=case.asked)]
    event(f"{'kept well' if case.damage is None else case.damage.name}, {'fresh' if fresh else 'over'}")
    if here and (fresh or case.fails):
        assert await _told(router, stream=case.asked) == ("hit" if fresh else "stale", "old")
        return
    if case.fails:
        with pytest.raises(errors.UpstreamError) as caught:
            await _told(router, stream=case.asked)
        assert [attempt.status for attempt in caught.value.attempts] == [500]
        weather[:] = [_said("new", stream=case.asked)]
    assert await _told(router, stream=case.asked) == ("miss", "new")
    weather[:] = [Said(500, body=b"{}")]
    for stream in (case.asked, not case.asked):
        assert await _told(router, stream=stream) == ("hit", "new")


def _hurt(router: Router, damage: Damage) -> None:
    """Let *damage* befall the one answer that is kept."""
    memory = router.engine.answers.memory
    (entry,) = memory._entries.values()
    damaged = damage(entry)
    assume(damaged != entry)
    memory.set(damaged)


async def _told(router: Router, *, stream: bool) -> tuple[str, str]:
    """Where the answer comes from, and its text."""
    answer: Any = await router.acompletion("g", MESSAGES, stream=stream)
    if not stream:
        return answer.routing.cache, answer.choices[0].message.content
    chunks = [item async for item in answer]
    return answer.routing.cache, "".join(c.delta.content or "" for item in chunks for c in item.choices)

"""What is kept comes back as it was, or not at all."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import pytest

from router.cache.answers import Answers
from router.cache.memory import Entry, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = Entry(b"k", (b"one", b"", b"three"), False, False, "p/m", False, 10.0, 20.0)

DAMAGE: dict[str, Callable[[Any], Any]] = {
    "pieces": lambda pieces: tuple(reversed(pieces)),
    "streamed": lambda streamed: not streamed,
    "usage_apart": lambda apart: not apart,
    "target": lambda target: target + "x",
    "assumed_finish": lambda assumed: not assumed,
    "fresh_until": lambda until: until + 5.0,
    "stale_until": lambda until: until + 5.0,
    "checksum": lambda checksum: checksum ^ 1,
}


@pytest.fixture
def answers() -> Answers:
    return Answers(memory=Memory(lambda: 0.0))


def test_what_is_kept_comes_back(answers: Answers) -> None:
    """With the checksum that it was given."""
    answers.keep(KEPT)
    kept = answers.kept(b"k")
    assert kept is not None
    assert kept.checksum != 0
    assert replace(kept, checksum=0) == KEPT
    assert answers.kept(b"k", stale=True) == kept
    assert answers.knows(b"k")


def test_every_field_counts(answers: Answers) -> None:
    """Whatever of an entry has changed, it is no answer any more, nor one that stands in for another."""
    # Under another key than its own an entry is not found to begin with.
    assert {*DAMAGE, "key"} == {field.name for field in fields(Entry)}
    for name, damage in DAMAGE.items():
        answers.keep(KEPT)
        kept = answers.memory.peek(b"k")
        assert kept is not None
        answers.memory.set(replace(kept, **{name: damage(getattr(kept, name))}))
        assert (answers.kept(b"k"), answers.kept(b"k", stale=True)) == (None, None), name
        assert not answers.knows(b"k"), name


def test_where_a_piece_ends_counts(answers: Answers) -> None:
    """The same bytes in other pieces are another stream; and so they are without an empty piece."""
    for pieces in ((b"one", b"three"), (b"onethree",), (b"on", b"e", b"three")):
        answers.keep(KEPT)
        kept = answers.memory.peek(b"k")
        assert kept is not None
        answers.memory.set(replace(kept, pieces=pieces))
        assert answers.kept(b"k") is None, pieces


def test_what_nobody_has_sealed_is_no_answer(answers: Answers) -> None:
    """An entry that did not come by ``keep``."""
    answers.memory.set(KEPT)
    assert answers.kept(b"k") is None

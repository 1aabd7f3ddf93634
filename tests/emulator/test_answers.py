"""Splitting and cutting text."""

from __future__ import annotations

import itertools

import pytest

from router.emulator.answers import chunks, first_words, text_of
from router.emulator.messages import said_by_user
from router.emulator.prompt import Prompt

TEXT = text_of(Prompt("google/gemma-3-4b-it", (said_by_user("Hi"),), {}, {}))


def is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_chunks_are_the_whole_text() -> None:
    """Nothing is lost, and no chunk is empty (an empty one would end a chunked body)."""
    parts = list(chunks(TEXT))
    assert b"".join(parts).decode() == TEXT
    assert all(parts)


def test_chunks_split_characters_and_words() -> None:
    """Borders fall inside characters and inside words."""
    parts = list(chunks(TEXT))
    assert sum(not is_utf8(part) for part in parts) >= 4
    assert any(left[-1:].isalpha() and right[:1].isalpha() for left, right in itertools.pairwise(parts))


def test_empty_text_has_no_chunks() -> None:
    """Nothing is split into nothing."""
    assert list(chunks("")) == []


@pytest.mark.parametrize(
    ("count", "expected"), [(1, " a"), (2, " a\n\nb"), (3, " a\n\nb c"), (4, " a\n\nb c ")]
)
def test_first_words_keep_the_whitespace_between(count: int, expected: str) -> None:
    """Cutting changes nothing before the cut; a text with fewer words stays whole."""
    assert first_words(" a\n\nb c ", count) == expected

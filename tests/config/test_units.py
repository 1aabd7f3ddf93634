"""Durations and sizes carry their units."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from router.config.units import duration, duration_text, pause, size, size_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("30s", 30), ("10m", 600), ("1h", 3600), ("1.5s", 1.5), ("24h", 86400)],
)
def test_durations(text: str, seconds: float) -> None:
    """Each unit is read, fractions too."""
    assert duration(text) == seconds
    assert pause("0s") == 0


@pytest.mark.parametrize(
    "bad", ["30", "s", "-1s", "1 s", "1d", "25h", "0s", "0.5ms", "1m30s", "9" * 40 + "s", True, None, []]
)
def test_bad_durations(bad: object) -> None:
    """Anything else is refused."""
    with pytest.raises(PydanticCustomError) as caught:
        duration(bad)
    assert caught.value.type == "bad-value"


@pytest.mark.parametrize("number", [30, 0.5, 0, -1, 1e300])
def test_bare_numbers(number: float) -> None:
    """A bare number gets the spelling to use."""
    with pytest.raises(PydanticCustomError) as caught:
        duration(number)
    assert caught.value.type == "missing-unit"
    with pytest.raises(PydanticCustomError) as caught:
        size(number)
    assert caught.value.type == "missing-unit"


def test_sizes() -> None:
    """Binary units only, from 1 KiB to 1 GiB."""
    assert [size("64KiB"), size("16MiB"), size("1GiB")] == [65536, 16 * 1024**2, 1024**3]
    for bad in ("16MB", "0KiB", "2GiB", "1.5MiB", "16 MiB", None):
        with pytest.raises(PydanticCustomError):
            size(bad)


@given(st.floats(0.001, 86400))
def test_durations_round_trip(seconds: float) -> None:
    """What is printed reads as the same duration."""
    assert duration(duration_text(seconds)) == seconds


@given(st.integers(1, 1024**2))
def test_sizes_round_trip(kibibytes: int) -> None:
    """What is printed reads as the same size."""
    assert size(size_text(kibibytes * 1024)) == kibibytes * 1024


def test_shortest_spelling() -> None:
    """People see the unit they would have chosen."""
    assert [duration_text(value) for value in (0.25, 0, 90, 120, 7200)] == ["250ms", "0s", "90s", "2m", "2h"]
    assert [size_text(value) for value in (1024, 64 * 1024**2, 1024**3)] == ["1KiB", "64MiB", "1GiB"]

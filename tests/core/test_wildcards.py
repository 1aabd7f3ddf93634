"""Which wildcard a name falls to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.core.wildcards import WildcardIndex

SPOKEN = ["*", "a*", "*c", "a*bc", "ab*", "x/*/y"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("abbc", ("a*bc", "b")),
        ("abc", ("ab*", "c")),
        ("ad", ("a*", "d")),
        ("xc", ("*c", "x")),
        ("x", ("*", "x")),
        ("a", ("*", "a")),
        ("x/m/n/y", ("x/*/y", "m/n")),
        ("x//y", ("*", "x//y")),
        ("", None),
    ],
)
def test_the_longest_literal_part_wins(name: str, found: tuple[str, str] | None) -> None:
    """Before and behind the star count alike; the star stands for one character at least."""
    assert WildcardIndex(SPOKEN).match(name) == found
    assert WildcardIndex(reversed(SPOKEN)).match(name) == found


def test_nothing_fits() -> None:
    """Without a wildcard that fits there is none, though its ends be known from others."""
    assert WildcardIndex([]).match("a") is None
    index = WildcardIndex(["a*b", "c*d"])
    assert [index.match(name) for name in ("axd", "cxb", "ab", "xx")] == [None] * 4
    assert index.match("cxd") == ("c*d", "x")


_ENDS = st.text("ab", max_size=3)


@given(st.dictionaries(st.integers(0, 8), st.tuples(_ENDS, _ENDS), max_size=5), st.text("ab", max_size=6))
def test_as_if_each_were_tried(ends: dict[int, tuple[str, str]], name: str) -> None:
    """The look-up finds what trying each wildcard would; one literal length occurs but once."""
    kept = {len(before) + len(behind): (before, behind) for before, behind in ends.values()}
    fitting = [
        (length, f"{before}*{behind}", name[len(before) : len(name) - len(behind)])
        for length, (before, behind) in kept.items()
        if length < len(name) and name.startswith(before) and name.endswith(behind)
    ]
    expected = max(fitting)[1:] if fitting else None
    assert WildcardIndex(f"{before}*{behind}" for before, behind in kept.values()).match(name) == expected

"""No invariant is forgotten: each has tests and a mutant, or a reason to come later."""

from __future__ import annotations

from tests.property.invariants import LATER, SAYS
from tests.property.reach import files, mutants


def test_every_invariant_is_held_or_comes_later() -> None:
    """All 48 are listed; one has a test, or a reason why not yet, never both."""
    assert list(SAYS) == list(range(1, 49))
    held = set(files())
    assert held | set(LATER) == set(SAYS)
    assert held & set(LATER) == set(), "it has a test now: take it out of LATER"


def test_every_invariant_that_is_held_has_a_mutant() -> None:
    """A test that cannot fail proves nothing."""
    assert set(mutants()) == set(files())

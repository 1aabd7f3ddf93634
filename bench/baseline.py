"""Ratios of an earlier run, and whether they have grown: ratios only, since times are the machine's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bench.processes import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.goals import Outcome

PATH = ROOT / "bench" / "baseline.json"
GROWTH = 1.25
"""A ratio that has grown by more is a regression."""


def broken(outcomes: Sequence[Outcome]) -> dict[str, str]:
    """The guarded rows that have grown or guard nothing, each with what is to be said of it."""
    known: dict[str, float] = json.loads(PATH.read_text())
    said = {one.row.key: _problem(one, known.get(one.row.key)) for one in outcomes if one.row.guarded}
    return {key: problem for key, problem in said.items() if problem}


def _problem(one: Outcome, before: float | None) -> str:
    """What is wrong with a guarded row; "": nothing. A ratio that nobody took would guard nothing."""
    if not one.values:
        return f"{one.row.label}: not run: {one.why}"
    if before is None:
        return f"{one.row.label}: nothing to hold it against: take a baseline"
    if one.quiet > GROWTH * before:
        return (
            f"{one.row.label}: grown by more than {GROWTH - 1:.0%}: {one.quiet:.2f}, and it was {before:.2f}"
        )
    return ""


def write(outcomes: Sequence[Outcome]) -> None:
    """Take the guarded ratios of this run as what later ones are held against."""
    ratios = {one.row.key: round(one.quiet, 3) for one in outcomes if one.row.guarded and one.values}
    PATH.write_text(json.dumps(ratios, indent=2, sort_keys=True) + "\n")

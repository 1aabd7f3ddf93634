"""docs/proof.md: what a run of all properties came to."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tests.property.invariants import LATER, SAYS
from tests.property.reach import Reach, mutants, number_of, united

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WHAT = """# Proof

Each rule that the router must keep is a property: Hypothesis draws configs, upstreams, callers and bytes,
and the test looks for a case that breaks the rule. `make prove` runs them and writes this page.
"""
_TABLE = """
*Discarded* is the share of drawn examples that Hypothesis threw away. *Classes* are what the examples came
to, with their share, so that no property passes by never reaching its case; one example may be in several,
and of a rule's tests the largest share is given. *Mutants* are patches of at most five lines that break the
rule: its tests find each of them (`make mutants`).

| | rule | tests | examples | discarded | seconds | mutants | classes |
|--:|---|---|--:|--:|--:|--:|---|
"""
_SHOWN = 6
_RAREST = 2


def page(reached: Mapping[str, Reach], tests: Sequence[str], head: Mapping[str, str]) -> str:
    """The page.

    Args:
        reached: what each test saw, by its name for pytest.
        tests: the names of all tests there are.
        head: what to say of the run as a whole.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in ("hypothesis", "pytest"))
    facts = {
        **head,
        "machine": f"{os.cpu_count()} cores, {_processor()}",
        "versions": f"Python {platform.python_version()}, {versions}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    lines = ["", "| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts.items()), ""]
    rows = [_row(number, reached, tests) for number in [*SAYS, None]]
    return _WHAT + "\n".join(lines) + _TABLE + "\n".join(rows) + "\n"


def _row(number: int | None, reached: Mapping[str, Reach], tests: Sequence[str]) -> str:
    """One invariant's row; None: the state machines'."""
    says = "State machines: events of many requests in any order." if number is None else SAYS[number]
    own = [name for name in tests if number_of(name) == number]
    if number is not None and not own:
        return f"| {number} | {says} | {LATER[number]} | | | | | |"
    reach = united([reached[name] for name in own if name in reached])
    cells = [
        "" if number is None else f"{number}",
        says,
        "<br>".join(f"[{_short(name)}](../{name.partition('::')[0]})" for name in own),
        f"{reach.runs:,}" + (" (all there are)" if reach.exhausted else ""),
        f"{reach.share_discarded():.1%}",
        f"{reach.seconds:.0f}",
        "" if number is None else f"{len(mutants().get(number, []))}",
        _classes(reach),
    ]
    return f"| {' | '.join(cells)} |"


def _classes(reach: Reach) -> str:
    """The commonest classes, and the rarest: those are what a property may fail to reach."""
    told = [f"{what} {share:.2g} %".replace("|", "/") for what, share in reach.commonest()]
    if len(told) <= _SHOWN + _RAREST:
        return "; ".join(told)
    return "; ".join([*told[:_SHOWN], "…", *told[-_RAREST:]])


def _short(name: str) -> str:
    """A test's name without what all of them have."""
    test = name.removesuffix("::runTest").rpartition("::")[2]
    return test.partition("test_invariant_")[2][3:].replace("_", " ") or test


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:  # No Linux.
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()

"""What Hypothesis reports of a run: examples, time, and the share of each class of outcome."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = ROOT / "tests" / "property" / "mutants"

_TEST = re.compile(r"^(tests/\S+::\S+):$", re.MULTILINE)
_NAME = re.compile(r"def test_invariant_(\d+)\w*\(")
_RUNS = re.compile(r"(\d+) passing, (\d+) failing, and (\d+) invalid")
_SECONDS = re.compile(r"during \w+ phase \(([\d.]+) seconds\)")
_EVENT = re.compile(r"\* ([\d.]+)%, (.+)")
_OWN_EVENTS = ("Retried draw", "gave up because", "Draw for", "Aborted")
"""What Hypothesis says of itself among the events."""


@dataclass
class Reach:
    """What one test saw of the untouched code.

    Attributes:
        runs, discarded: examples that ran, and that Hypothesis threw away.
        seconds: how long they took.
        exhausted: whether there were no more examples than that.
        classes: share of the examples in each class, in percent.
    """

    runs: int = 0
    discarded: int = 0
    seconds: float = 0.0
    exhausted: bool = False
    classes: dict[str, float] = field(default_factory=dict)

    def commonest(self) -> list[tuple[str, float]]:
        """The classes, the largest first."""
        return sorted(self.classes.items(), key=lambda item: (-item[1], item[0]))

    def share_discarded(self) -> float:
        """Of all examples that were drawn, from 0 to 1."""
        return self.discarded / max(self.runs + self.discarded, 1)


def read(statistics: str) -> dict[str, Reach]:
    """By test, what Hypothesis printed under ``--hypothesis-show-statistics``."""
    blocks = re.split(_TEST, statistics)
    return {name: _reach(block) for name, block in zip(blocks[1::2], blocks[2::2], strict=True)}


def _reach(block: str) -> Reach:
    reach = Reach(exhausted="Stopped because nothing left to do" in block)
    for passing, failing, invalid in _RUNS.findall(block):
        reach.runs += int(passing) + int(failing)
        reach.discarded += int(invalid)
    reach.seconds = sum(map(float, _SECONDS.findall(block)))
    for part, what in _EVENT.findall(block):
        if not what.startswith(_OWN_EVENTS):
            reach.classes[what] = reach.classes.get(what, 0.0) + float(part)
    return reach


def united(parts: list[Reach]) -> Reach:
    """The tests of one invariant together; of a class that several have, the largest share."""
    whole = Reach(exhausted=bool(parts) and all(part.exhausted for part in parts))
    for part in parts:
        whole.runs += part.runs
        whole.discarded += part.discarded
        whole.seconds += part.seconds
        for what, share in part.classes.items():
            whole.classes[what] = max(share, whole.classes.get(what, 0.0))
    return whole


def number_of(test: str) -> int | None:
    """The invariant that a test is named after; None: after none."""
    found = re.search(r"::test_invariant_(\d+)", test)
    return int(found[1]) if found else None


def files() -> dict[int, set[str]]:
    """By invariant, the files with tests named after it."""
    found: dict[int, set[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number in _NAME.findall(path.read_text("utf-8")):
            found.setdefault(int(number), set()).add(str(path.relative_to(ROOT)))
    return found


def mutants() -> dict[int, list[Path]]:
    """By invariant, its mutants."""
    found: dict[int, list[Path]] = {}
    for path in sorted(MUTANTS.glob("*.patch")):
        found.setdefault(int(path.name[:2]), []).append(path)
    return found


def pytest(folder: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Tests of the tree in *folder*, with arguments *more* for pytest."""
    variables = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", *more]
    return subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)

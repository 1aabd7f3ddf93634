"""Does each property reach its case? Break the core on purpose, one small patch at a time, and see.

Each patch in ``mutants/`` is named after an invariant, and the tests named after that invariant must
fail with it. Prints a table (how the untouched core fared, and whether the mutant was killed), and
exits with 1 when a mutant survives, a patch does not apply, or an invariant has no mutant.
Uses git to apply patches. Run from anywhere: ``python tests/property/run_mutants.py [NN ...]``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = ROOT / "tests" / "property" / "mutants"
MAX_LINES = 5
TIMEOUT_S = 300

_TEST = re.compile(r"^(\S+::test_invariant_(\d+)\w*):$", re.MULTILINE)
_RUNS = re.compile(r"(\d+) passing, (\d+) failing, and (\d+) invalid")
_EVENT = re.compile(r"\* ([\d.]+)%, (.+)")


@dataclass
class Reach:
    """What the tests of one invariant saw of the untouched core.

    Attributes:
        runs, discarded: examples that ran, and that Hypothesis threw away.
        classes: share of the examples in each class, in percent.
    """

    runs: int = 0
    discarded: int = 0
    classes: Counter[str] = field(default_factory=Counter)


@dataclass
class Result:
    """What became of one mutant: killed, SURVIVED, or why it says nothing."""

    name: str
    verdict: str


def main(only: list[str]) -> int:
    """Print the table; 1 when something survived."""
    patches = [path for path in sorted(MUTANTS.glob("*.patch")) if not only or path.name[:2] in only]
    reached = _reach(_pytest(ROOT, "-k", "test_invariant", "--hypothesis-show-statistics").stdout)
    with ThreadPoolExecutor(max_workers=2) as pool:
        results = list(pool.map(_try, patches))
    lines = [f"{'mutant':44}{'':12}{'examples':>9}{'discarded':>10}  share of examples by class"]
    for result in results:
        reach = reached.get(result.name[:2], Reach())
        share = reach.discarded / max(reach.runs + reach.discarded, 1)
        classes = ", ".join(f"{what} {part:.0f} %" for what, part in reach.classes.most_common(6))
        lines.append(f"{result.name:44}{result.verdict:12}{reach.runs:9}{share:10.1%}  {classes}")
    bad = [result.name for result in results if result.verdict != "killed"]
    bad += [f"{number} has no mutant" for number in reached if not only and number not in _numbers(patches)]
    bad += [f"{result.name}: no test ran" for result in results if result.name[:2] not in reached]
    killed = sum(result.verdict == "killed" for result in results)
    lines += [f"{len(results)} mutants, {killed} killed", *(f"! {item}" for item in bad)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if bad else 0


def _numbers(patches: list[Path]) -> set[str]:
    return {path.name[:2] for path in patches}


def _try(patch: Path) -> Result:
    """Apply *patch* to a copy of the tree and run the tests of its invariant."""
    lines = [line for line in patch.read_text().splitlines() if re.match(r"[+-](?![+-]{2} )", line)]
    if sum(line[0] == "+" for line in lines) > MAX_LINES or sum(line[0] == "-" for line in lines) > MAX_LINES:
        return Result(patch.stem, "TOO LONG")
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        for name in ("router", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        applied = subprocess.run(
            ["git", "apply", "--recount", str(patch)], cwd=copy, capture_output=True, check=False
        )
        if applied.returncode:
            return Result(patch.stem, "NO FIT")
        ran = _pytest(copy, "-x", "-k", f"test_invariant_{patch.name[:2]}")
    if ran.returncode == 1 and " error" not in ran.stdout.splitlines()[-1]:
        return Result(patch.stem, "killed")
    return Result(patch.stem, "SURVIVED" if ran.returncode == 0 else "BROKEN")


def _pytest(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """The property tests of the tree in *folder*, under the ci profile."""
    environment = {**os.environ, "CI": "1", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "tests/property", "-p", "no:cacheprovider", "--tb=no", *more]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def _reach(statistics: str) -> dict[str, Reach]:
    """By invariant, what Hypothesis reports of its tests."""
    found: dict[str, Reach] = {}
    blocks = re.split(_TEST, statistics)
    for number, block in zip(blocks[2::3], blocks[3::3], strict=True):
        reach = found.setdefault(number, Reach())
        for passing, failing, invalid in _RUNS.findall(block):
            reach.runs += int(passing) + int(failing)
            reach.discarded += int(invalid)
        for part, what in _EVENT.findall(block):
            reach.classes[what] += float(part)  # type: ignore[assignment]  # A Counter for most_common.
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Does each property reach its case? Break the code on purpose, one small patch at a time, and see.

Each patch in ``mutants/`` is named after an invariant, and the tests named after that invariant must
fail with it. Prints a table (how the untouched code fared, and whether the mutant was killed), and
exits with 1 when a mutant survives, a patch does not apply, or an invariant has no mutant.
Uses git to apply patches. Run from anywhere: ``python tests/property/run_mutants.py [NN ...]``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.property.reach import ROOT, Reach, files, mutants, number_of, pytest, read, united

MAX_LINES = 5


@dataclass
class Result:
    """What became of one mutant: killed, SURVIVED, or why it says nothing."""

    name: str
    verdict: str


def main(only: list[str]) -> int:
    """Print the table; 1 when something survived."""
    wanted = {int(number) for number in only}
    held = {number: where for number, where in files().items() if not wanted or number in wanted}
    patches = [
        path for number, paths in mutants().items() if not wanted or number in wanted for path in paths
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        reaching = pool.submit(_reached, held)
        results = list(pool.map(lambda patch: _told(_try(patch, held)), patches))
    reached = reaching.result()
    lines = [f"{'mutant':48}{'':12}{'examples':>9}{'discarded':>10}  share of examples by class"]
    for result in results:
        reach = reached.get(int(result.name[:2]), Reach())
        classes = ", ".join(f"{what} {part:.0f} %" for what, part in reach.commonest()[:6])
        share = reach.share_discarded()
        lines.append(f"{result.name:48}{result.verdict:12}{reach.runs:9}{share:10.1%}  {classes}")
    bad = [result.name for result in results if result.verdict != "killed"]
    bad += [f"{number:02} has no mutant" for number in held if number not in mutants()]
    bad += [f"{number:02}: no example ran" for number in held if number not in reached]
    killed = sum(result.verdict == "killed" for result in results)
    lines += [f"{len(results)} mutants, {killed} killed", *(f"! {item}" for item in bad)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if bad else 0


def _told(result: Result) -> Result:
    """Say at once what became of a mutant: all of them take minutes."""
    sys.stderr.write(f"{result.verdict:9} {result.name}\n")
    return result


def _reached(held: dict[int, set[str]]) -> dict[int, Reach]:
    """By invariant, what its tests saw of the untouched code."""
    where = sorted(set().union(*held.values()))
    ran = pytest(ROOT, *where, "-k", "test_invariant", "--hypothesis-show-statistics", CI="1")
    parts: dict[int, list[Reach]] = {}
    for name, reach in read(ran.stdout).items():
        number = number_of(name)
        if number is not None:
            parts.setdefault(number, []).append(reach)
    return {number: united(reaches) for number, reaches in parts.items()}


def _try(patch: Path, held: dict[int, set[str]]) -> Result:
    """Apply *patch* to a copy of the tree and run the tests of its invariant."""
    lines = [line for line in patch.read_text("utf-8").splitlines() if re.match(r"[+-](?![+-]{2} )", line)]
    if sum(line[0] == "+" for line in lines) > MAX_LINES or sum(line[0] == "-" for line in lines) > MAX_LINES:
        return Result(patch.stem, "TOO LONG")
    number = int(patch.name[:2])
    if number not in held:
        return Result(patch.stem, "NO TEST")
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
        # Whether it is found is asked, not what its smallest case is.
        only = ("-x", "-k", f"test_invariant_{number:02}", "--hypothesis-profile", "mutants")
        ran = pytest(copy, *sorted(held[number]), *only)
    if ran.returncode == 1 and " error" not in ran.stdout.splitlines()[-1]:
        return Result(patch.stem, "killed")
    return Result(patch.stem, "SURVIVED" if ran.returncode == 0 else "BROKEN")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

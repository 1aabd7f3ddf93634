"""Run every property for at least 20,000 examples, a million in all, and write docs/proof.md.

Each test runs in a process of its own, two at a time, under the profile ``million`` with one seed for
all, and what came of it is kept in ``build/proof.json``; so the run may be interrupted, or done in parts
(``python tests/property/prove.py NN ...``, ``machines`` for the state machines), and goes on where it
was. A change of a file makes void what is kept of the tests that load it, and of those that start processes.
Exits with 1 when a test fails or has had too few examples.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.property import loaded
from tests.property.loaded import every
from tests.property.page import page
from tests.property.reach import ROOT, Reach, files, number_of, pytest, read

if TYPE_CHECKING:
    from collections.abc import Iterable

KEPT = ROOT / "build" / "proof.json"
PAGE = ROOT / "docs" / "proof.md"
LEAST = 20_000
IN_ALL = 1_000_000
JOBS = 2
MACHINES = "machines"
_MACHINES = ("tests/property/test_limits.py", "tests/property/test_machines.py")
_SHOWN = 10


@dataclass
class Proof:
    """What is kept of a run.

    Attributes:
        seed: of Hypothesis.
        tests: what each test saw, by its name for pytest.
        failed: names of tests that failed.
        loaded: by the test's name the files of the tree that it ran, its own among them.
        code: by the test's name a digest of these, as they were.
    """

    seed: int
    tests: dict[str, Reach] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    loaded: dict[str, list[str]] = field(default_factory=dict)
    code: dict[str, str] = field(default_factory=dict)

    def save(self) -> None:
        """Keep it."""
        KEPT.parent.mkdir(exist_ok=True)
        fresh = KEPT.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=1), "utf-8")
        fresh.replace(KEPT)


def main() -> int:
    """Run what is wanted and not yet done; write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("only", nargs="*", help=f"numbers of invariants, or {MACHINES}; nothing: all")
    parser.add_argument("--examples", type=int, default=LEAST, help="of each test; fewer prove nothing")
    parser.add_argument("--seed", type=int, help="for Hypothesis; drawn when absent")
    given = parser.parse_args()
    proof = _begun(given.seed)
    tests = _tests({MACHINES if item == MACHINES else int(item) for item in given.only})
    todo = [
        name for name in tests if name in proof.failed or not _enough(proof.tests.get(name), given.examples)
    ]
    sys.stdout.write(f"seed {proof.seed}; {len(todo)} of {len(tests)} tests to run\n")
    lock = threading.Lock()
    with ThreadPoolExecutor(max_workers=JOBS) as pool:
        list(pool.map(lambda name: _run(name, proof, given.examples, lock), todo))
    everything = _tests(set())
    PAGE.write_text(page(proof.tests, everything, _head(proof, everything)), "utf-8")
    missing = _missing(proof, everything if not given.only else tests)
    sys.stdout.write("".join(f"! {item}\n" for item in missing[:_SHOWN]))
    sys.stdout.write(f"! and {len(missing) - _SHOWN} more\n" if missing[_SHOWN:] else "")
    return 1 if missing else 0


# --- running


def _begun(seed: int | None) -> Proof:
    """What is kept of this code, and of this seed if one is given; else nothing yet."""
    try:
        kept: dict[str, Any] = json.loads(KEPT.read_text("utf-8"))
    except FileNotFoundError:
        kept = {"seed": secrets.randbelow(2**32) if seed is None else seed, "loaded": {}}
    if seed not in (None, kept["seed"]):
        return Proof(seed)
    valid = [name for name, files in kept["loaded"].items() if kept["code"][name] == _digest(files)]
    return Proof(
        seed=kept["seed"],
        tests={name: Reach(**kept["tests"][name]) for name in valid},
        failed=[name for name in kept.get("failed", ()) if name in valid],
        loaded={name: kept["loaded"][name] for name in valid},
        code={name: kept["code"][name] for name in valid},
    )


def _digest(files: Iterable[str]) -> str:
    """Of *files*, as they are on the disk."""
    whole = hashlib.sha256()
    for name in sorted(files):
        path = ROOT / name
        whole.update(name.encode() + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return whole.hexdigest()[:12]


def _commit() -> str:
    """What is checked out, as git calls it."""
    described = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def _tests(wanted: set[int | str]) -> list[str]:
    """The tests of the *wanted* invariants, or of all; by their names for pytest."""
    where = sorted(set().union(*files().values()) | set(_MACHINES))
    listed = pytest(ROOT, *where, "--collect-only").stdout.splitlines()
    names = [line for line in listed if number_of(line) is not None or line.endswith("::runTest")]
    return [name for name in names if not wanted or (number_of(name) or MACHINES) in wanted]


def _enough(reach: Reach | None, least: int) -> bool:
    """Whether a test needs no further run: it had its examples, all there are, or has none to draw."""
    return reach is not None and (reach.runs >= least or reach.exhausted)


def _run(name: str, proof: Proof, examples: int, lock: threading.Lock) -> None:
    began, before = time.monotonic(), {file: _digest([file]) for file in every()}
    options = ("--hypothesis-profile", "million", f"--hypothesis-seed={proof.seed}", "-p", loaded.__name__)
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as told:
        variables = {"ROUTER_TEST_EXAMPLES": str(examples), loaded.WHERE: told.name}
        ran = pytest(ROOT, name, *options, "--hypothesis-show-statistics", **variables)
        files = told.read().split() or every()
    seconds = time.monotonic() - began
    changed = [file for file in files if before.get(file) != _digest([file])]
    with lock:
        # A test that draws nothing reports nothing: it had all its cases.
        proof.tests[name] = read(ran.stdout).get(name, Reach(exhausted=True, seconds=seconds))
        proof.loaded[name] = files
        proof.code[name] = "" if changed else _digest(files)  # Of what changed meanwhile nothing is shown.
        proof.failed = sorted({*proof.failed, name} if ran.returncode else {*proof.failed} - {name})
        proof.save()
        verdict = "FAILED" if ran.returncode else f"{proof.tests[name].runs} examples"
        sys.stdout.write(f"{seconds:7.1f} s  {verdict:16}{name}\n")
        if ran.returncode:
            sys.stdout.write(ran.stdout[-4000:] + ran.stderr[-4000:])
        sys.stdout.flush()


def _missing(proof: Proof, tests: list[str]) -> list[str]:
    """What the run lacks to be a proof; nothing: it is one."""
    lacks = [f"{name} failed" for name in proof.failed]
    for name in tests:
        reach = proof.tests.get(name)
        if reach is None or not _enough(reach, LEAST):
            lacks.append(f"{name}: {reach.runs if reach else 0:,} examples, fewer than {LEAST:,}")
    total = sum(reach.runs for reach in proof.tests.values())
    if not lacks and len(tests) == len(proof.tests) and total < IN_ALL:
        lacks.append(f"{total:,} examples in all, fewer than {IN_ALL:,}")
    return lacks


def _head(proof: Proof, tests: list[str]) -> dict[str, str]:
    """What the page begins with."""
    lacks = _missing(proof, tests)
    total = sum(reach.runs for reach in proof.tests.values())
    seconds = sum(reach.seconds for reach in proof.tests.values())
    end = f"**not complete**: {len(lacks)} of {len(tests)} tests lack examples" if lacks else "complete"
    return {
        "examples": f"**{total:,}**, {len(proof.failed)} tests failed; {end}",
        "seed": f"`{proof.seed}` (`python tests/property/prove.py --seed {proof.seed}` repeats it)",
        "code": f"commit `{_commit()}`",
        "tests": f"{len(proof.tests)}, {JOBS} at a time, {seconds / 60:.0f} minutes of computing",
    }


if __name__ == "__main__":
    sys.exit(main())

"""Would a test notice? Break the core in every small way that can be named, and run its tests.

Functions are broken by mutmut (``[tool.mutmut]`` in pyproject.toml), tables by ``tables.py``. Prints a
row for each file. Exits with 1 when fewer than 95 % are killed, or when a survivor stands in
``survivors.toml`` without a reason, or not at all. Time-outs are counted apart: neither killed nor
survived. What no test reaches counts as survived.

Run by ``make mutation``, for single files by ``make mutation ONLY=router/core/health.py``.
"""

from __future__ import annotations

import argparse
import ast
import fnmatch
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.mutation.tables import changes  # noqa: E402 - found by the line above
from tests.mutation.trial import run_tests  # noqa: E402 - likewise

LEAST_PERCENT = 95.0
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutmut"]
TESTS = SETTINGS["pytest_add_cli_args_test_selection"]
SURVIVORS = ROOT / "tests" / "mutation" / "survivors.toml"
_RESULT = re.compile(r"^ *(\S+): ([a-z ]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Mutant:
    """One broken version of a file, and what became of it.

    Attributes:
        file: from the root of the repository.
        was, now: the changed line, or lines, in one line each; "" for a killed one of mutmut's.
        verdict: ``killed``, ``survived``, ``no tests``, ``timeout`` or another word of mutmut's.
    """

    file: str
    was: str
    now: str
    verdict: str

    @property
    def alive(self) -> bool:
        """Whether the tests have nothing to say against it."""
        return self.verdict not in ("killed", "timeout")


def main() -> int:
    """Print the table; 1 when something survived that should not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("files", nargs="*", help="files to break; default: all of [tool.mutmut]")
    parser.add_argument("--workers", type=int, default=2, help="processes at a time; default: %(default)s")
    options = parser.parse_args()
    begin = time.monotonic()
    files = [str(Path(name)) for name in options.files] or _all_files()
    mutants = break_functions(files, options.workers) + break_tables(files, options.workers)
    _print_table(mutants, time.monotonic() - begin)
    return _judge(mutants, whole=not options.files)


def _all_files() -> list[str]:
    found = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "router").rglob("*.py"))
    return [name for name in found if any(fnmatch.fnmatch(name, only) for only in SETTINGS["only_mutate"])]


# --- functions: mutmut


def break_functions(files: list[str], workers: int) -> list[Mutant]:
    """The mutants that mutmut makes of *files*, each tried."""
    modules = {name.removesuffix(".py").replace("/", "."): name for name in files if _has_functions(name)}
    if not modules:
        return []
    sys.stderr.write("functions: mutmut runs; a file takes about a minute\n")
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)  # Its memory does not see that a test changed.
    _mutmut("run", "--max-children", str(workers), *(f"{module}.*" for module in modules))
    made = []
    for name, verdict in _RESULT.findall(_mutmut("results", "--all", "true")):
        file = modules.get(name.rpartition(".")[0])
        if file is None:
            continue
        lines = _mutmut("show", name).splitlines() if verdict not in ("killed", "timeout") else []
        was, now = (
            " ".join(
                " ".join(line[1:] for line in lines if re.match(rf"[{sign}](?![{sign}]{{2}} )", line)).split()
            )
            for sign in ("-", "+")
        )
        made.append(Mutant(file, was, now, verdict))
    return made


def _has_functions(file: str) -> bool:
    """Whether mutmut finds anything in *file*; it refuses to be asked for nothing."""
    tree = ast.parse((ROOT / file).read_text())
    return any(isinstance(node, ast.FunctionDef) and not node.decorator_list for node in ast.walk(tree))


def _mutmut(*arguments: str) -> str:
    ran = subprocess.run(
        [str(Path(sys.executable).parent / "mutmut"), *arguments],
        cwd=ROOT,
        # It puts its copy before what is installed; a path to the original would stand in its way.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ran.returncode:
        sys.exit(f"mutmut {arguments[0]} failed:\n{ran.stdout[-4000:]}{ran.stderr[-4000:]}")
    return ran.stdout


# --- tables: ours


def break_tables(files: list[str], workers: int) -> list[Mutant]:
    """The mutants that ``tables.py`` makes of *files*, each tried in a copy of the tree."""
    trees: queue.SimpleQueue[Path] = queue.SimpleQueue()

    def tried(file: str, was: str, now: str, source: str) -> Mutant:
        tree = trees.get()
        try:
            return Mutant(file, was, now, _verdict(tree, file, source))
        finally:
            trees.put(tree)

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(workers) as pool:
        for number in range(workers):
            trees.put(_copy(Path(folder) / str(number)))
        jobs = [
            pool.submit(tried, file, change.was, change.now, change.source)
            for file in files
            for change in changes((ROOT / file).read_text())
        ]
        return [_told(number, len(jobs), job.result()) for number, job in enumerate(jobs, 1)]


def _told(number: int, count: int, mutant: Mutant) -> Mutant:
    if mutant.alive or number % 50 == 0 or number == count:
        change = f"  {mutant.verdict}: {mutant.was} => {mutant.now}" if mutant.alive else ""
        sys.stderr.write(f"tables: {number} of {count}{change}\n")
    return mutant


def _copy(tree: Path) -> Path:
    """A copy of what the tests need, and the proof that they pass there and test the copy."""
    for name in ("router", "tests", *SETTINGS["also_copy"]):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tree)
    if _tests(tree, TESTS, keep_bytecode=True) != "survived":
        sys.exit("the tests of the core fail on the core as it is")
    if _verdict(tree, "router/core/__init__.py", "raise ImportError\n") != "killed":
        sys.exit("the tests import another router than the copy that is to be broken")
    return tree


def _verdict(tree: Path, file: str, source: str) -> str:
    """What the tests say when *file* reads *source*: its own tests first, then all of the core's."""
    untouched = (tree / file).read_text()
    (tree / file).write_text(source)
    own = sorted(str(path.relative_to(tree)) for path in tree.glob(f"tests/*/test_{Path(file).stem}.py"))
    try:
        verdict = _tests(tree, own) if own else "survived"
        return _tests(tree, TESTS) if verdict == "survived" else verdict
    finally:
        (tree / file).write_text(untouched)


def _tests(tree: Path, tests: list[str], *, keep_bytecode: bool = False) -> str:
    arguments = ["-x", "--tb=no", *SETTINGS["pytest_add_cli_args"], *tests]
    return run_tests(tree, arguments, keep_bytecode=keep_bytecode)


# --- the verdict


def _print_table(mutants: list[Mutant], seconds: float) -> None:
    by_file: dict[str, Counter[str]] = {}
    for mutant in mutants:
        by_file.setdefault(mutant.file, Counter())[mutant.verdict] += 1
    total = sum(by_file.values(), Counter())
    head = (
        f"{'file':28}{'mutants':>9}{'killed':>9}{'survived':>9}{'no tests':>9}{'timed out':>10}{'killed':>9}"
    )
    lines = [head, *(_row(file, counts) for file, counts in sorted(by_file.items())), _row("all", total)]
    sys.stdout.write("\n".join([*lines, f"{seconds:.0f} s", ""]))


def _row(file: str, counts: Counter[str]) -> str:
    killed, untested, late = counts["killed"], counts["no tests"], counts["timeout"]
    survived = counts.total() - killed - untested - late  # Or whatever else mutmut says that is no kill.
    numbers = f"{counts.total():9}{killed:9}{survived:9}{untested:9}{late:10}"
    return f"{file:28}{numbers}{_percent(counts):8.1f}%"


def _percent(counts: Counter[str]) -> float:
    """Killed, of all that did not time out."""
    return 100 * counts["killed"] / max(1, counts.total() - counts["timeout"])


def _entry(mutant: Mutant) -> str:
    """*mutant* as survivors.toml lists it, the reason left open."""
    rows = [f"{name} = '''{getattr(mutant, name)}'''" for name in ("file", "was", "now")]
    return "\n".join(["[[survivor]]", *rows, 'why = ""', ""])


def _judge(mutants: list[Mutant], *, whole: bool) -> int:
    listed = {
        (entry["file"], entry["was"], entry["now"]): entry.get("why", "")
        for entry in tomllib.loads(SURVIVORS.read_text()).get("survivor", [])
    }
    alive = {(mutant.file, mutant.was, mutant.now): mutant for mutant in mutants if mutant.alive}
    bad = 0
    for key, mutant in alive.items():
        if not listed.get(key):
            bad += 1
            sys.stdout.write(f"\n# {mutant.verdict}, and no reason in survivors.toml:\n{_entry(mutant)}")
    for file, was, now in listed.keys() - alive.keys() if whole else ():
        sys.stdout.write(f"\n# Does not survive any more: {file}: {was} => {now}\n")
    percent = _percent(Counter(mutant.verdict for mutant in mutants))
    reasons = [f"{bad} survivors without a reason"] if bad else []
    if percent < LEAST_PERCENT:
        reasons.append(f"{percent:.1f} % killed, fewer than {LEAST_PERCENT:.0f} %")
    sys.stdout.write(f"\n{'; '.join(reasons) or 'fine'}\n")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())

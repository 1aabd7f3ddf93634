"""One run of the tests on a copy of the tree, in a process that has the libraries loaded already.

To start Python and to import pytest, Hypothesis and the SDK takes a second, the tests that kill most
mutants a tenth of that. So a server imports them once and forks for each run. It imports nothing of
``router``: that is what each run must find in its own copy.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TIMEOUT_S = 60
"""A change of a table may keep the tests busy for so long; untouched they take five seconds."""

_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    ["__main__", "pytest", "hypothesis.stateful", "hypothesis.strategies", "orjson", "openai.types.chat"]
)


def run_tests(tree: Path, arguments: Sequence[str], *, keep_bytecode: bool = False) -> str:
    """Run pytest in *tree* with *arguments*: ``killed`` when it fails, ``survived``, or ``timeout``.

    Args:
        tree: a copy of the repository.
        arguments: pytest's.
        keep_bytecode: whether compiled modules are kept for later runs; only of an unbroken tree.
    """
    trial = _SERVER.Process(target=_run, args=(str(tree), list(arguments), keep_bytecode))
    trial.start()
    trial.join(TIMEOUT_S)
    if trial.exitcode is None:
        trial.kill()
        trial.join()
        return "timeout"
    return "killed" if trial.exitcode else "survived"


def _run(tree: str, arguments: list[str], keep_bytecode: bool) -> None:
    os.chdir(tree)
    sys.path.insert(0, tree)  # Before whatever router is installed.
    sys.dont_write_bytecode = not keep_bytecode
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.dup2(nowhere, sys.stderr.fileno())
    # Hypothesis was imported before pytest could rewrite its assertions; nobody reads them here.
    sys.exit(pytest.main(["-Wignore::pytest.PytestAssertRewriteWarning", *arguments]))

"""A plugin for pytest: which files of the tree the tests of a run loaded, for ``prove.py``.

They are written, one a line, to the file that ``ROUTER_TEST_LOADED`` names. Where a test started another
process, what that loaded is not known: then it is every file.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WHERE = "ROUTER_TEST_LOADED"
_STARTS = ("subprocess.Popen", "os.fork", "os.posix_spawn", "os.exec")


class _Started:
    """Whether another process was started."""

    yes = False

    def hear(self, what: str, _arguments: object) -> None:
        self.yes = self.yes or what in _STARTS


_started = _Started()


def every() -> list[str]:
    """Every file of code of the tree, from its root."""
    paths = [path for folder in ("router", "tests") for path in (ROOT / folder).rglob("*.py")]
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def pytest_configure() -> None:
    """From now on, listen."""
    sys.addaudithook(_started.hear)


def pytest_sessionfinish() -> None:
    """Write what was loaded."""
    ours = set(every())
    names = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    loaded = {os.path.relpath(name, ROOT) for name in names if name.startswith(f"{ROOT}{os.sep}")}
    found = ours if _started.yes else loaded & ours
    Path(os.environ[WHERE]).write_text("\n".join(sorted(found)), "utf-8")

"""Loads pyreqwest, in a thread that lasts as long as the process.

Its allocator, mimalloc 3.3, holds the thread that loads it for the process's main one. Once that thread has
ended, a later one at the same address finds no heap, and the process dies of a segmentation fault: so it was
with two routers used synchronously, one after the other, whose loops had a thread each. mimalloc's issues
1287 and 1356 tell of it; pyreqwest 0.12 to 0.15.1 are built with that version.

A forked child has one thread, and that need not be the one that loaded it: there the first call into it may
be the last. So a child leaves alone what was loaded before the fork, by whomever and used or not. Only who
loaded it in the main thread, never used it, and forked from there too could have gone on with it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading


class _Process:
    """What is per process: whether pyreqwest was loaded before the fork that made it."""

    inherited = False


def inherited_pyreqwest() -> bool:
    """Whether this process was forked from one that had loaded pyreqwest, and so may never call into it."""
    return _Process.inherited


def load_pyreqwest() -> None:
    """Import pyreqwest, if nobody has yet.

    Raises:
        ImportError: it is not installed, or cannot be loaded.
    """
    if "pyreqwest" in sys.modules or threading.current_thread() is threading.main_thread():
        importlib.import_module("pyreqwest.client")
        return
    loaded = threading.Event()
    threading.Thread(target=_load_and_stay, args=(loaded,), name="router-pyreqwest", daemon=True).start()
    loaded.wait()
    importlib.import_module("pyreqwest.client")  # Raises what was in the way there.


def _load_and_stay(loaded: threading.Event) -> None:
    try:
        importlib.import_module("pyreqwest.client")
    except ImportError:
        return
    finally:
        loaded.set()
    threading.Event().wait()


def _after_fork() -> None:
    _Process.inherited = "pyreqwest" in sys.modules


if hasattr(os, "register_at_fork"):  # It is told of every fork; a process's id does not tell who loaded what.
    os.register_at_fork(after_in_child=_after_fork)

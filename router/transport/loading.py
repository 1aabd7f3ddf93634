"""Loads pyreqwest, in a thread that lasts as long as the process.

Its allocator, mimalloc 3.3, holds the thread that loads it for the process's main one. Once that thread has
ended, a later one at the same address finds no heap, and the process dies of a segmentation fault: so it was
with two routers used synchronously, one after the other, whose loops had a thread each. mimalloc's issues
1287 and 1356 tell of it; pyreqwest 0.12 to 0.15.1 are built with that version.
"""

from __future__ import annotations

import importlib
import sys
import threading


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

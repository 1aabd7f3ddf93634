"""The decision log: lines that a thread of its own writes, so that no request ever waits for a disk.

What cannot be written, or comes faster than it is written, is dropped, counted and said: in the next line
that is written, and as a warning. Several processes may write the same file.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import secrets
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from router.telemetry.logged import LoggedRequest

MAX_LINE_BYTES = 256 * 1024
"""A longer line is written without its decision; if that is not enough, it is dropped."""
MAX_WAITING = 4_096
"""Lines that may wait to be written; further ones are dropped."""
MAX_PARTS = 100_000
"""Targets and params that may wait to be written, in all decisions; further lines go without theirs.

One takes a few hundred bytes, so that all take tens of megabytes.
"""
_BATCH = 256
_WARN_S = 60.0
_CLOSE_S = 2.0
"""Seconds that closing waits for what is still to be written."""


class DecisionLog:
    """Writes one router's lines.

    Args:
        path: the file; made when it is not there, readable by its owner alone.
        max_bytes: beyond it the file is set aside.
        keep: how many files that were set aside are kept.
        warn: told how many lines were dropped, and why; at most once a minute, by the writing thread.
        decisions: whether lines are to hold what ``explain`` says.

    Attributes:
        process: whose lines they are.
        decisions: as given.
        dropped: how many lines were dropped so far.

    Raises:
        OSError: the file cannot be opened for writing.
    """

    def __init__(
        self,
        path: str,
        max_bytes: int,
        keep: int,
        warn: Callable[[int, str], None],
        *,
        decisions: bool = False,
    ) -> None:
        self.decisions = decisions
        self._file = _File(Path(path), max_bytes, keep)
        self._file.check()
        self._warn = warn
        self._begin()

    def _begin(self) -> None:
        """Begin anew: in this process nothing has been written, and nobody writes."""
        self.process = secrets.token_hex(6)
        self.dropped = 0
        self._pid = os.getpid()
        self._count = itertools.count(1)
        self._waiting: deque[LoggedRequest] = deque()
        self._parts = 0
        self._wake = threading.Event()
        self._closing = False
        self._counting = threading.Lock()
        self._told, self._warned_at, self._lost = 0, float("-inf"), 0
        self._why = ""
        self._thread = threading.Thread(target=self._run, name="router-decisions", daemon=True)
        self._thread.start()

    def number(self) -> tuple[str, int]:
        """The process, and the number in it, of the request that begins."""
        if os.getpid() != self._pid:  # A fork has no threads of its parent.
            self._begin()
        return self.process, next(self._count)

    def put(self, line: LoggedRequest) -> None:
        """Write *line* by and by; never waits, never fails."""
        if self._closing or len(self._waiting) >= MAX_WAITING:
            self._drop("it is closed" if self._closing else "the disk is too slow")
            return
        parts = _parts(line)
        with self._counting:
            if self._parts + parts > MAX_PARTS:
                line.decision, parts = None, 0
            self._parts += parts
        self._waiting.append(line)
        self._wake.set()

    def close(self) -> None:
        """Write what waits, as far as that takes no longer than two seconds. Twice is fine."""
        self._closing = True
        self._wake.set()
        if self._pid == os.getpid():
            self._thread.join(_CLOSE_S)

    def _drop(self, why: str, lines: int = 1) -> None:
        with self._counting:
            self.dropped += lines
            self._lost += lines
            self._why = why

    # --- the thread

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing
            while self._waiting:
                lines = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
                with self._counting:
                    self._parts -= sum(map(_parts, lines))
                self._write(lines)
            self._tell()
            if closing:
                self._file.close()
                return

    def _write(self, lines: list[LoggedRequest]) -> None:
        with self._counting:
            told, self._lost = self._lost, 0
        lines[0].lost = told
        texts = [text for line in lines if (text := self._text(line)) is not None]
        try:
            self._file.write(b"".join(texts))
        except OSError as error:
            with self._counting:
                self._lost += told
            self._drop(error.strerror or "it cannot be written", len(texts))

    def _text(self, line: LoggedRequest) -> bytes | None:
        try:
            text = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        except TypeError:  # Something of it is no JSON: half a surrogate pair in a name.
            self._drop("a line is no JSON")
            return None
        if len(text) > MAX_LINE_BYTES and line.decision is not None:
            line.decision = None  # What a replay needs is worth more than what it can find out again.
            return self._text(line)
        if len(text) > MAX_LINE_BYTES:
            self._drop("a line is too long")
            return None
        return text

    def _tell(self) -> None:
        news, now = self.dropped - self._told, time.monotonic()
        if news and now - self._warned_at >= _WARN_S:
            self._told, self._warned_at = self.dropped, now
            with contextlib.suppress(Exception):  # A log pipeline of the host's must not end this thread.
                self._warn(news, self._why)


def _parts(line: LoggedRequest) -> int:
    """How much a line's decision holds: targets, and what is said of their params."""
    if line.decision is None:
        return 0
    targets = [target for group in line.decision.chain for target in group.targets]
    return sum(1 + len(target.params) + len(target.ledger) for target in targets)


class _File:
    """The file, and those set aside. No lock: each write is one append, and each name has one maker."""

    def __init__(self, path: Path, max_bytes: int, keep: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._handle: int | None = None

    def check(self) -> None:
        """Whether it can be written.

        Raises:
            OSError: it cannot.
        """
        os.close(self._open())

    def write(self, data: bytes) -> None:
        """Append *data*.

        Raises:
            OSError: it cannot be written, or not all of it; it is opened anew next time.
        """
        if not data:
            return
        try:
            self._append(data)
        except OSError:
            self.close()
            raise

    def _append(self, data: bytes) -> None:
        handle = self._current()
        size = os.fstat(handle).st_size
        if size and size + len(data) > self._max_bytes:
            self._set_aside()
            handle = self._current()
        if os.write(handle, data) < len(data):
            os.write(handle, b"\n")  # What follows must not stand on the line that was cut off.
            raise OSError(errno.ENOSPC, "not all of a line could be written")

    def close(self) -> None:
        """Close the handle."""
        handle, self._handle = self._handle, None
        if handle is not None:
            with contextlib.suppress(OSError):
                os.close(handle)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _current(self) -> int:
        """A handle of the file that has the name now: another process may have set the last one aside."""
        if self._handle is not None:
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(self._handle), self._path.stat()):
                    return self._handle
            self.close()
        self._handle = self._open()
        return self._handle

    def _set_aside(self) -> None:
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        self._path.rename(f"{self._path}.{now}-{os.getpid()}")
        self.close()
        for old in self._too_many(self._path.parent.glob(f"{_literal(self._path.name)}.*Z-*")):
            with contextlib.suppress(FileNotFoundError):  # Another process was faster.
                old.unlink()

    def _too_many(self, files: Iterable[Path]) -> list[Path]:
        newest_first = sorted(files, reverse=True)
        return newest_first[self._keep :]


def _literal(name: str) -> str:
    """*name* as a pattern that matches itself alone."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)

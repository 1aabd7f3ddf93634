"""The decision log: bounded in every way, and never in a request's way."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from router import Router
from router.telemetry import decision_log
from router.telemetry.decision_log import DecisionLog
from router.telemetry.logged import LoggedAsk, LoggedRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from router.telemetry.decisions import Decision


def _line(log: DecisionLog, model: str = "m") -> LoggedRequest:
    process, seq = log.number()
    return LoggedRequest(
        process=process,
        seq=seq,
        at="2026-03-02T09:00:00+00:00",
        started=1.0,
        request_id="req_1",
        plan="p",
        group="g",
        asked=LoggedAsk(model),
        outcome="ok",
        seconds=0.5,
    )


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


class _Warnings(list[tuple[int, str]]):
    """What was said of dropped lines."""

    def __call__(self, lines: int, why: str) -> None:
        self.append((lines, why))


@pytest.fixture
def warnings() -> _Warnings:
    return _Warnings()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


@pytest.fixture
def log(path: Path, warnings: _Warnings) -> Iterator[DecisionLog]:
    made = DecisionLog(str(path), 1024**2, 2, warnings)
    yield made
    made.close()


def test_lines_are_written_in_order(log: DecisionLog, path: Path, warnings: _Warnings) -> None:
    """What was put is in the file once the log is closed, twice if need be; only its owner reads it."""
    for _ in range(1000):
        log.put(_line(log))
    log.close()
    log.close()
    assert [line["seq"] for line in _read(path)] == list(range(1, 1001))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (log.dropped, warnings) == (0, [])


def test_files_are_set_aside_and_the_oldest_deleted(path: Path, warnings: _Warnings) -> None:
    """No file is larger than allowed, and only so many stay; lines are whole, and the newest are there."""
    neighbour = path.with_name("log.jsonl.mine")
    neighbour.write_text("not ours")
    log = DecisionLog(str(path), 4096, 2, warnings)
    for _ in range(50):
        line = _line(log)
        log.put(line)
        while log._waiting:
            time.sleep(0.001)
    log.close()
    aside = sorted(path.parent.glob("log.jsonl.*Z-*"))
    assert len(aside) == 2
    assert all(file.stat().st_size <= 4096 for file in [path, *aside])
    seqs = [line["seq"] for file in [*aside, path] for line in _read(file)]
    assert seqs == list(range(seqs[0], 51))
    assert neighbour.exists()


def test_a_file_that_another_process_set_aside_is_begun_anew(log: DecisionLog, path: Path) -> None:
    """After a rename from outside lines go to a new file of the name."""
    log.put(_line(log))
    while not path.stat().st_size:
        time.sleep(0.001)
    path.rename(path.with_suffix(".old"))
    log.put(_line(log))
    log.close()
    assert [line["seq"] for line in _read(path)] == [2]


def test_a_slow_disk_delays_nobody(
    log: DecisionLog, path: Path, warnings: _Warnings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a write hangs, putting lines returns at once; beyond the bound they are dropped, and said so."""
    monkeypatch.setattr(decision_log, "MAX_WAITING", 10)
    entered, goes_on, write = threading.Event(), threading.Event(), os.write

    def hangs(handle: int, data: bytes) -> int:
        entered.set()
        assert goes_on.wait(10)
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr("router.telemetry.decision_log.os.write", hangs)
        log.put(_line(log))
        assert entered.wait(10)
        before = time.perf_counter()
        for _ in range(25):
            log.put(_line(log))
        assert time.perf_counter() - before < 1.0
        goes_on.set()
        log.close()
    lines = _read(path)
    assert log.dropped == 15
    assert [line["seq"] for line in lines] == list(range(1, 12))
    assert [line["lost"] for line in lines] == [0, 15] + [0] * 9
    assert warnings == [(15, "the disk is too slow")]


def _decision(targets: int) -> Decision:
    """What explain says of a request whose group has so many targets."""
    config = {
        "version": 1,
        "providers": {"a": {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}},
        "models": {"m": {"targets": [f"a/m{n}" for n in range(targets)]}},
    }
    with Router.from_yaml(json.dumps(config)) as one:
        found = one.explain("m", [{"role": "user", "content": "hi"}]).decision
    assert found is not None
    return found


def test_records_that_wait_are_bounded_by_their_size(
    log: DecisionLog, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With too much of them waiting, a line goes without; once they are written there is room again."""
    monkeypatch.setattr(decision_log, "MAX_PARTS", 8)
    go = threading.Event()
    write = log._write
    monkeypatch.setattr(log, "_write", lambda lines: go.wait(10) and write(lines))
    log.put(_line(log))
    while log._waiting:
        time.sleep(0.001)  # The thread has taken it, and stands still.
    small, large = _decision(3), _decision(9)
    for record in (small, large, small, small, None):
        line = _line(log)
        line.decision = record
        log.put(line)
    go.set()
    while log._waiting:
        time.sleep(0.001)
    line = _line(log)
    line.decision = small
    log.put(line)
    log.close()
    recorded = [line["decision"] is not None for line in _read(path)]
    assert recorded == [False, True, False, True, False, False, True]
    assert log.dropped == 0


@pytest.mark.parametrize("short", [False, True])
def test_a_full_disk_costs_lines_and_nothing_else(
    log: DecisionLog, path: Path, warnings: _Warnings, monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    """Lines that cannot be written, or not whole, are counted; the next ones are written again."""
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if short and len(data) > 1:
            return write(handle, data[:10])
        if short:
            return write(handle, data)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("router.telemetry.decision_log.os.write", full)
        log.put(_line(log))
        while not log.dropped:
            time.sleep(0.001)
    log.put(_line(log))
    log.close()
    lines = path.read_bytes().splitlines()
    assert (json.loads(lines[-1])["seq"], json.loads(lines[-1])["lost"]) == (2, 1)
    assert len(lines) == 1 + short
    assert (log.dropped, warnings[0][0]) == (1, 1)


def test_a_line_that_is_too_long_or_no_json_is_dropped(log: DecisionLog, path: Path) -> None:
    """A name of a megabyte, or with half a surrogate pair, costs its line."""
    for model in ("m" * 1024**2, "\ud800", "m"):
        log.put(_line(log, model))
    log.close()
    assert [line["seq"] for line in _read(path)] == [3]
    assert log.dropped == 2


def test_a_log_that_is_closed_drops(log: DecisionLog) -> None:
    """A request that outlives its router fails no more for it."""
    log.close()
    log.put(_line(log))
    assert log.dropped == 1


def test_a_warning_that_fails_ends_nothing(path: Path, log: DecisionLog) -> None:
    """A log pipeline of the host's that raises does not end the writing."""

    def broken(_lines: int, _why: str) -> None:
        raise RuntimeError("no pipeline")

    log._warn = broken
    log.put(_line(log, "\ud800"))
    while not log.dropped:
        time.sleep(0.001)
    log.put(_line(log))
    log.close()
    assert [line["seq"] for line in _read(path)] == [2]


def test_a_directory_that_is_not_there_is_said_at_once(tmp_path: Path, warnings: _Warnings) -> None:
    """The log opens its file before any request comes."""
    with pytest.raises(FileNotFoundError):
        DecisionLog(str(tmp_path / "no" / "log.jsonl"), 1024, 1, warnings)


def test_after_a_fork_the_child_has_a_log_of_its_own(log: DecisionLog, path: Path) -> None:
    """Both processes write whole lines to the file, each under its own name and numbers."""
    log.put(_line(log))
    child = os.fork()
    if child == 0:  # pragma: no cover - the child's coverage is lost
        log.put(_line(log))
        log.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    log.put(_line(log))
    log.close()
    lines = _read(path)
    assert sorted(line["seq"] for line in lines) == [1, 1, 2]
    assert len({line["process"] for line in lines}) == 2

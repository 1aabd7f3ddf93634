"""The benchmark itself: its short form runs, its rows are made as they say, and the floor is small."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bench import __main__ as bench
from bench import baseline, configs, gateway, report, subjects
from bench.cancels import Cancels
from bench.goals import ROWS, Kind, Outcome, Row, outcome
from bench.load import Job, Run
from bench.measures import Pace, Samples, interleave
from bench.processes import NotRun, Slice

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
QUICK = Pace(rounds=1, slices=1, seconds=0.1)


def test_the_floor_is_at_most_sixty_lines() -> None:
    """What the gateway is held against stays small enough to be read at a glance."""
    assert len((ROOT / "bench" / "floor.py").read_text().splitlines()) <= 60


@pytest.fixture
def ratios(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A baseline of the test's own, and slices so short that only running is tried."""
    path = tmp_path / "baseline.json"
    monkeypatch.setattr(baseline, "PATH", path)
    monkeypatch.setattr(bench, "SHORT", QUICK)
    return path


def test_short_form(ratios: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It runs against real sockets, prints the rows of its scenarios, and takes or holds ratios."""
    assert bench.main(["--short", "--write-baseline"]) == 0
    table = capsys.readouterr().out
    for label in (
        "library call to bare httpx2, 32 at once",
        "core alone: merge, select, step … finish",
        "gateway over httpx2 to the floor, 32 connections",
        "gateway over httpx2 to the floor, a chunk, 16 events a read",
    ):
        (line,) = [line for line in table.splitlines() if line.startswith(f"| {label} |")]
        assert "not run" not in line
        assert re.search(r"\| -?[0-9.,]+ (x|µs) \|", line)
    taken = json.loads(ratios.read_text())
    assert taken.keys() <= {row.key for row in ROWS if row.guarded}
    assert "gateway-32/httpx/cpu_us over gateway-32/floor/cpu_us" in taken


def test_growth_fails(
    ratios: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ratio that has grown is measured again, its scenario alone; grown three times, it fails."""
    guarded = next(row for row in ROWS if row.guarded and row.scenario == "core")
    wanted: list[list[str]] = []
    found = iter([9.0, 9.0, 9.0, 9.0, 9.0, 1.0])

    def measured(_steps: object, names: Iterable[str], _pace: Pace) -> tuple[list[Outcome], Samples]:
        wanted.append(list(names))
        samples = Samples({guarded.of: [next(found)], guarded.over: [1.0]})
        return [outcome(guarded, samples)], samples

    monkeypatch.setattr(bench, "_measured", measured)
    ratios.write_text(json.dumps({guarded.key: 2.0}))
    assert bench.main(["--short"]) == 1
    assert f"bench: {guarded.label}: grown by more than 25%: 9.00, and it was 2.00" in capsys.readouterr().err
    assert wanted == [["library-32", "core", "gateway-32", "gateway-sse16"], ["core"], ["core"]]
    assert bench.main(["--short"]) == 0


def test_what_counts_are_the_quiet_moments(ratios: Path) -> None:
    """Noise in most rounds is no regression, on either side; a quarter more in all of them is."""
    row = Row("r", "s/a/f", "s/b/f", guarded=True)
    ratios.write_text(json.dumps({row.key: 2.0}))
    noisy = Samples({"s/a/f": [9.0, 2.4, 9.0], "s/b/f": [1.0, 4.0, 4.0]})
    slower = Samples({"s/a/f": [2.6, 2.7, 2.6], "s/b/f": [1.0, 9.0, 9.0]})
    assert baseline.broken([outcome(row, noisy)]) == {}
    said = "r: grown by more than 25%: 2.60, and it was 2.00"
    assert baseline.broken([outcome(row, slower)]) == {row.key: said}


def test_what_was_not_measured_guards_nothing(ratios: Path) -> None:
    """A guarded row that was not run, or has no ratio to be held against, fails; another one need not run."""
    row, other = Row("r", "s/a/f", "s/b/f", guarded=True), Row("o", "s/c/f")
    ratios.write_text("{}")
    run, missed = Samples({"s/a/f": [2.6], "s/b/f": [1.0]}), Samples()
    missed.miss("s/a", "it did not start")
    assert baseline.broken([outcome(row, missed), outcome(other, missed)]) == {
        row.key: "r: not run: it did not start"
    }
    assert baseline.broken([outcome(row, run)]) == {row.key: "r: nothing to hold it against: take a baseline"}


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        (Row("r", "s/a/f", "s/b/f", goal=2.0), "| r | ≤ 2 x | 2 x | 1 x to 4 x | 4 / 2 µs | yes |"),
        (Row("r", "s/a/f", "s/b/f", goal=1.9), "| r | ≤ 1.9 x | 2 x | 1 x to 4 x | 4 / 2 µs | **no** |"),
        (
            Row("r", "s/a/f", "s/b/f", goal=3.0, least=True),
            "| r | ≥ 3 x | 2 x | 1 x to 4 x | 4 / 2 µs | **no** |",
        ),
        (
            Row("r", "s/a/f", "s/b/f", Kind.ADDED, 2.0),
            "| r | ≤ 2 µs | 2 µs | 0.00 µs to 6 µs | 4 / 2 µs | yes |",
        ),
        (Row("r", "s/a/f", kind=Kind.VALUE, unit="ms"), "| r |  | 4 ms | 2 ms to 8 ms |  |  |"),
        (Row("r", "s/c/f", goal=1.0), "| r | ≤ 1 x | not run: no luck | | | |"),
        (Row("r", "s/a/f", "s/d/f"), "| r |  | not run: not asked for | | | |"),
    ],
)
def test_row(row: Row, cells: str) -> None:
    """A row is made round by round of its figures; without one of them it says why, and shows none."""
    samples = Samples({"s/a/f": [2.0, 8.0, 4.0], "s/b/f": [2.0, 2.0, 2.0]}, {"s/c": "no luck"})
    assert report.table([outcome(row, samples)]).splitlines()[2] == cells


def test_subjects_take_turns() -> None:
    """A B, B A in each round; one that fails has no figures, and the others go on."""
    turns: list[str] = []

    def run(name: str, seconds: float) -> Slice:
        turns.append(name)
        if turns.count("c") == 2 and name == "c":
            raise NotRun("broke")
        return Slice(done=10, cpu_s=seconds)

    samples = Samples()
    runs = {name: lambda seconds, name=name: run(name, seconds) for name in "abc"}
    interleave(samples, "s", runs, Pace(rounds=2, slices=2, seconds=0.5))
    assert "".join(turns) == "abc" + "cba" + "ba" + "ab"
    assert samples.values == {"s/a/cpu_us": [50_000.0] * 2, "s/b/cpu_us": [50_000.0] * 2}
    assert samples.why == {"s/c": "broke"}


async def test_clients_that_hang_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """One request in four is given up, is neither good nor bad, and its client comes back for the next."""
    requests = itertools.count(1)
    ends: asyncio.Queue[int] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            number = next(requests)
            if number % 4:  # The others are waited for in vain.
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        ends.put_nowait(number)
        writer.close()

    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    async with asyncio.timeout(20), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        result = await Run(Job(port, "/", {}, "{}", seconds=60.0, requests=10, hang_up_s=0.02)).run()
        assert (result.good, result.bad) == (8, 0)
        assert [await ends.get() for _ in range(3)] == [4, 8, 10]


async def test_calls_beside_cancelled_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three calls end, and the fourth is cancelled; or there is none."""
    ended: list[str] = []

    class Subject:
        def __init__(self, port: int, route: str) -> None:
            assert (port, route) == (1, "slow")

        async def call(self) -> None:
            try:
                if len(ended) == 3:
                    await asyncio.Event().wait()
                ended.append("well")
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

    monkeypatch.setattr(subjects, "Subject", Subject, raising=False)
    await Cancels(1, subject="Subject", options={}, cancels=True).call()
    assert ended == ["well"] * 3 + ["cancelled"]
    ended.clear()
    await Cancels(1, subject="Subject", options={}, cancels=False).call()
    assert ended == ["well"] * 3


def test_ageing_compares_with_a_fresh_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each round an old gateway has served 50,000 first, and a new one beside it a tenth at most."""
    served: list[tuple[int, int]] = []
    made = itertools.count()

    class OneGateway:
        port, path, headers = 1, "/", {"a": "b"}

        def __init__(self) -> None:
            self.number = next(made)

        def model(self, route: str) -> str:
            return route

        def rss_mb(self) -> float:
            return 50.0 + sum(requests for number, requests in served if number == self.number) / 10_000

    class OneLoad:
        def run(self, asked: OneGateway, job: dict[str, int]) -> Slice:
            served.append((asked.number, job["requests"]))
            return Slice(job["requests"], job["requests"] * (2.0 if asked.number % 2 == 0 else 1.0))

    monkeypatch.setattr(gateway, "Load", lambda: contextlib.nullcontext(OneLoad()))
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    samples = Samples()
    how: Any = {configs.best_transport(): lambda: contextlib.nullcontext(OneGateway())}
    gateway.ageing(samples, Pace(rounds=2, slices=1, seconds=0.1), how=how)
    for old, fresh in ((0, 1), (2, 3)):
        turns = [number for number, _ in served]
        before = served[turns.index(old) : turns.index(fresh)]
        assert sum(requests for _, requests in before) == 50_000
        assert sum(requests for number, requests in served if number == fresh) <= 5_000
    assert samples.values["ageing/gateway/grown_mb"] == [5.0, 5.0]
    (row,) = [row for row in ROWS if row.of == "ageing/old/cpu_us"]
    assert outcome(row, samples).values == [2.0, 2.0]


def test_every_row_has_a_scenario_that_is_measured(tmp_path: Path) -> None:
    """No row is left for good without the scenario that would fill it."""
    steps = bench._steps(1, tmp_path, ["litellm", "portkey"])
    assert {row.scenario for row in ROWS} <= steps.keys()


def test_unknown_peer(capsys: pytest.CaptureFixture[str]) -> None:
    """A router that cannot be measured beside is refused by name."""
    with pytest.raises(SystemExit):
        bench.main(["--with", "litellm,other"])
    assert "--with knows litellm and portkey, not other" in capsys.readouterr().err


def test_results_go_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run replaces the table of docs/performance.md and nothing else of it, and tells no host or folder."""
    page = tmp_path / "performance.md"
    real = report.PAGE.read_text()
    page.write_text(real)
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    samples = Samples({"s/a/f": [1.0], "s/b/f": [2.0]})
    about = {"machine": report.machine(), "versions": report.versions()}
    for _ in range(2):
        report.write([outcome(Row("r", "s/a/f", "s/b/f"), samples)], samples, about)
    text = page.read_text()
    assert text.split(report.BEGIN)[0] == real.split(report.BEGIN)[0]
    assert text.split(report.END)[1] == real.split(report.END)[1]
    assert text.count("| r |  | 0.50 x |") == 1
    written = json.loads((tmp_path / "results" / "latest.json").read_text())
    assert written["rows"][0]["rounds"] == [0.5]
    assert str(ROOT) not in text + json.dumps(written)

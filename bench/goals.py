"""The rows of the table: which figures are held against which, and the goal of each."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.measures import Samples


class Kind(Enum):
    """How a row's value is made of its two figures."""

    VALUE = "value"
    RATIO = "ratio"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        label: what is measured.
        of: a figure, as ``scenario/subject/figure``.
        over: the figure it is held against; "": none is.
        kind: how.
        goal: what the value may be at most; None: there is no goal.
        least: whether *goal* is what it must be at least.
        unit: of the value; for a ratio of the figures.
        guarded: whether the short form fails when the ratio has grown.
    """

    label: str
    of: str
    over: str = ""
    kind: Kind = Kind.RATIO
    goal: float | None = None
    least: bool = False
    unit: str = "µs"
    guarded: bool = False

    @property
    def scenario(self) -> str:
        """The scenario of its first figure."""
        return self.of.partition("/")[0]

    @property
    def key(self) -> str:
        """Its name in files."""
        return f"{self.of} over {self.over}" if self.over else self.of


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a row.

    Attributes:
        values: one a round; empty: it was not run.
        of, over: the medians of its figures.
        quiet: of a ratio, the least of one figure to the least of the other: other work on the machine
            adds to what a call takes and never takes from it, so these are of its quietest moments.
        why: why it was not run; "": it was.
    """

    row: Row
    values: Sequence[float]
    of: float = 0.0
    over: float = 0.0
    quiet: float = 0.0
    why: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Whether the goal was met; None: there is none, or it was not run."""
        if self.row.goal is None or not self.values:
            return None
        return self.median >= self.row.goal if self.row.least else self.median <= self.row.goal


def outcome(row: Row, samples: Samples) -> Outcome:
    """The row's value in each round: what disturbed a round disturbed both figures."""
    for key in filter(None, (row.of, row.over)):
        if key not in samples.values:
            subject = key.rpartition("/")[0]
            return Outcome(row, (), why=samples.why.get(subject, "not asked for"))
    of = samples.values[row.of]
    over = samples.values[row.over] if row.over else [0.0] * len(of)
    if row.kind is Kind.RATIO:
        values = [a / b for a, b in zip(of, over, strict=False)]
        quiet = min(of) / min(over)
    else:
        values = [a - b for a, b in zip(of, over, strict=False)]
        quiet = 0.0
    return Outcome(row, values, statistics.median(of), statistics.median(over), quiet)


def _library() -> list[Row]:
    rows = []
    for name in ("httpx", "pyreqwest"):
        for scenario, said in (("library-32", "32 at once"), ("library-alone", "one at a time")):
            rows.append(
                Row(
                    f"library call over bare {_NAMES[name]}, {said}: added",
                    f"{scenario}/{name}/cpu_us",
                    f"{scenario}/bare-{name}/cpu_us",
                    Kind.ADDED,
                    60.0,
                )
            )
        rows += [
            Row(
                f"library call to bare {_NAMES[name]}, 32 at once",
                f"library-32/{name}/cpu_us",
                f"library-32/bare-{name}/cpu_us",
                guarded=True,
            ),
            Row(
                f"synchronous call over an asynchronous one, {_NAMES[name]}: added",
                f"library-alone/sync-{name}/cpu_us",
                f"library-alone/{name}/cpu_us",
                Kind.ADDED,
                200.0,
            ),
            Row(
                f"library stream to bare {_NAMES[name]}, 16 events a read, a chunk",
                f"library-stream/{name}/cpu_us",
                f"library-stream/bare-{name}/cpu_us",
            ),
            Row(
                f"fallback chain, first two of 3 targets fail, to 3 calls of bare {_NAMES[name]}",
                f"library-chain/{name}/cpu_us",
                f"library-chain/bare-{name}/cpu_us",
            ),
            Row(
                f"library call while one in four is cancelled, over bare {_NAMES[name]} the same: added",
                f"library-cancels/{name}/cpu_us",
                f"library-cancels/bare-{name}/cpu_us",
                Kind.ADDED,
            ),
            Row(
                f"library call over {_NAMES[name]} while one in four is cancelled, to one while none is",
                f"library-cancels/{name}/cpu_us",
                f"library-cancels/{name}-none/cpu_us",
            ),
        ]
    rows += [
        Row(
            "library call over pyreqwest to bare httpx2, 32 at once",
            "library-32/pyreqwest/cpu_us",
            "library-32/bare-httpx/cpu_us",
            goal=1.0,
        ),
        Row(
            "LiteLLM's call to ours over pyreqwest",
            "library-32/litellm/cpu_us",
            "library-32/pyreqwest/cpu_us",
        ),
        Row("LiteLLM's call to ours over httpx2", "library-32/litellm/cpu_us", "library-32/httpx/cpu_us"),
    ]
    return rows


def _inside() -> list[Row]:
    return [
        Row("core alone: merge, select, step … finish", "core/core/cpu_us", kind=Kind.VALUE, goal=25.0),
        Row(
            "core alone to a fixed piece of Python", "core/core/cpu_us", "core/yardstick/cpu_us", guarded=True
        ),
        Row("core alone, with limits", "core/limited/cpu_us", kind=Kind.VALUE, goal=25.0),
        Row("cache key to the hash of the body", "core/key/cpu_us", "core/hash/cpu_us", goal=2.0),
        Row("cache hit in process", "library-hit/hit/cpu_us", kind=Kind.VALUE, goal=40.0),
        Row(
            "cache hit of a synchronous call, in the calling thread",
            "library-hit/sync/cpu_us",
            kind=Kind.VALUE,
            goal=40.0,
        ),
        Row(
            "cache hit among 5,000 kept answers to one among 10",
            "library-kept/5000/cpu_us",
            "library-kept/10/cpu_us",
            goal=1.1,
        ),
        Row(
            "call of 10,000 groups to one of ten",
            "library-groups/10000/cpu_us",
            "library-groups/10/cpu_us",
            goal=1.1,
        ),
        Row(
            "library call with 2,000 in flight over bare pyreqwest: added",
            "library-2000/pyreqwest/cpu_us",
            "library-2000/bare-pyreqwest/cpu_us",
            Kind.ADDED,
            60.0,
        ),
    ]


def _gateway() -> list[Row]:
    rows = []
    for name, goal in (("pyreqwest", True), ("httpx", False)):
        shown = f"gateway over {_NAMES[name]} to the floor"
        rows += [
            Row(
                f"{shown}, {said}",
                f"gateway-{scenario}/{name}/cpu_us",
                f"gateway-{scenario}/floor/cpu_us",
                goal=limit if goal else None,
                guarded=scenario in ("32", "sse16"),
            )
            for scenario, said, limit in (
                ("1", "1 connection", 1.6),
                ("32", "32 connections", 1.6),
                ("256", "256 connections", 1.6),
                ("100kb", "prompts of 100 KB", None),
                ("2mb", "prompts of 2 MB", None),
                ("sse1", "a chunk, one event a read", 1.5),
                ("sse16", "a chunk, 16 events a read", 1.5),
                ("hang-ups", "while one client in four hangs up", None),
            )
        ]
        rows.append(
            Row(
                f"gateway over {_NAMES[name]} while one client in four hangs up, to while none does",
                f"gateway-hang-ups/{name}/cpu_us",
                f"gateway-hang-ups/{name}-none/cpu_us",
            )
        )
        rows += [
            Row(
                f"gateway over {_NAMES[name]}, time to the first chunk, {said}: added to the floor's",
                f"gateway-{scenario}/{name}/first_p50_ms",
                f"gateway-{scenario}/floor/first_p50_ms",
                Kind.ADDED,
                0.5 if goal else None,
                unit="ms",
            )
            for scenario, said in (("sse1", "one event a read"), ("sse16", "16 events a read"))
        ]
        rows += [
            Row(
                f"latency over {_NAMES[name]} at 50 requests a second, p50: added to the floor's",
                f"latency/{name}/whole_p50_ms",
                "latency/floor/whole_p50_ms",
                Kind.ADDED,
                0.3 if goal else None,
                unit="ms",
            ),
            Row(
                f"latency over {_NAMES[name]} at 50 requests a second, p99: to the floor's",
                f"latency/{name}/whole_p99_ms",
                "latency/floor/whole_p99_ms",
                goal=1.5 if goal else None,
                unit="ms",
            ),
        ]
    rows.append(
        Row("gateway, cache hit", "gateway-hit/httpx/cpu_us", kind=Kind.VALUE),
    )
    return rows


def _peers() -> list[Row]:
    rows = []
    for peer, shown, times in (("litellm", "LiteLLM", 90.0), ("portkey", "Portkey", 9.0)):
        rows += [
            Row(
                f"{shown}'s gateway to ours, 32 connections",
                f"gateway-32/{peer}/cpu_us",
                "gateway-32/pyreqwest/cpu_us",
                goal=times,
                least=True,
            ),
            Row(f"{shown}: ready", f"start/{peer}/ready_ms", kind=Kind.VALUE, unit="ms"),
            Row(f"{shown}: idle memory", f"start/{peer}/idle_mb", kind=Kind.VALUE, unit="MB"),
        ]
    return rows


def _weight() -> list[Row]:
    value = Kind.VALUE
    rows = [Row("import router", "import/router/ms", kind=value, goal=60.0, unit="ms")]
    rows += [
        Row("Router.from_file of ten lines, after the import", "open/router/ms", "", value, 300.0, unit="ms"),
        Row("memory of a program with that router", "open/router/rss_mb", "", value, 45.0, unit="MB"),
        Row("core install: packages", "install/core/packages", "", value, 20.0, unit=""),
        Row("core install: size", "install/core/mb", "", value, 35.0, unit="MB"),
        Row("check of 10,000 groups, 30,000 targets", "check/router/s", "", value, 5.0, unit="s"),
    ]
    for name in ("pyreqwest", "httpx"):
        shown = f"gateway over {_NAMES[name]}"
        rows.append(Row(f"{shown}: ready", f"start/{name}/ready_ms", "", value, 1000.0, unit="ms"))
        rows.append(Row(f"{shown}: idle memory", f"start/{name}/idle_mb", "", value, 60.0, unit="MB"))
    return [
        *rows,
        Row("memory after 50,000 requests: added", "ageing/gateway/grown_mb", "", value, 5.0, unit="MB"),
        Row("of these, after the first 5,000", "ageing/gateway/warm_mb", "", value, unit="MB"),
        Row(
            "a request after 50,000 to one in a fresh gateway",
            "ageing/old/cpu_us",
            "ageing/fresh/cpu_us",
            goal=1.1,
        ),
        Row(
            "4 workers to one, requests a second",
            "workers/pyreqwest/per_s",
            "gateway-256/pyreqwest/per_s",
            unit="/s",
        ),
        Row(
            "10,000 streams at once, a chunk, to the floor",
            "streams/pyreqwest/cpu_us",
            "streams/floor/cpu_us",
        ),
    ]


_NAMES = {"httpx": "httpx2", "pyreqwest": "pyreqwest"}

ROWS: tuple[Row, ...] = (*_library(), *_inside(), *_gateway(), *_peers(), *_weight())

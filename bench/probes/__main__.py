"""``python -m bench.probes``: the router on its bad days, as one table.

Exits with 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.probes import deadlines, leaks, outage, replies, selection, streams
from bench.probes.beside import beside, cases, interpreter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.probes.base import Row

PROBES = (
    selection.one_of_three,
    selection.primary_down,
    outage.bursts,
    outage.steady,
    outage.recovery,
    deadlines.hanging,
    deadlines.overshoot,
    deadlines.retry_after,
    leaks.many_routers,
    selection.retries_in_the_body,
    replies.bad_replies,
    streams.cuts,
    selection.names,
    leaks.cancels,
    replies.bomb,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the probes and print their table; 0 when every goal is met."""
    parser = argparse.ArgumentParser(prog="python -m bench.probes", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer requests and shorter times")
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--only", metavar="TEXT", default="", help="only probes whose name has TEXT")
    parser.add_argument(
        "--litellm", metavar="PYTHON", help="an interpreter that has litellm; else this one, if it has"
    )
    options = parser.parse_args(argv)
    rows = []
    for probe in PROBES:
        if options.only not in f"{probe.__module__}.{probe.__name__}":
            continue
        began = time.monotonic()
        rows += asyncio.run(probe(quick=options.quick))
        print(f"{probe.__name__}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    other = _litellm(rows, options.litellm, quick=options.quick)
    if options.json:
        shown = [{**asdict(row), "litellm": said} for row, said in zip(rows, other, strict=True)]
        print(json.dumps({"rows": shown}, indent=2))
    else:
        print(table(rows, other))
    return 0 if all(row.ok for row in rows) else 1


def _litellm(rows: Sequence[Row], said: str | None, *, quick: bool) -> list[str]:
    """LiteLLM's column."""
    python = interpreter(said)
    if python is None:
        return ["not installed"] * len(rows)
    wanted = [case for case in cases(quick=quick) if any(row.probe.startswith(case.probe) for row in rows)]
    found = asyncio.run(beside(python, wanted))
    names = {row.probe: next((name for name in found if row.probe.startswith(name)), None) for row in rows}
    return [found[name] if (name := names[row.probe]) else "not measured" for row in rows]


def table(rows: Sequence[Row], other: Sequence[str]) -> str:
    """*rows* as a Markdown table, LiteLLM's column beside."""
    lines = ["| probe | goal | here | LiteLLM | met |", "|---|---|---|---|---|"]
    lines += [
        f"| {row.probe} | {row.goal} | {row.here} | {said} | {'yes' if row.ok else 'NO'} |"
        for row, said in zip(rows, other, strict=True)
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

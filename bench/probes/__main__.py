"""``python -m bench.probes``: the router on its bad days, as one table.

Exits with 1 when a goal is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import sys
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from bench.probes import deadlines, leaks, outage, replies, selection, streams

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
    options = parser.parse_args(argv)
    rows = []
    for probe in PROBES:
        if options.only not in f"{probe.__module__}.{probe.__name__}":
            continue
        began = time.monotonic()
        rows += asyncio.run(probe(quick=options.quick))
        print(f"{probe.__name__}: {time.monotonic() - began:.1f} s", file=sys.stderr)
    if options.json:
        print(json.dumps({"litellm": litellm(), "rows": [asdict(row) for row in rows]}, indent=2))
    else:
        print(table(rows))
    return 0 if all(row.ok for row in rows) else 1


def litellm() -> str:
    """What stands in LiteLLM's column: these probes drive this router only."""
    return "not installed" if importlib.util.find_spec("litellm") is None else "not measured"


def table(rows: Sequence[Row]) -> str:
    """*rows* as a Markdown table."""
    lines = ["| probe | goal | here | LiteLLM | met |", "|---|---|---|---|---|"]
    other = litellm()
    lines += [f"| {r.probe} | {r.goal} | {r.here} | {other} | {'yes' if r.ok else 'NO'} |" for r in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())

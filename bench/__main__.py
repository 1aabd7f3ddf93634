"""``python -m bench``: what a request costs, in process and through the gateway, as one table.

Without options everything is measured, which takes about a quarter of an hour; the table is printed,
and written to bench/results/ and docs/performance.md. Exits with 1 when a guarded ratio has grown
(``--short``), else with 0: a goal that is missed is a row of the table.
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench import baseline, gateway, gateways, library, report, weight
from bench.goals import ROWS, Outcome, outcome
from bench.measures import FULL, SHORT, Pace, Samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SHORT = ("library-32", "core", "gateway-32", "gateway-sse16")
_LOOKS = 3
"""So often a ratio must have grown, to be told."""
_PEERS = {"litellm": "LITELLM", "portkey": "PORTKEY"}

Steps = dict[str, "Callable[[Samples, Pace], None]"]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, and say what came of it."""
    options = _options(argv)
    about = {"machine": report.machine(), "versions": report.versions()}
    pace = SHORT if options.short else FULL
    with tempfile.TemporaryDirectory() as folder, gateways.upstream() as port:
        steps = _steps(port, Path(folder), options.peers)
        if options.short:
            wanted = [name for name in steps if name in _SHORT]
        else:
            wanted = [name for name in steps if fnmatch.fnmatchcase(name, options.only)]
        outcomes, samples = _measured(steps, wanted, pace)
        slower = baseline.broken(outcomes) if options.short and not options.write_baseline else {}
        for _ in range(_LOOKS - 1):  # What is slower is so every time.
            again = sorted({one.row.scenario for one in outcomes if one.row.key in slower})
            still = baseline.broken(_measured(steps, again, pace)[0]) if again else {}
            slower = {key: said for key, said in still.items() if key in slower}
    print(report.table(outcomes))
    if options.only != "*":
        print(f"\n{report.figures(samples)}")
    if not options.short and options.only == "*":
        report.write(outcomes, samples, about)
    if options.write_baseline:
        baseline.write(outcomes)
    for said in slower.values():
        print(f"bench: {said}", file=sys.stderr)
    return 1 if slower else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the guarded ratios only, in less than a minute")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="scenarios of these names: gateway-*")
    parser.add_argument(
        "--with",
        dest="peers",
        metavar="NAMES",
        default="",
        type=lambda text: [name for name in text.split(",") if name],
        help="other routers too: litellm (LITELLM=/path/to/python of an environment that has it) and "
        "portkey (PORTKEY=/path/to/node_modules/@portkey-ai/gateway)",
    )
    parser.add_argument(
        "--write-baseline", action="store_true", help="hold later short runs against this one"
    )
    options = parser.parse_args(argv)
    unknown = set(options.peers) - _PEERS.keys()
    if unknown:
        parser.error(f"--with knows {' and '.join(_PEERS)}, not {', '.join(sorted(unknown))}")
    return options


def _steps(port: int, folder: Path, peers: Sequence[str]) -> Steps:
    """What can be measured, by the scenario's name."""
    said = {name: os.environ.get(_PEERS[name], "") if name in peers else None for name in _PEERS}
    how = gateway.starts(port, folder, said["litellm"], said["portkey"])
    steps: Steps = {}
    for one in library.scenarios(said["litellm"]):
        steps[one.name] = partial(library.measure, scenario=one, port=port)
    for asked in gateway.SCENARIOS:
        steps[asked.name] = partial(gateway.measure, asked=asked, how=how)
    return steps | {
        "start": partial(gateway.starting, how=how),
        "ageing": partial(gateway.ageing, how=how),
        "import": weight.importing,
        "open": weight.opening,
        "install": weight.installing,
        "check": weight.checking,
    }


def _measured(steps: Steps, wanted: Sequence[str], pace: Pace) -> tuple[list[Outcome], Samples]:
    """The rows of the scenarios that are *wanted*, measured."""
    samples = Samples()
    for name in wanted:
        began = time.monotonic()
        steps[name](samples, pace)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    rows = [row for row in ROWS if row.scenario in wanted]
    return [outcome(row, samples) for row in rows], samples


if __name__ == "__main__":
    sys.exit(main())

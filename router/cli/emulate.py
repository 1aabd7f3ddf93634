"""``router emulate``: a local Bytez to try things with."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from router.cli.common import CommandError, UsageError, add_command, port

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "emulate",
        "run a local Bytez that real Bytez clients accept",
        "router emulate --port 8080 &\n  BYTEZ_BASE_URL=http://127.0.0.1:8080 BYTEZ_API_KEY=any "
        "router chat bytez/google/gemma-3-4b-it Hello",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=port, default=8080, help="0 takes a free one (default: %(default)s)")
    parser.add_argument(
        "--tier",
        choices=("unlimited", "free"),
        default="unlimited",
        help="free allows each key one call at a time (default: %(default)s)",
    )
    parser.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="accept this API key only (may be repeated; default: any but bad and invalid)",
    )
    parser.add_argument(
        "--strict-auth", action="store_true", help="accept `Authorization: Key …` only, as Bytez documents it"
    )
    parser.add_argument("--faults", action="store_true", help="list the faults to ask for, and end")
    parser.add_argument("--json", action="store_true", help="with --faults: print one JSON list")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from router.address import CannotServe  # noqa: PLC0415 - heavy imports only when it runs
    from router.emulator import serve  # noqa: PLC0415 - as above
    from router.emulator.settings import Settings  # noqa: PLC0415 - as above

    if args.faults:
        print(_faults(as_json=args.json))
        return 0
    if args.json:
        raise UsageError("--json goes with --faults")
    settings = Settings(keys=frozenset(args.key), strict_auth=args.strict_auth, tier=args.tier)
    try:
        serve.run(args.host, args.port, settings, _tell)
    except CannotServe as error:
        raise CommandError(str(error)) from error
    return 0


def _faults(*, as_json: bool) -> str:
    from router.emulator.faults import FAULTS, FAULTY, faults_table  # noqa: PLC0415 - as above

    if not as_json:
        return faults_table()
    rows = [
        {"model": FAULTY + fault.name, "does": fault.does, "largest_n": fault.largest or None}
        for fault in FAULTS
    ]
    return json.dumps(rows, indent=2)


def _tell(url: str) -> None:
    line = f"router: emulating Bytez on {url} (use it with BYTEZ_BASE_URL={url} and any BYTEZ_API_KEY)"
    print(line, file=sys.stderr, flush=True)

"""``router replay``: what another policy would have made of requests that were served."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from router.cli.common import UsageError, add_command, add_large

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands

_KINDS = ("elsewhere", "outcome", "cost")


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "replay",
        "decide logged requests again, without sending anything, and show what would be different",
        "router replay router.yaml --log decisions.jsonl --fail-on outcome",
    )
    parser.add_argument("file", metavar="FILE", help="the config file, native or LiteLLM's")
    parser.add_argument(
        "--log",
        action="append",
        required=True,
        metavar="LOG",
        help="a file that `decision_log` wrote; again for each further one",
    )
    parser.add_argument(
        "--fail-on",
        default="",
        metavar="KINDS",
        help="end with 1 when requests differ so: elsewhere, outcome, cost, several with commas, or any",
    )
    parser.add_argument(
        "--limit", type=_number, default=20, metavar="N", help="how many requests to show (default: 20)"
    )
    parser.add_argument("--skip", action="store_true", help="pass over lines that cannot be read")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_large(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay; 1 when requests differ as ``--fail-on`` says, 2 when there are none that could."""
    from router.config import load_file  # noqa: PLC0415 - heavy imports only when it runs
    from router.tools.decision_log import BadLog, read_logs  # noqa: PLC0415 - likewise
    from router.tools.replay import Kind, replay  # noqa: PLC0415 - likewise
    from router.tools.replay_text import render  # noqa: PLC0415 - likewise
    from router.tools.text import paint_for  # noqa: PLC0415 - likewise

    fatal = [Kind(word) for word in _kinds(args.fail_on)]
    loaded = load_file(args.file, large=args.large)
    try:
        log = read_logs(args.log, skip=args.skip)
    except BadLog as error:
        raise UsageError(str(error)) from None
    report = replay(loaded, log)
    if args.json:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        print(render(report, paint=paint_for(sys.stdout), shown=args.limit))
    if not report.requests:
        # A gate that nothing went through has shown nothing, as a file without tests has not.
        what = f"nothing was replayed: no request is in {', '.join(args.log)}"
        if fatal:
            raise UsageError(f"{what}, so --fail-on has nothing to judge")
        print(f"router: warning: {what}", file=sys.stderr)
    return 1 if any(report.count(kind) for kind in fatal) else 0


def _kinds(written: str) -> tuple[str, ...]:
    """What ``--fail-on`` says.

    Raises:
        UsageError: it names what is no kind.
    """
    words = tuple(word for word in written.replace(" ", "").split(",") if word)
    if words == ("any",):
        return _KINDS
    for word in words:
        if word not in _KINDS:
            raise UsageError(f"--fail-on {written}: write any, or some of {', '.join(_KINDS)}")
    return words


def _number(text: str) -> int:
    import argparse  # noqa: PLC0415 - its error alone

    if not text.isascii() or not text.isdigit() or len(text) > 9:  # noqa: PLR2004 - a billion are all
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return int(text)

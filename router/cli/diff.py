"""``router diff``: what changes in meaning between two configs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from router.cli.common import UsageError, add_command, add_large

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands
    from router.tools.diff_changes import Kind


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "diff",
        "say what changes in meaning from one config to another",
        "router diff old.yaml router.yaml --fail-on destination,worst_case,cost",
    )
    parser.add_argument("old", metavar="OLD", help="the config that was, native or LiteLLM's")
    parser.add_argument("new", metavar="NEW", help="the config that is to be")
    parser.add_argument(
        "--fail-on",
        action="append",
        default=[],
        metavar="KINDS",
        help="exit with 1 when a change of one of these kinds takes or allows more: "
        "group, destination, target, share, fallback, param, policy, limit, worst_case, cost, cache, "
        "provider, caller, log, or any",
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="print one JSON object")
    forms.add_argument(
        "--format",
        choices=("text", "json", "markdown"),
        default="text",
        help="how to print the changes; markdown: for a pull request (default: text)",
    )
    add_large(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare; 1 when a kind of change occurs that may not."""
    from router.config import load_file  # noqa: PLC0415 - heavy imports only when it runs
    from router.tools.diff import diff  # noqa: PLC0415 - likewise
    from router.tools.diff_text import markdown, render  # noqa: PLC0415 - likewise
    from router.tools.text import paint_for  # noqa: PLC0415 - likewise

    kinds = _kinds(args.fail_on)
    found = diff(load_file(args.old, large=args.large), load_file(args.new, large=args.large))
    form = "json" if args.json else args.format
    if form == "json":
        print(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    elif form == "markdown":
        print(markdown(found, fail_on=kinds))
    else:
        print(render(found, fail_on=kinds, paint=paint_for(sys.stdout)))
    return 1 if found.failing(kinds) else 0


def _kinds(written: list[str]) -> tuple[Kind, ...]:
    """The kinds that ``--fail-on`` names, in all.

    Raises:
        UsageError: one of them is none.
    """
    from router.tools.diff_changes import Kind  # noqa: PLC0415 - heavy imports only when it runs

    names = [name.strip() for text in written for name in text.split(",")]
    if "any" in names:
        return tuple(Kind)
    known = [kind.value for kind in Kind]
    for name in names:
        if name not in known:
            raise UsageError(f"--fail-on: {name!r} is no kind of change; there are {', '.join(known)}, any")
    return tuple(Kind(name) for name in names)

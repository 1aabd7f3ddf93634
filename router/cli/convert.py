"""``router convert``: LiteLLM's config.yaml as a native file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from router.cli.common import CommandError, add_command, add_large

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "convert",
        "print LiteLLM's config.yaml as a native file, and what became of each key",
        "router convert config.yaml > router.yaml",
    )
    parser.add_argument("file", metavar="FILE", help="LiteLLM's config file")
    parser.add_argument("--json", action="store_true", help="print file and findings as one JSON object")
    add_large(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Convert; the file to stdout, everything else to stderr. 1 when the source has errors."""
    from router.tools.convert import NotLiteLLM, NotWritable, convert  # noqa: PLC0415 - heavy imports only when it runs

    try:
        made = convert(args.file, large=args.large)
    except (NotLiteLLM, NotWritable) as error:
        raise CommandError(str(error)) from None
    if args.json:
        print(json.dumps(made.to_dict(), indent=2))
    else:
        print(made.report(), file=sys.stderr)
        print(made.text or "", end="")
    return 0 if made.text is not None else 1

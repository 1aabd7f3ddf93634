"""``router models``: what a config offers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from router.cli.common import add_command, add_config, config_path

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands
    from router.config import GroupConfig


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "models", "list the model groups of a config", "router models --config router.yaml --json"
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List them; no key is needed and nothing is sent."""
    from router.config import load_file  # noqa: PLC0415 - heavy imports only when it runs

    config = load_file(config_path(args), large=args.large).require()
    rows = [_row(name, group) for name, group in config.models.items()]
    if args.json:
        print(json.dumps(rows, indent=2))
        return 0
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        more = "".join(f"  {key}: {', '.join(row[key])}" for key in ("aliases", "fallbacks") if row[key])
        print(f"{row['name']:{width}}  {', '.join(row['targets'])}{more}")
    return 0


def _row(name: str, group: GroupConfig) -> dict[str, Any]:
    return {
        "name": name,
        "aliases": list(group.aliases or ()),
        "targets": [target.model for target in group.targets],
        "fallbacks": list(group.fallbacks.on_error) if group.fallbacks else [],
    }

"""``router schema``: the JSON Schema of the config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.cli.common import add_command

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "schema", "print the JSON Schema of the config file", "router schema > router.schema.json"
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace) -> int:
    """Print it."""
    from router.config.schema import schema_text  # noqa: PLC0415 - heavy imports only when it runs

    print(schema_text(), end="")
    return 0

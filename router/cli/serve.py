"""``router serve``: the OpenAI-compatible gateway."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from router.cli.common import CommandError, add_command, add_config, config_path, port, process_settings

if TYPE_CHECKING:
    from router.cli.common import Commands

_MAX_WORKERS = 64


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "serve",
        "serve the config as an OpenAI-compatible gateway",
        "router serve --config router.yaml",
    )
    add_config(parser)
    parser.add_argument("--host", help="where to listen (environment: ROUTER_HOST; default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=port, help="0 takes a free one (environment: ROUTER_PORT; default: 4000)"
    )
    parser.add_argument("--workers", type=_workers, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument(
        "--debug",
        action="store_true",
        help="log attempts and params, never messages (environment: ROUTER_LOG_LEVEL; default: info)",
    )
    parser.add_argument(
        "--log-format",
        choices=("auto", "console", "json"),
        help="auto is console on a terminal, else json (environment: ROUTER_LOG_FORMAT; default: auto)",
    )
    parser.add_argument(
        "--insecure", action="store_true", help="listen beyond this machine although there are no callers"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from router.address import CannotServe  # noqa: PLC0415 - heavy imports only when it runs
    from router.server.serve import ServeSettings, serve  # noqa: PLC0415 - as above

    process = process_settings()
    settings = ServeSettings(
        config=config_path(args),
        host=process.host if args.host is None else args.host,
        port=process.port if args.port is None else args.port,
        workers=args.workers,
        insecure=args.insecure,
        large=args.large,
        log_level="debug" if args.debug else process.log_level,
        log_format=process.log_format if args.log_format is None else args.log_format,
    )
    try:
        serve(settings)
    except CannotServe as error:
        raise CommandError(str(error)) from error
    return 0


def _workers(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MAX_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {_MAX_WORKERS}")
    return int(text)

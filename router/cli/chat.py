"""``router chat``: one question, one answer."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.cli.common import DEFAULT_CONFIG, add_command, add_config, process_settings, routing_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.cli.common import Commands
    from router.client import Router

_OWN_FIELDS = ("model", "messages", "stream", "router")


def add(commands: Commands) -> None:
    """Add the command."""
    example = 'router chat gemma-3 "What do you know about Earth?" --param temperature=0.5'
    parser = add_command(commands, "chat", "ask a model one question", example)
    parser.add_argument("model", metavar="MODEL", help="a model group, or without a config bytez/ORG/NAME")
    parser.add_argument("text", metavar="TEXT", help="the question")
    add_config(parser)
    parser.add_argument(
        "--param",
        type=_param,
        action="append",
        default=[],
        metavar="K=V",
        help="a generation param; V is JSON, or else text (may be repeated)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json", action="store_true", help="print the whole reply and its routing as one JSON object"
    )
    form.add_argument(
        "--stream",
        action=argparse.BooleanOptionalAction,
        help="print the answer as it comes (default: when stdout is a terminal)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ask; the answer goes to stdout, how it came about to stderr."""
    messages = [{"role": "user", "content": args.text}]
    params = dict(args.param)
    with _open(args) as router:
        line = _way(args)(router, args.model, messages, params)
    sys.stdout.flush()  # Before the line, where both go to one terminal.
    print(line, file=sys.stderr)
    return 0


def _way(args: argparse.Namespace) -> Callable[[Router, str, list[dict[str, Any]], dict[str, Any]], str]:
    if args.json:
        return _ask_as_json
    stream = sys.stdout.isatty() if args.stream is None else args.stream
    return _ask_streamed if stream else _ask


def _open(args: argparse.Namespace) -> Router:
    """The router for the config; when none is named or found, every Bytez model under its own name."""
    from router.client import Router  # noqa: PLC0415 - heavy imports only when it runs
    from router.config import RouterConfig  # noqa: PLC0415 - as above

    named = args.config or process_settings().config
    if named is None and not Path(DEFAULT_CONFIG).exists():
        return Router(RouterConfig.model_validate({"version": 1, "models": {"bytez/*": "bytez/*"}}))
    return Router.from_file(named or DEFAULT_CONFIG, large=args.large)


def _ask(router: Router, model: str, messages: list[dict[str, Any]], params: dict[str, Any]) -> str:
    reply = router.completion(model, messages, **params)
    for choice in reply.choices:
        print(choice.message.content or "")
    return routing_line(reply.routing)


def _ask_as_json(router: Router, model: str, messages: list[dict[str, Any]], params: dict[str, Any]) -> str:
    reply = router.completion(model, messages, **params)
    print(json.dumps({**reply.to_dict(), "routing": reply.routing.to_dict()}, indent=2))
    return routing_line(reply.routing)


def _ask_streamed(router: Router, model: str, messages: list[dict[str, Any]], params: dict[str, Any]) -> str:
    with router.completion(model, messages, stream=True, **params) as stream:
        for chunk in stream:
            for choice in chunk.choices or []:
                print(choice.delta.content or "", end="", flush=True)
        print()
        return routing_line(stream.routing)


def _param(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if name in _OWN_FIELDS:
        raise argparse.ArgumentTypeError(f"{name} is not a generation param")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not K=V, such as temperature=0.5")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value

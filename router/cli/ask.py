"""Options that describe a request, for commands that ask a policy about one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.cli.common import UsageError

if TYPE_CHECKING:
    from router.request import Ask

_TEXT = "hello"
_MAX_BYTES = 64 * 1024 * 1024
"""Of a file of messages."""
_OWN_OPTIONS = {
    "input": "--input",
    "messages": "--message or --messages",
    "model": "--model",
    "router": "--caller, --tag, --timeout or --cache",
    "stream": "--stream",
}
"""The fields of a request that are no params, by the options that are for them."""


def add_request(parser: argparse.ArgumentParser) -> None:
    """Add the options; ``asked`` reads them."""
    parser.add_argument(
        "--model", required=True, metavar="NAME", help="the model group, alias or model asked"
    )
    parser.add_argument("--message", metavar="TEXT", help=f"what the user says (default: {_TEXT!r})")
    parser.add_argument("--messages", metavar="FILE", help="a JSON file with the whole list of messages")
    parser.add_argument("--input", metavar="TEXT", help="ask for an embedding of this text, not for a chat")
    parser.add_argument(
        "--tokens", type=_count, metavar="N", help="take the messages for so many tokens (default: estimated)"
    )
    parser.add_argument(
        "--param", action="append", default=[], metavar="K=V", help="a generation param; V is JSON, else text"
    )
    parser.add_argument("--stream", action="store_true", help="ask for a stream")
    parser.add_argument(
        "--caller", metavar="NAME", help="who asks; one of the config's callers may ask its `groups` alone"
    )
    parser.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="a tag that a target must have"
    )
    parser.add_argument("--timeout", metavar="TIME", help="the caller's own timeout, such as 5s")
    parser.add_argument("--cache", choices=("off", "refresh"), help="what the request says of kept answers")
    parser.add_argument(
        "--header", action="append", default=[], metavar="K=V", help="a header of the request, for affinity"
    )


def asked(args: argparse.Namespace) -> Ask:
    """The request that the options describe.

    Raises:
        UsageError: an option cannot be used.
    """
    from router.request import Ask, Task  # noqa: PLC0415 - heavy imports only when it runs
    from router.types import RouterOptions  # noqa: PLC0415 - likewise

    options = RouterOptions(
        caller=args.caller,
        timeout=_seconds(args.timeout),
        tags=tuple(args.tag),
        cache=args.cache,
        explain=True,
    )
    params = dict(_param(text) for text in args.param)
    headers = {key.lower().encode(): str(value).encode() for key, value in _texts("--header", args.header)}
    given = [name for name in ("message", "messages", "input") if getattr(args, name) is not None]
    if len(given) > 1:
        raise UsageError(f"give one of --{given[0]} and --{given[1]}")
    if args.input is not None:
        if args.stream:
            raise UsageError("--stream: embeddings are not streamed")
        return Ask(args.model, args.input, params, False, options, headers, Task.EMBEDDING)
    return Ask(args.model, _messages(args), params, args.stream, options, headers)


def _messages(args: argparse.Namespace) -> Any:
    if args.messages is None:
        return [{"role": "user", "content": _TEXT if args.message is None else args.message}]
    try:
        with Path(args.messages).open("rb") as file:
            text = file.read(_MAX_BYTES + 1)
        if len(text) > _MAX_BYTES:
            raise UsageError(f"--messages {args.messages}: longer than {_MAX_BYTES >> 20} MiB")
        return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        what = error.strerror if isinstance(error, OSError) else "is no JSON"
        raise UsageError(f"--messages {args.messages}: {what}") from None


def _param(text: str) -> tuple[str, Any]:
    name, value = _pair("--param", text)
    own = _OWN_OPTIONS.get(name)
    if own is not None:
        raise UsageError(f"--param {text}: {name} is not a generation param, use {own}")
    return name, value


def _pair(option: str, text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise UsageError(f"{option} {text}: write {option} NAME=VALUE")
    try:
        return key, json.loads(value)
    except (ValueError, RecursionError):
        return key, value


def _texts(option: str, given: list[str]) -> list[tuple[str, str]]:
    pairs = []
    for text in given:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f"{option} {text}: write {option} NAME=VALUE")
        pairs.append((key, value))
    return pairs


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - heavy imports only when it runs

    from router.config.units import duration  # noqa: PLC0415 - likewise

    try:
        return duration(text)
    except PydanticCustomError:
        raise UsageError(f"--timeout {text}: write a time such as 500ms, 30s or 2m") from None


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10:  # noqa: PLR2004 - no window comes near it
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of tokens")
    return int(text)

"""``router emulate``: a local Bytez to try things with."""

from __future__ import annotations

import argparse
import json
import os
import sys
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, get_args

from router.cli.common import CommandError, UsageError, add_command, port
from router.emulator.settings import Profile, Settings, Shape, UpstreamSettings
from router.emulator.tiers import ANY_SIZE, NAMES

if TYPE_CHECKING:
    from router.cli.common import Commands
    from router.types import Secret

MAX_USD = 1_000_000

_EXAMPLE = """router emulate --port 8080 &
  BYTEZ_BASE_URL=http://127.0.0.1:8080 BYTEZ_API_KEY=any router chat bytez/google/gemma-3-4b-it Hello

a small account, models that must be started, and faults from a file:
  router emulate --tier free --credits 1 --cold-start 20s --scenario faults.yaml

a real model in Bytez's protocol:
  router emulate --upstream http://127.0.0.1:8081/v1 --upstream-model gemma"""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "emulate", "run a local Bytez that real Bytez clients accept", _EXAMPLE)
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default: %(default)s)")
    parser.add_argument("--port", type=port, default=8080, help="0 takes a free one (default: %(default)s)")
    _add_account(parser)
    _add_models(parser)
    _add_upstream(parser)
    parser.add_argument("--faults", action="store_true", help="list the faults to ask for, and end")
    parser.add_argument("--json", action="store_true", help="with --faults: print one JSON list")
    parser.set_defaults(run=run)


def _add_account(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("accounts")
    group.add_argument(
        "--key",
        action="append",
        default=[],
        metavar="KEY",
        help="accept this API key only (may be repeated; default: any but bad and invalid)",
    )
    group.add_argument(
        "--strict-auth",
        action="store_true",
        help="on native routes accept `Authorization: Key …` only, as Bytez documents it",
    )
    group.add_argument(
        "--tier",
        choices=NAMES,
        default=ANY_SIZE,
        help="what each key has bought, in US dollars: calls at a time and size of models follow from it;"
        " unlimited refuses nothing (default: %(default)s: one call at a time of each size)",
    )
    group.add_argument(
        "--credits", type=_usd, metavar="USD", help="what each key has left to spend (default: no end of it)"
    )
    group.add_argument(
        "--auto-scale-cap",
        type=_whole_usd,
        default=1_000,
        metavar="USD",
        help="what autoScale may buy for each key (default: %(default)s)",
    )


def _add_models(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("models")
    group.add_argument(
        "--cold-start",
        type=_seconds,
        default=0.0,
        metavar="TIME",
        help="what a model takes to start, such as 20s (default: all are always up)",
    )
    group.add_argument(
        "--warm-for",
        type=_seconds,
        default=300.0,
        metavar="TIME",
        help="how long a model stays up without a call (default: 5m)",
    )
    group.add_argument(
        "--shape",
        choices=get_args(Shape),
        default="blocks",
        help="`output` of a chat answer (default: %(default)s)",
    )
    group.add_argument(
        "--profile",
        choices=get_args(Profile),
        default="openai",
        help="how the OpenAI routes answer: strictly as OpenAI, or with the oddities of Bytez's containers"
        " (default: %(default)s)",
    )
    group.add_argument(
        "--run-model",
        default="Qwen/Qwen3-4B",
        metavar="MODEL",
        help="the model of POST /run, as in a container (default: %(default)s)",
    )
    group.add_argument(
        "--scenario", metavar="FILE", help="which models fail when, and how they behave (YAML)"
    )


def _add_upstream(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("a real model")
    group.add_argument(
        "--upstream", metavar="URL", help="let this OpenAI-compatible server answer: up to /chat/completions"
    )
    group.add_argument(
        "--upstream-model", metavar="MODEL", help="the model to ask there (default: the one asked for)"
    )
    group.add_argument(
        "--upstream-key", metavar="REF", help="its API key: env:NAME or file:PATH (default: none is sent)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from router.address import CannotServe  # noqa: PLC0415 - heavy imports only when it runs
    from router.emulator import serve  # noqa: PLC0415 - as above

    if args.faults:
        print(_faults(as_json=args.json))
        return 0
    if args.json:
        raise UsageError("--json goes with --faults")
    try:
        serve.run(args.host, args.port, _settings(args), _tell)
    except CannotServe as error:
        raise CommandError(str(error)) from error
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    from router.emulator.exchange import Refused  # noqa: PLC0415 - heavy imports only when it runs
    from router.emulator.routing import check_model_id  # noqa: PLC0415 - as above
    from router.emulator.scenario import load_scenario  # noqa: PLC0415 - as above

    try:
        check_model_id(args.run_model)
    except Refused as refusal:
        raise UsageError(f"--run-model: {refusal.message}") from None
    return Settings(
        keys=frozenset(args.key),
        strict_auth=args.strict_auth,
        tier=args.tier,
        credits=args.credits,
        auto_scale_cap=args.auto_scale_cap,
        cold_start_s=args.cold_start,
        warm_s=args.warm_for,
        shape=args.shape,
        profile=args.profile,
        run_model=args.run_model,
        scenario=None if args.scenario is None else load_scenario(args.scenario),
        upstream=_upstream(args),
    )


def _upstream(args: argparse.Namespace) -> UpstreamSettings | None:
    from router.config.secrets import unencrypted, url_problem  # noqa: PLC0415 - heavy imports only when it runs

    if args.upstream is None:
        for name in ("model", "key"):
            if getattr(args, f"upstream_{name}") is not None:
                raise UsageError(f"--upstream-{name} goes with --upstream")
        return None
    problem = url_problem(args.upstream)
    if problem:
        raise UsageError(f"--upstream: {problem}; write http://127.0.0.1:8081/v1, for example")
    key = None if args.upstream_key is None else _key(args.upstream_key)
    if key is not None and unencrypted(args.upstream):
        raise UsageError("--upstream: a key is sent over https only, or to this machine")
    return UpstreamSettings(args.upstream.rstrip("/"), args.upstream_model, key)


def _key(text: str) -> Secret:
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - heavy imports only when it runs

    from router.config.secrets import UnusableSecret, credential, resolve  # noqa: PLC0415 - as above

    try:
        return resolve(credential(text), os.environ)
    except (PydanticCustomError, UnusableSecret) as error:
        hint = error.context.get("hint") if isinstance(error, PydanticCustomError) and error.context else None
        raise UsageError(f"--upstream-key: {error if hint is None else f'{error}; {hint}'}") from None


def _usd(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= MAX_USD:
        raise argparse.ArgumentTypeError(f"{text!r} is not an amount: US dollars from 0 to {MAX_USD:,}")
    return amount


def _whole_usd(text: str) -> int:
    amount = _usd(text)
    if amount != int(amount):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of US dollars")
    return int(amount)


def _seconds(text: str) -> float:
    from pydantic_core import PydanticCustomError  # noqa: PLC0415 - heavy imports only when it runs

    from router.config.units import pause  # noqa: PLC0415 - as above

    try:
        return pause(text)
    except PydanticCustomError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time of at most 24h: write 500ms, 30s or 10m"
        ) from None


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

"""``router demo``: the main job, end to end, with an answer at every step."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router.cli.common import CommandError, add_command, port, process_settings, routing_line, summary_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from openai import OpenAI

    from router.cli.common import Commands
    from router.client import Router
    from router.emulator.serve import EmulatorServer

_CONFIG = "examples/quickstart/router.yaml"
_QUESTION = "What do you know about Earth?"
_KEY = "BYTEZ_API_KEY"
_NO_SUCH_MODEL = "bytez/router-demo/no-such-model"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        "demo",
        "show gateway, library and fallback at work; without BYTEZ_API_KEY on a local emulator",
        'router demo --ask "Why is the sky blue?"',
    )
    parser.add_argument("--ask", metavar="QUESTION", default=_QUESTION, help="default: %(default)s")
    parser.add_argument("--config", metavar="FILE", default=_CONFIG, help="default: %(default)s")
    parser.add_argument(
        "--port", type=port, help="the gateway's; default: a free one, with --keep as `router serve` has it"
    )
    parser.add_argument("--keep", action="store_true", help="keep the gateway running at the end")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run every step; everything that was started is stopped at the end."""
    try:
        from openai import OpenAI  # noqa: PLC0415 - only the demo needs it
    except ImportError:
        raise CommandError("the demo asks through the openai package: pip install openai") from None
    from router.cli.child import gateway_process  # noqa: PLC0415 - heavy imports only when it runs
    from router.client import Router  # noqa: PLC0415 - as above

    if not Path(args.config).is_file():
        raise CommandError(f"there is no file {args.config}; run this in the project's folder, or name one")
    question = args.ask.strip() or _QUESTION
    with contextlib.ExitStack() as started:
        started.enter_context(_ended_by_sigterm())
        emulator = started.enter_context(_upstream())
        url = started.enter_context(gateway_process(args.config, _port(args)))
        router = started.enter_context(Router.from_file(args.config))
        model = _model(router)
        client = started.enter_context(OpenAI(base_url=f"{url}/v1", api_key="sk-1234", max_retries=0))
        _title(f"{model}, through the gateway with the openai SDK")
        _ask_gateway(client, model, question)
        _title("The same, streamed")
        _ask_gateway_streamed(client, model, question)
        _title("The same, through Router in this process")
        _ask_library(router, model, question)
        _show_fallback(router, client, question, emulator)
        if args.keep:
            _keep(url, model)
    return 0


def _port(args: argparse.Namespace) -> int:
    if args.port is not None:
        return int(args.port)
    return process_settings().port if args.keep else 0


@contextlib.contextmanager
def _upstream() -> Iterator[EmulatorServer | None]:
    """Bytez itself when there is a key; else an emulator, made known to this process and its children."""
    if os.environ.get(_KEY):
        print(f"{_KEY} is set: the answers come from Bytez.")
        yield None
        return
    from router.address import CannotServe  # noqa: PLC0415 - as above
    from router.emulator.serve import EmulatorServer  # noqa: PLC0415 - as above

    print(f"{_KEY} is not set: a local emulator answers. It cites what it was asked.")
    try:
        emulator = EmulatorServer()
    except CannotServe as error:
        raise CommandError(str(error)) from error
    with emulator, _environment({"BYTEZ_BASE_URL": emulator.base_url, _KEY: "demo-key"}):
        yield emulator


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end the demo as Ctrl-C does, so that what it started is stopped."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _model(router: Router) -> str:
    """The first group that is no wildcard."""
    for name in router.plan.names:
        if "*" not in name:
            return name
    raise CommandError("the demo needs a config with a model group that is no wildcard")


def _ask_gateway(client: OpenAI, model: str, question: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model=model, messages=[_user(question)])
    print(raw.parse().choices[0].message.content)
    _from_headers(raw.headers)


def _ask_gateway_streamed(client: OpenAI, model: str, question: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[_user(question)], stream=True
    )
    with raw.parse() as stream:
        for chunk in stream:
            print("".join(choice.delta.content or "" for choice in chunk.choices), end="", flush=True)
    print()
    _from_headers(raw.headers)


def _ask_library(router: Router, model: str, question: str) -> None:
    reply = router.completion(model, [_user(question)])
    print(reply.choices[0].message.content)
    print(routing_line(reply.routing))


def _show_fallback(router: Router, client: OpenAI, question: str, emulator: EmulatorServer | None) -> None:
    model = _model(router)
    route = router.plan.routes[model]
    first = route.asked.targets[0]
    if emulator is None:
        _title(f"A first target that does not exist ({_NO_SUCH_MODEL}): the next one answers")
        _ask_beside_missing(first.id, question)
        return
    _title(f"The first target, {first.id}, fails with 503: the next one answers")
    emulator.fail(first.model, "503")
    _ask_gateway(client, model, question)
    if route.groups[1:]:
        _title(f"Every target of {model} fails: its fallback {route.groups[1].name} answers")
        for target in route.asked.targets:
            emulator.fail(target.model, "503")
        _ask_gateway(client, model, question)


def _ask_beside_missing(target: str, question: str) -> None:
    from router.client import Router  # noqa: PLC0415 - as in run
    from router.config import RouterConfig  # noqa: PLC0415 - as in run

    targets = [_NO_SUCH_MODEL, {"model": target, "tier": 2}]
    config = RouterConfig.model_validate({"version": 1, "models": {"demo": {"targets": targets}}})
    with Router(config) as router:
        _ask_library(router, "demo", question)


def _keep(url: str, model: str) -> None:
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
    _title(f"The gateway keeps running on {url} until Ctrl-C; ask it with")
    print(f"curl {url}/v1/chat/completions --header 'content-type: application/json' --data '{body}'")
    sys.stdout.flush()
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _user(question: str) -> Any:
    return {"role": "user", "content": question}


def _title(text: str) -> None:
    print(f"\n# {text}", flush=True)


def _from_headers(headers: Mapping[str, str]) -> None:
    names = ("x-router-target", "x-router-attempts", "x-router-cache", "x-router-plan")
    target, attempts, cache, plan = (headers[name] for name in names)
    print(summary_line(target, attempts, cache, plan))

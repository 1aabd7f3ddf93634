"""Secrets: invariant 41."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
import string
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import quote

from hypothesis import event, given
from hypothesis import strategies as st

from router import ConfigError
from router.errors import RouterError
from router.server.app import create_app
from router.types import FailureClass
from tests.property.memory import Listening, Said, Upstreams, VirtualLoop, open_router, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from router import Router

_CHARS = string.ascii_letters + string.digits + "+/=-_.~%&"
_CONFIG = {
    "version": 1,
    "providers": {
        "a": {
            "adapter": "openai",
            "base_url": "https://a.example/v1",
            "api_key": "env:KEY_A",
            "headers": {"x-token": "env:TOKEN"},
        },
        "bytez": {"api_key": "env:KEY_B", "provider_key": "env:KEY_P", "base_url": "https://b.example"},
    },
    "defaults": {"retries": 1, "timeout": "4s"},
    "models": {"g": {"targets": ["a/x", {"model": "bytez/o/y", "tier": 2}], "params": {"temperature": 0.5}}},
    "callers": [{"name": "me", "key": "env:CALLER"}],
}
_NAMES = ("KEY_A", "KEY_B", "KEY_P", "TOKEN", "CALLER")
_SEEDS = st.integers(0, 2**64)
_FORMS: dict[str, Callable[[str], str]] = {
    "whole": lambda secret: secret,
    "masked": lambda secret: f"{secret[:10]}...{secret[-9:]}",
    "middle": lambda secret: secret[5:17],
    "percent": lambda secret: quote(secret, safe=""),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "header": lambda secret: f"Bearer {secret}",
}


def _secret(seed: int, name: str) -> str:
    """A key that no text contains by accident."""
    return "".join(random.Random(f"{seed}{name}").choices(_CHARS, k=24))


def _said(form: str, where: str, secret: str) -> Said:
    """An upstream that knows a secret and says it in some *form*, somewhere."""
    echo = _FORMS[form](secret)
    error = json.dumps({"error": {"message": f"bad key {echo}!", "code": echo, "type": echo}}).encode()
    match where:
        case "status":
            return Said(401, {"retry-after": echo, "x-echo": echo}, error)
        case "body":
            return Said(500, body=f"<p>{echo} {'.' * 2000}".encode())
        case "long":
            return Said(400, body=json.dumps({"error": "." * 1000 + echo}).encode())
        case "stream":
            return Said(content_s=0.0, body=b"event: error\ndata: " + error + b"\n\n")
        case _:
            return Said(breaks=FailureClass.CONNECTION)


@given(
    seed=_SEEDS,
    echoed=st.sampled_from(_NAMES[:4]),
    form=st.sampled_from(sorted(_FORMS)),
    where=st.sampled_from(["status", "body", "long", "stream", "nowhere"]),
    stream=st.booleans(),
)
def test_invariant_41_secrets_are_shown_nowhere(
    seed: int, echoed: str, form: str, where: str, stream: bool
) -> None:
    """No 8 characters of a key, plain or encoded, in logs, reprs, errors, tracebacks, replies or the plan."""
    secrets = {name: _secret(seed, name) for name in _NAMES}
    said = _said(form, where, secrets[echoed])
    with mock.patch.dict(os.environ, secrets):
        shown = "\n".join(_all_that_is_shown(said, stream, secrets["CALLER"]))
    for name, secret in secrets.items():
        for text in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode()):
            for start in range(len(text) - 7):
                assert text[start : start + 8] not in shown, f"{name} was shown"
    event(f"echoed: {form}")
    event(f"echoed in: {where}")
    event(f"an error names the masked key: {'key ***' in shown}")


def _all_that_is_shown(said: Said, stream: bool, key: str) -> Iterator[str]:
    # On Bytez's native wire these events would be text, and so an answer.
    others = {"bytez/o/y": [Said(500, body=said.body)]} if said.content_s is not None else {}
    upstreams = Upstreams(others, said)
    with (
        Listening() as logged,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_CONFIG, upstreams) as router,
    ):
        yield from _library(router, runner, stream)
        body = {"model": "g", "messages": [{"role": "user", "content": "x"}], "stream": stream}
        headers = [(b"authorization", b"Bearer " + key.encode())]
        served = runner.run(serve(create_app(router), json.dumps(body).encode(), headers))
        assert upstreams.requests
        assert served.status != 401
        yield f"{served}"
        wrong = [(b"authorization", b"Bearer " + key[::-1].encode())]
        refused = runner.run(serve(create_app(router), b"{}", wrong))
        assert refused.status == 401
        yield f"{refused}"
        engine = router.engine
        yield f"{router!r} {router.config!r} {router.plan!r} {engine!r} {engine.adapters!r} {vars(router)!r}"
        yield f"{upstreams.requests!r} {engine.shared!r} {engine.plan.digest}"
        yield router.config.model_dump_json()
    yield from (f"{line.getMessage()} {vars(line)!r}" for line in logged)


def _library(router: Router, runner: asyncio.Runner, stream: bool) -> Iterator[str]:
    try:
        yield repr(runner.run(_ask(router, stream)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it must show nothing
        yield f"{error} {error!r} {vars(error)!r}"
        yield "".join(traceback.format_exception(error))


async def _ask(router: Router, stream: bool) -> Any:
    answer = await router.acompletion("g", [{"role": "user", "content": "x"}], stream=stream)
    chunks = [chunk async for chunk in answer] if stream else answer  # type: ignore[union-attr]  # As asked.
    return chunks, answer.routing


@given(seed=_SEEDS, at=st.sampled_from(_NAMES), flaw=st.sampled_from([" ", "\n", "é", "\x00x"]))
def test_invariant_41_a_secret_that_cannot_be_used_is_not_shown(seed: int, at: str, flaw: str) -> None:
    """A key with a flaw is refused when the router or gateway opens, by its name and not its value."""
    secrets = {name: _secret(seed, name) for name in _NAMES}
    secrets[at] = secrets[at][:12] + flaw + secrets[at][12:]
    shown = "no finding"
    with mock.patch("router.engine.os.environ", secrets), mock.patch("router.server.app.os.environ", secrets):
        try:
            with open_router(_CONFIG, Upstreams({})) as router:
                create_app(router)
        except ConfigError as error:
            shown = f"{error} {error!r} {error.diagnostics!r}" + "".join(traceback.format_exception(error))
    event(f"{'a header' if at == 'TOKEN' else 'a key'}: {'taken' if shown == 'no finding' else 'refused'}")
    for secret in secrets.values():
        for start in range(len(secret) - 7):
            assert secret[start : start + 8] not in shown


_CANARY = st.text(string.ascii_letters, min_size=12, max_size=12).map(lambda text: f"canary{text}")


def _texts(canary: str) -> dict[str, Any]:
    """Params that may hold anything."""
    return {
        "user": canary,
        "stop": [canary],
        "tool_choice": canary,
        "response_format": {"type": "json_schema", "json_schema": {"name": canary}},
        "tools": [{"type": "function", "function": {"name": canary}}],
        "metadata": {canary: canary},
        "reasoning_effort": canary,
        "modalities": [canary],
        f"name {canary}": 1,
        f"n{canary * 3}": 1,
    }


@given(
    seed=_SEEDS,
    answer=_CANARY,
    params=_CANARY.flatmap(
        lambda text: st.sets(st.sampled_from(sorted(_texts(text)))).map(
            lambda names: (text, {name: value for name, value in _texts(text).items() if name in names})
        )
    ),
    echoed=st.sampled_from(_NAMES[:4]),
    where=st.sampled_from(["status", "body", "stream", "nowhere", "answer"]),
    kinds=st.tuples(st.booleans(), st.booleans()),
)
def test_invariant_41_the_decision_log_holds_no_secret_prompt_or_answer(
    seed: int,
    answer: str,
    params: tuple[str, dict[str, Any]],
    echoed: str,
    where: str,
    kinds: tuple[bool, bool],
) -> None:
    """Of a request's texts, an answer's and a key's no eight characters are in its line, whatever happens."""
    stream, decisions = kinds
    secrets = {name: _secret(seed, name) for name in _NAMES}
    good = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": answer}}]})
    said = Said(body=good.encode()) if where == "answer" else _said("whole", where, secrets[echoed])
    prompt, given_params = params
    parts = [
        {"type": "text", "text": prompt},
        {"type": prompt},
        {"type": "image_url", "image_url": {"url": prompt}},
    ]
    messages = [{"role": "user", "content": parts}, {"role": prompt, "content": prompt, "name": prompt}]
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, secrets):
        path = Path(folder, "log.jsonl")
        models = {"g": {**_CONFIG["models"]["g"], "affinity": "user"}}  # type: ignore[index]  # It is a dict.
        config = {**_CONFIG, "models": models, "decision_log": {"path": str(path), "decisions": decisions}}
        with (
            asyncio.Runner(loop_factory=VirtualLoop) as runner,
            open_router(config, Upstreams({}, said)) as router,
        ):
            for asked in (messages, messages[:1], [{"role": "user", "content": prompt}]):
                runner.run(_quietly(router, asked, given_params, stream))
        log = path.read_text()
    assert log.count('"decision":{') == (len(log.splitlines()) if decisions else 0)
    event(f"lines: {len(log.splitlines())}, decisions: {decisions}")
    for text in (prompt, answer, *secrets.values()):
        for start in range(len(text) - 7):
            assert text[start : start + 8] not in log


async def _quietly(router: Router, messages: Any, params: dict[str, Any], stream: bool) -> None:
    try:
        given = await router.acompletion("g", messages, stream=stream, **params)
        if stream:
            async for _ in given:  # type: ignore[union-attr]  # As asked.
                pass
    except RouterError:
        pass

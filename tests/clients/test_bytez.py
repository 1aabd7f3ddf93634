"""Bytez's SDKs for Python and for JavaScript, unmodified, are satisfied with the emulator."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from bytez import Bytez
from bytez import client as wire

from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings, UpstreamSettings
from router.emulator.tiers import UNLIMITED
from tests.clients.world import TOOLS, ModelUpstream, falls_silent
from tests.library.upstream import HANG
from tests.server.world import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.clients.node import Node

    Client = Callable[..., dict[str, Any]]

HOME = "http://localhost:8080"
MODEL = "google/gemma-3-4b-it"
PARAMS = {"max_new_tokens": 200, "top_a": 0.25}
ERRORS = {
    "faulty/400": "Bad request",
    "faulty/402": "Payment Required",
    "faulty/404": "Model does not exist or has yet to be added to the Bytez catalog",
    "faulty/429-retry-after-77s": "Rate limit exceeded",
    "faulty/503": "Service Unavailable",
    "faulty/200-with-error": "The model failed to load",
    "missing/model": "Model does not exist or has yet to be added to the Bytez catalog",
}


class _Python:
    """What the SDK for Python sees. It knows two fixed hosts only, so its address is replaced."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(
        self,
        model: str,
        what: str = "run",
        *,
        key: str = "good",
        params: dict[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        sdk: Any = Bytez(key, dev=True)
        assert sdk._client.host.startswith(HOME)
        sdk._client.host = sdk._client.host.replace(HOME, self._url)
        if what == "list":
            return _seen(sdk.list.models({"modelId": model}))
        chat = [{"role": "user", "content": "Hello"}]
        with pytest.MonkeyPatch.context() as patch:
            if timeout_s is not None:  # It has no time-out of its own: that of what it is built on is set.
                patch.setattr(wire.requests, "request", partial(wire.requests.request, timeout=timeout_s))
            answer = sdk.model(model).run(chat, params or {}, what in ("stream", "leave"))
        if what == "stream":
            return {"error": None, "output": "".join(answer)}
        if what == "leave":
            return {"error": None, "output": next(answer)}  # Who lets go of the iterator closes the stream.
        return _seen(answer)


def _seen(answer: Any) -> dict[str, Any]:
    return {"error": answer.error, "output": answer.output, "provider": answer.provider}


class _Node:
    """What the SDK for JavaScript sees."""

    def __init__(self, url: str, node: Node) -> None:
        self._url = url
        self._node = node

    def __call__(
        self,
        model: str,
        what: str = "run",
        *,
        key: str = "good",
        params: dict[str, Any] | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        more = [json.dumps(params or {}), *([] if timeout_s is None else [str(timeout_s)])]
        found = self._node.run("bytez.mjs", self._url, key, model, what, *more)
        assert found.pop("hosts") == [HOME]
        return found


@pytest.fixture(params=["python", "node"])
def client_of(request: pytest.FixtureRequest) -> Callable[[str], Client]:
    """The client of an emulator's address."""
    if request.param == "python":
        return _Python
    return partial(_Node, node=request.getfixturevalue("node"))


@pytest.fixture
def client(client_of: Callable[[str], Client], bytez_emulator: EmulatorServer) -> Client:
    return client_of(bytez_emulator.base_url)


def test_text(client: Client, bytez_emulator: EmulatorServer) -> None:
    """A plain run gives the answer's blocks; the params arrive, unknown ones too."""
    answer = client(MODEL, params=PARAMS)
    assert answer["error"] is None
    assert answer["output"]["role"] == "assistant"
    assert 'You said: "Hello"' in answer["output"]["content"][0]["text"]
    run = bytez_emulator.requests()[-1]
    assert (run["path"], run["body"]["params"]) == (f"/models/v2/{MODEL}", PARAMS)
    assert run["headers"]["authorization"] == "Key ***"


def test_stream(client: Client) -> None:
    """A stream comes whole, its characters unharmed; the SDK for Python itself drops line ends."""
    answer = client(MODEL, "stream")
    assert answer["output"].startswith('You said: "Hello"')
    assert answer["output"].endswith("東京 and ☕🙂 are here to try your decoder.")


def test_closed_models(client: Client, bytez_emulator: EmulatorServer) -> None:
    """Tools go up among the params, as Bytez has it; the provider's own reply, with its usage, comes back."""
    answer = client("openai/gpt-4o", params={"tools": TOOLS})
    assert bytez_emulator.requests()[-1]["body"]["params"] == {"tools": TOOLS}
    assert answer["provider"]["choices"][0]["finish_reason"] == "stop"
    usage = answer["provider"]["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("model", ERRORS)
def test_errors(client: Client, model: str) -> None:
    """What fails is the SDK's `error`, in Bytez's words."""
    answer = client(model)
    assert answer["error"] == ERRORS[model]
    assert not answer["output"]


def test_bad_key(client: Client) -> None:
    """A bad key is told as such."""
    assert client(MODEL, key="bad")["error"] == "Unauthorized"


def test_list(client: Client) -> None:
    """A model is found by its id."""
    assert [item["modelId"] for item in client(MODEL, "list")["output"]] == [MODEL]


# --- clients that leave: the emulator asks a real server for the answer, which sees it


@pytest.fixture
def upstream() -> Iterator[ModelUpstream]:
    with ModelUpstream({"org/silent": HANG, "org/endless": falls_silent("Hello\n")}) as upstream:
        yield upstream


@pytest.fixture
def relayed(client_of: Callable[[str], Client], upstream: ModelUpstream) -> Iterator[Client]:
    # A call that was given up may be under way still when the next one comes.
    with EmulatorServer(Settings(tier=UNLIMITED, upstream=UpstreamSettings(upstream.url))) as emulator:
        yield client_of(emulator.base_url)


def test_timeout(relayed: Client, upstream: ModelUpstream) -> None:
    """A time-out is the SDK's `error`; the emulator stops working for who has left."""
    answer = patiently(
        lambda timeout_s: relayed("org/silent", timeout_s=timeout_s), lambda: upstream.calls["org/silent"] > 0
    )
    assert re.search("timed out|aborted due to timeout", answer["error"])
    assert answer["output"] is None
    assert upstream.left.wait(20)


def test_cancellation(relayed: Client, upstream: ModelUpstream) -> None:
    """A stream's first words are there at once; who leaves it then stops what runs for it."""
    answer = relayed("org/endless", "leave")
    assert answer["output"].strip() == "Hello"
    assert upstream.left.wait(20)

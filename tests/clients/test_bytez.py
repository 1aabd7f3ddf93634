"""Bytez's SDKs for Python and for JavaScript, unmodified, are satisfied with the emulator."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from bytez import Bytez

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from router.emulator.serve import EmulatorServer

    Client = Callable[..., dict[str, Any]]

HOME = "http://localhost:8080"
MODEL = "google/gemma-3-4b-it"
ERRORS = {
    "faulty/402": "Payment Required",
    "faulty/429": "Rate limit exceeded",
    "faulty/503": "Service Unavailable",
    "faulty/200-with-error": "The model failed to load",
    "missing/model": "Model does not exist or has yet to be added to the Bytez catalog",
}


class _Python:
    """What the SDK for Python sees. It knows two fixed hosts only, so its address is replaced."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, model: str, what: str = "run", key: str = "good") -> dict[str, Any]:
        sdk: Any = Bytez(key, dev=True)
        assert sdk._client.host.startswith(HOME)
        sdk._client.host = sdk._client.host.replace(HOME, self._url)
        if what == "list":
            answer = sdk.list.models({"modelId": model})
            return {"error": answer.error, "output": answer.output}
        chat = [{"role": "user", "content": "Hello"}]
        answer = sdk.model(model).run(chat, {"max_new_tokens": 200}, what == "stream")
        if what == "stream":
            return {"error": None, "output": "".join(answer)}
        return {"error": answer.error, "output": answer.output}


class _Node:
    """What the SDK for JavaScript sees."""

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self._folder = folder

    def __call__(self, model: str, what: str = "run", key: str = "good") -> dict[str, Any]:
        command = ["node", "bytez.mjs", self._url, key, model, what]
        ran = subprocess.run(
            command, cwd=self._folder, capture_output=True, text=True, timeout=30, check=True
        )
        found: dict[str, Any] = json.loads(ran.stdout)
        assert found.pop("hosts") == [HOME]
        return found


@pytest.fixture(params=["python", "node"])
def client(request: pytest.FixtureRequest, bytez_emulator: EmulatorServer) -> Client:
    if request.param == "python":
        return _Python(bytez_emulator.base_url)
    return _Node(bytez_emulator.base_url, request.getfixturevalue("node"))


def test_text(client: Client, bytez_emulator: EmulatorServer) -> None:
    """A plain run gives the answer's blocks; the params arrive."""
    answer = client(MODEL)
    assert answer["error"] is None
    assert answer["output"]["role"] == "assistant"
    assert 'You said: "Hello"' in answer["output"]["content"][0]["text"]
    run = bytez_emulator.requests()[-1]
    assert (run["path"], run["body"]["params"]) == (f"/models/v2/{MODEL}", {"max_new_tokens": 200})
    assert run["headers"]["authorization"] == "Key ***"


def test_stream(client: Client) -> None:
    """A stream comes whole, its characters unharmed; the SDK for Python itself drops line ends."""
    answer = client(MODEL, "stream")
    assert answer["output"].startswith('You said: "Hello"')
    assert answer["output"].endswith("東京 and ☕🙂 are here to try your decoder.")


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

"""The real Bytez SDK, unmodified but for its address, is satisfied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from bytez import Bytez

from router.cli import main

DEV_ROOT = "http://localhost:8080/models/v2/"

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer


@pytest.fixture
def sdk(bytez_emulator: EmulatorServer) -> Any:
    client = Bytez("good", dev=True)
    # It only knows two fixed hosts; the tests' emulators have other ports, so that several can run.
    assert client._client.host == DEV_ROOT
    client._client.host = DEV_ROOT.replace("http://localhost:8080", bytez_emulator.base_url)
    return client


def test_default_port_is_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    """`router emulate` without options listens where `dev=True` calls."""
    held: list[Any] = []
    monkeypatch.setattr("router.emulator.serve.run", lambda *args: held.append(args))
    assert main(["emulate"]) == 0
    assert held[0][:2] == ("127.0.0.1", urlsplit(DEV_ROOT).port)


def test_run(sdk: Any, bytez_emulator: EmulatorServer) -> None:
    """A plain run looks the model up, then runs it with `input` and `params`."""
    model = sdk.model("google/gemma-3-4b-it")
    result = model.run([{"role": "user", "content": "Hello"}], {"temperature": 0.5})
    assert result.error is None
    assert 'You said: "Hello"' in result.output["content"][0]["text"]
    assert '- Params: {"temperature":0.5}' in result.output["content"][0]["text"]
    listing, run = bytez_emulator.requests()
    assert listing["path"] == "/models/v2/list/models?modelId=google/gemma-3-4b-it"
    assert run["headers"]["authorization"] == "Key ***"
    assert run["body"] == {
        "params": {"temperature": 0.5},
        "stream": False,
        "input": [{"role": "user", "content": "Hello"}],
    }
    assert model.details["task"] == "image-text-to-text"


def test_stream(sdk: Any) -> None:
    """A stream arrives whole; the SDK itself drops line ends and empty lines."""
    parts = list(sdk.model("Qwen/Qwen3-4B").run("Hello", stream=True))
    assert "".join(parts).startswith('You said: "Hello"- Messages: 1 (user)- Media: none')
    assert "東京 and ☕🙂" in "".join(parts)


def test_unlisted_model(sdk: Any) -> None:
    """A model that no list names runs as well."""
    assert sdk.model("someone/something").run("Hello").error is None


def test_provider_key(sdk: Any, bytez_emulator: EmulatorServer) -> None:
    """The provider's key arrives, and is masked."""
    assert sdk.model("openai/gpt-4o", "pk-secret").run("Hello").error is None
    assert bytez_emulator.requests()[-1]["headers"]["provider-key"] == "***"


def test_errors(sdk: Any, bytez_emulator: EmulatorServer) -> None:
    """Errors come as the SDK's `error`, of a status and of a 200 alike."""
    assert sdk.model("faulty/503").run("Hello").error == "Service Unavailable"
    assert sdk.model("faulty/200-with-error").run("Hello").error == "The model failed to load"
    assert sdk.model("faulty/402").run("Hello").error == "Payment Required"
    bad = Bytez("bad")
    bad._client.host = f"{bytez_emulator.base_url}/models/v2/"
    assert bad.model("Qwen/Qwen3-4B").run("Hello").error == "Unauthorized"
    assert bad.list.tasks().error == "Unauthorized"


def test_lists(sdk: Any) -> None:
    """Both lists, with and without filters."""
    assert "chat" in sdk.list.tasks().output
    assert {item["task"] for item in sdk.list.models({"task": "chat"}).output} == {"chat"}
    assert len(sdk.list.models().output) > 3

"""Seed row: the page's three config.yaml files, as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

from router import Router
from router.config import load_file
from router.errors import ConfigError
from tests.seed.page import CONFIGS, EXAMPLES, FIXTURES, HELLO, gateway, sent

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer

PARAMS: dict[str, dict[str, Any]] = {
    "config.yaml": {},
    "params.yaml": {"max_new_tokens": 20, "temperature": 0.5},
    "huggingface.yaml": {"repetition_penalty": 1.2},
}
FOLDERS = {
    "config.yaml": "seed-config",
    "params.yaml": "seed-params",
    "huggingface.yaml": "seed-huggingface",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_file_has_no_findings(name: str) -> None:
    """The file loads without an error or a warning and offers the page's model group."""
    loaded = load_file(FIXTURES / name)
    assert [item for item in loaded.diagnostics if item.severity != "note"] == []
    assert list(loaded.require().models) == ["gemma-3"]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_file_serves_the_library(name: str, bytez: EmulatorServer) -> None:
    """The group is answered by the file's model, with the file's params."""
    with Router.from_file(FIXTURES / name) as router:
        reply = router.completion(model="gemma-3", messages=HELLO)
    assert (reply.choices[0].message.content or "").startswith('You said: "Hello, how are you?"')
    assert sent(bytez).get("params", {}) == PARAMS[name]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_file_serves_the_gateway(name: str, bytez: EmulatorServer) -> None:
    """So it is behind HTTP."""
    with (
        gateway(FIXTURES / name) as port,
        OpenAI(api_key="sk-1234", base_url=f"http://127.0.0.1:{port}") as client,
    ):
        messages: Any = HELLO
        reply = client.chat.completions.create(model="gemma-3", messages=messages)
    assert (reply.choices[0].message.content or "").startswith('You said: "Hello, how are you?"')
    assert sent(bytez).get("params", {}) == PARAMS[name]


@pytest.mark.parametrize("name", CONFIGS)
def test_the_example_is_the_pages_file(name: str) -> None:
    """The example that shows a file of the page has it to the byte."""
    assert (EXAMPLES / FOLDERS[name] / "config.yaml").read_bytes() == (FIXTURES / name).read_bytes()


def test_the_files_key_is_needed(bytez: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """os.environ/BYTEZ_API_KEY is read when the router opens: without it that fails and names it."""
    monkeypatch.delenv("BYTEZ_API_KEY")
    with pytest.raises(ConfigError, match=r"config\.yaml:5:.*BYTEZ_API_KEY"):
        Router.from_file(FIXTURES / "config.yaml")

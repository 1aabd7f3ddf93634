"""Closed models: the provider's raw reply stands beside the output, and our adapter reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from router import Router

if TYPE_CHECKING:
    import httpx2 as httpx

    from router.emulator.serve import EmulatorServer

ASK = {"input": "Hi"}
KEY = {"provider-key": "pk"}


def provider(client: httpx.Client, model: str, **params: Any) -> dict[str, Any]:
    reply = client.post(f"/models/v2/{model}", json={**ASK, "params": params}, headers=KEY).json()
    assert set(reply) == {"error", "output", "provider"}
    held: dict[str, Any] = reply["provider"]
    return held


def test_each_provider_has_its_own_form(client: httpx.Client) -> None:
    """Text, finish reason and counts stand where each provider puts them."""
    words = 2
    openai = provider(client, "openai/gpt-4o", max_new_tokens=words)
    assert openai["choices"][0]["message"]["content"] == "You said:"
    assert openai["choices"][0]["finish_reason"] == "length"
    assert openai["usage"]["completion_tokens"] == words
    assert provider(client, "mistral/mistral-large-latest")["choices"][0]["finish_reason"] == "stop"
    anthropic = provider(client, "anthropic/claude-sonnet-4-5", max_new_tokens=words)
    assert anthropic["content"] == [{"type": "text", "text": "You said:"}]
    assert anthropic["stop_reason"] == "max_tokens"
    assert anthropic["usage"] == {"input_tokens": 1, "output_tokens": words}
    google = provider(client, "google/gemini-2.5-pro", max_new_tokens=words)
    assert google["candidates"][0]["content"]["parts"] == [{"text": "You said:"}]
    assert google["candidates"][0]["finishReason"] == "MAX_TOKENS"
    counts = {"promptTokenCount": 1, "candidatesTokenCount": 2, "totalTokenCount": 3}
    assert google["usageMetadata"] == counts
    cohere = provider(client, "cohere/command-a-03-2025", max_new_tokens=words)
    assert cohere["message"]["content"] == [{"type": "text", "text": "You said:"}]
    assert cohere["usage"] == {"tokens": {"input_tokens": 1, "output_tokens": words}}


def test_open_models_under_the_same_prefixes(client: httpx.Client) -> None:
    """google/ and openai/ hold open models too, whose replies have no `provider`."""
    for model in ("google/gemma-3-4b-it", "openai/gpt-oss-20b", "google/gemma-9-99b-it"):
        assert set(client.post(f"/models/v2/{model}", json=ASK).json()) == {"error", "output"}


@pytest.mark.parametrize(
    "path", ["cohere/command-a-03-2025", "openai/v1/chat/completions", "openai/v1/completions"]
)
def test_cohere_needs_a_key_of_ones_own(client: httpx.Client, path: str) -> None:
    """As Bytez documents, on every route; the error names the header."""
    asked = {"model": "cohere/command-a-03-2025"} if path.startswith("openai/v1") else {}
    said = {"messages": [{"role": "user", "content": "Hi"}]} if "completions" in path else ASK
    body = {**asked, **({"prompt": "Hi"} if path.endswith("v1/completions") else said)}
    for headers in ({}, {"provider-key": ""}):
        reply = client.post(f"/models/v2/{path}", json=body, headers=headers)
        assert reply.status_code == 400
        assert "provider-key" in reply.json()["error"]
        assert reply.headers["inference-cost"] == "0.000000"
    assert client.post(f"/models/v2/{path}", json=body, headers=KEY).status_code == 200


@pytest.mark.parametrize("model", ["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "google/gemini-2.5-pro"])
def test_the_router_reads_it(bytez_emulator: EmulatorServer, model: str) -> None:
    """Usage and finish reason reach a caller of the router as they were said."""
    text = f"""
version: 1
providers:
  bytez: {{base_url: "{bytez_emulator.base_url}", api_key: env:HOME}}
models:
  m: bytez/{model}
"""
    with Router.from_yaml(text) as router:
        messages = [{"role": "user", "content": "Hi"}]
        reply = router.completion("m", messages, max_tokens=2)
    assert reply.choices[0].message.content == "You said:"
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2

"""POST /v1/embeddings, asked by the openai SDK and by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.library.upstream import Exchange, Upstream, http, reply
from tests.server.world import GatewayThread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.conftest import Lines

VECTOR = [0.5, -2.0]
# Spaced as no serialiser of ours would: what arrives like this was passed on untouched.
PLAIN = (
    b'{"object": "list",  "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -2.0]}], '
    b'"model": "up-1", "usage": {"prompt_tokens": 2, "total_tokens": 2}}'
)


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        server.script(reply(200, PLAIN))
        yield server


@pytest.fixture
def served(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayThread]:
    monkeypatch.setenv("ALICE", "alice-key-1")
    monkeypatch.setenv("BOB", "bob-key-1")
    gateway = GatewayThread(
        f"""
version: 1
providers:
  up: {{adapter: openai, base_url: "{up.url}"}}
  bytez: {{base_url: "{up.root}", api_key: env:ALICE}}
defaults: {{retries: 0}}
models:
  plain: up/m
  native: bytez/BAAI/bge
callers:
  - {{name: alice, key: env:ALICE, groups: [plain, native]}}
  - {{name: bob, key: env:BOB, groups: [plain]}}
"""
    )
    yield gateway
    gateway.close()


@pytest.fixture
def sdk(served: GatewayThread) -> Iterator[OpenAI]:
    with OpenAI(api_key="alice-key-1", base_url=f"{served.url}/v1", max_retries=0) as client:
        yield client


def post(served: GatewayThread, path: str = "/v1/embeddings", key: str = "alice-key-1", **body: Any) -> Any:
    headers = {"authorization": f"Bearer {key}"}
    return served.http.post(path, json={"model": "plain", "input": "x", **body}, headers=headers)


async def embed_natively(exchange: Exchange) -> None:
    """A vector that tells which text it is of."""
    vector = [float(len(exchange.seen.json["text"])), 0.25]
    body = json.dumps({"error": None, "output": vector}).encode()
    await exchange.send(http(200, body, {"content-type": "application/json"}))


def test_the_sdk_asks_for_base64(sdk: OpenAI, up: Upstream) -> None:
    """The SDK asks for base64 of its own accord, and reads what a server of floats gave."""
    reply = sdk.embeddings.create(model="plain", input="Hello")
    assert reply.data[0].embedding == VECTOR
    assert (reply.model, reply.usage.total_tokens) == ("up-1", 2)
    assert up.seen[0].json == {"model": "m", "input": "Hello", "encoding_format": "base64"}


def test_floats(sdk: OpenAI) -> None:
    """Floats are floats."""
    reply = sdk.embeddings.create(model="plain", input=[[1, 2]], encoding_format="float")
    assert reply.data[0].embedding == VECTOR


def test_bytez_in_order(sdk: OpenAI, up: Upstream) -> None:
    """Bytez answers one text at a time; the SDK gets all vectors in order, and no usage."""
    up.script(embed_natively)
    reply = sdk.embeddings.create(model="native", input=["a", "bb", "ccc"])
    assert [item.embedding for item in reply.data] == [[1.0, 0.25], [2.0, 0.25], [3.0, 0.25]]
    assert [item.index for item in reply.data] == [0, 1, 2]
    assert len(up.seen) == 3
    assert reply.to_dict()["usage"] is None


async def test_asynchronous(served: GatewayThread) -> None:
    """The asynchronous client likewise."""
    async with AsyncOpenAI(api_key="alice-key-1", base_url=f"{served.url}/v1") as sdk:
        reply = await sdk.embeddings.create(model="plain", input="Hello")
    assert reply.data[0].embedding == VECTOR


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings"])
def test_untouched(served: GatewayThread, path: str) -> None:
    """A reply in which nothing changes is passed on as its bytes, with the headers of every answer."""
    answer = post(served, path)
    assert answer.content == PLAIN
    assert answer.headers["x-router-target"] == "up/m"
    assert answer.headers["x-router-attempts"] == "1"
    assert answer.headers["x-request-id"]


def test_base64_by_hand(served: GatewayThread) -> None:
    """Floats of the upstream reach a caller of base64 as little-endian float32."""
    answer = post(served, encoding_format="base64").json()
    assert answer["data"] == [{"object": "embedding", "index": 0, "embedding": "AAAAPwAAAMA="}]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"input": []}, 400, "input"),
        ({"input": None}, 400, "input"),
        ({"stream": True}, 400, "stream"),
        ({"encoding_format": "hex"}, 400, "encoding_format"),
        ({"num_retries": 3}, 400, "num_retries"),
        ({"router": {"odd": 1}}, 400, "router.odd"),
        ({"model": "nope"}, 404, "model"),
    ],
)
def test_refused(served: GatewayThread, up: Upstream, body: dict[str, Any], status: int, param: str) -> None:
    """What cannot be routed is refused as chats are, and nothing is sent."""
    answer = post(served, **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param)
    assert up.seen == []


def test_upstream_errors(sdk: OpenAI, up: Upstream) -> None:
    """A refusal upstream is the SDK's error class, with Retry-After."""
    up.script(reply(429, {"error": {"message": "later"}}, {"retry-after": "7"}))
    with pytest.raises(openai.RateLimitError) as caught:
        sdk.embeddings.create(model="plain", input="Hello")
    assert caught.value.response.headers["retry-after"]


def test_keys_and_groups(served: GatewayThread) -> None:
    """Without a key nobody embeds; a group that is not the caller's does not exist for it."""
    assert post(served, key="x").status_code == 401
    assert post(served, key="bob-key-1").status_code == 200
    assert post(served, key="bob-key-1", model="native").status_code == 404


def test_logged(log_lines: Lines, served: GatewayThread) -> None:
    """One line says how it went; it holds no text and no vector."""
    post(served, input="PROMPT-CANARY")
    [line] = [line for line in log_lines if line["event"] == "router.request_completed"]
    assert (line["group"], line["outcome"], line["prompt_tokens"]) == ("plain", "ok", 2)
    assert "CANARY" not in str(log_lines)

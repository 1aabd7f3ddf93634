"""Real clients at the gateway: the openai SDK, plain and asynchronous, and curl."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.server.test_body import PRINTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.server.world import GatewayThread, Upstream


@pytest.fixture
def sdk(gateway: GatewayThread, upstream: Upstream) -> Iterator[OpenAI]:
    """The SDK with its own two retries, as the page configures it: no /v1, and any key."""
    with OpenAI(api_key="sk-1234", base_url=gateway.url) as client:
        yield client


def _ask(sdk: OpenAI, model: str) -> str | None:
    reply = sdk.chat.completions.create(model=model, messages=[{"role": "user", "content": "Hello"}])
    return reply.choices[0].message.content


def test_plain(sdk: OpenAI) -> None:
    """A plain call parses, usage included."""
    reply = sdk.chat.completions.create(model="chat", messages=[{"role": "user", "content": "Hello"}])
    assert reply.choices[0].message.content == "Hi"
    assert reply.usage is not None
    assert reply.usage.total_tokens == 3


def test_streamed(sdk: OpenAI) -> None:
    """A stream parses chunk by chunk and ends."""
    with sdk.chat.completions.create(
        model="stream", messages=[{"role": "user", "content": "Hello"}], stream=True
    ) as stream:
        text = "".join(piece.choices[0].delta.content or "" for piece in stream)
    assert text == "Hi"


async def test_asynchronous(gateway: GatewayThread, upstream: Upstream) -> None:
    """The asynchronous client likewise."""
    async with AsyncOpenAI(api_key="-", base_url=f"{gateway.url}/v1") as sdk:
        stream = await sdk.chat.completions.create(
            model="stream", messages=[{"role": "user", "content": "Hello"}], stream=True
        )
        assert [piece.choices[0].delta.content async for piece in stream] == [None, "H", "i", None]


def test_models(sdk: OpenAI) -> None:
    """The model list, and one model whose name has slashes."""
    assert "chat" in [model.id for model in sdk.models.list()]
    assert sdk.models.retrieve("up/some/model").id == "up/some/model"


@pytest.mark.parametrize(
    ("model", "error"),
    [
        ("up/500", openai.InternalServerError),
        ("up/429", openai.RateLimitError),
        ("up/529", openai.InternalServerError),
        ("up/401", openai.InternalServerError),
    ],
)
def test_no_retries_on_top_of_ours(
    sdk: OpenAI, upstream: Upstream, model: str, error: type[openai.APIStatusError]
) -> None:
    """The SDK obeys x-should-retry: after our chain ran it asks once only."""
    with pytest.raises(error) as caught:
        _ask(sdk, model)
    assert len(upstream.bodies) == 1
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["attempts"][0]["target"] == model
    assert caught.value.request_id == caught.value.response.headers["x-request-id"]


def test_errors_of_the_request(sdk: OpenAI) -> None:
    """The SDK raises the class that fits, with code and param."""
    with pytest.raises(openai.NotFoundError) as missing:
        _ask(sdk, "nothing")
    assert (missing.value.code, missing.value.param) == ("model_not_found", "model")
    with pytest.raises(openai.BadRequestError):
        sdk.chat.completions.create(model="chat", messages=[])


def test_broken_stream(sdk: OpenAI) -> None:
    """A stream that breaks raises in the SDK, after what came before."""
    stream = sdk.chat.completions.create(
        model="up/break", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    pieces: list[str | None] = []
    with pytest.raises(openai.APIError, match="broke after content was delivered") as caught:
        pieces.extend(piece.choices[0].delta.content for piece in stream)
    assert pieces == [None, "H", "i"]
    assert caught.value.code == "stream_interrupted"


def test_closing_a_stream(sdk: OpenAI, upstream: Upstream) -> None:
    """Closing the SDK's stream closes the upstream's."""
    stream = sdk.chat.completions.create(
        model="up/stall", messages=[{"role": "user", "content": "Hello"}], stream=True
    )
    next(iter(stream))
    stream.close()
    assert upstream.left.wait(10)


# --- curl


def _curl(*arguments: str) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--noproxy", "*", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_curl_with_the_printed_body(gateway: GatewayThread) -> None:
    """The body that has a comma too many is told so, with the place."""
    out = _curl(
        "--location", f"{gateway.url}/chat/completions",
        "--header", "Authorization: Bearer sk-1234",
        "--header", "Content-Type: application/json",
        "--data", PRINTED.decode(),
    )  # fmt: skip
    error = json.loads(out)["error"]
    # curl's --data leaves line breaks as they are.
    assert "trailing comma is not allowed" in error["message"]
    assert "(line 12, column 8)" in error["message"]


def test_curl_at_all_addresses(gateway: GatewayThread, upstream: Upstream) -> None:
    """The mended body is answered, also under the address 0.0.0.0 that the page prints."""
    mended = PRINTED.replace(b"],\n}", b"]\n}").replace(b"gemma-3", b"chat").decode()
    out = _curl(
        "--location", f"http://0.0.0.0:{gateway.port}/chat/completions",
        "--header", "Authorization: Bearer sk-1234",
        "--header", "Content-Type: application/json",
        "--data", mended,
    )  # fmt: skip
    assert json.loads(out)["choices"][0]["message"]["content"] == "Hi"


def test_curl_streams(gateway: GatewayThread, upstream: Upstream) -> None:
    """curl shows the events as they are on the wire."""
    body = json.dumps({"model": "stream", "stream": True, "messages": [{"role": "user", "content": "Hello"}]})
    out = _curl(
        f"{gateway.url}/v1/chat/completions", "--no-buffer",
        "--header", "Content-Type: application/json", "--data", body,
    )  # fmt: skip
    assert out.endswith("data: [DONE]\n\n")


def test_curl_waits_for_leave_to_send(gateway: GatewayThread, upstream: Upstream) -> None:
    """A large body that is announced with Expect: 100-continue is taken without delay."""
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "a" * 100_000}]})
    out = _curl(
        f"{gateway.url}/v1/chat/completions",
        "--header", "Content-Type: application/json", "--header", "Expect: 100-continue",
        "--expect100-timeout", "15", "--max-time", "10", "--data", body,
    )  # fmt: skip
    assert json.loads(out)["choices"]

"""The real OpenAI SDK, unmodified, is satisfied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import openai
import pytest
from openai import OpenAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.emulator.serve import EmulatorServer

ASK: list[Any] = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def sdk(bytez_emulator: EmulatorServer) -> Iterator[OpenAI]:
    base_url = f"{bytez_emulator.base_url}/models/v2/openai/v1"
    with OpenAI(api_key="good", base_url=base_url, max_retries=0) as client:
        yield client


def test_chat(sdk: OpenAI, bytez_emulator: EmulatorServer) -> None:
    """A plain chat, with its usage, sent with Bearer."""
    reply = sdk.chat.completions.create(model="Qwen/Qwen3-4B", messages=ASK, max_tokens=2)
    assert reply.choices[0].message.content == "You said:"
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 2
    assert bytez_emulator.requests()[-1]["headers"]["authorization"] == "Bearer ***"


@pytest.mark.parametrize("model", ["Qwen/Qwen3-4B", "container/qwen"])
def test_stream(sdk: OpenAI, model: str) -> None:
    """Every token arrives, the one with the finish reason too."""
    chunks = list(sdk.chat.completions.create(model=model, messages=ASK, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.startswith('You said: "Hello"')
    assert text.endswith("decoder.")
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_the_documented_loop_loses_the_last_token_of_a_container(sdk: OpenAI) -> None:
    """Bytez's own sample stops at the finish reason, which in a container's stream comes with text."""
    text = ""
    for chunk in sdk.chat.completions.create(model="container/qwen", messages=ASK, stream=True):
        if chunk.choices[0].finish_reason:
            break
        text += chunk.choices[0].delta.content or ""
    assert text.endswith("try your")


def test_container_answer(sdk: OpenAI) -> None:
    """The SDK reads no finish reason and no index from a container, and does not fail."""
    choice: Any = sdk.chat.completions.create(model="container/qwen", messages=ASK).choices[0]
    assert (choice.finish_reason, choice.index) == (None, None)
    assert choice.message.content


def test_tools(sdk: OpenAI) -> None:
    """A call that is demanded arrives."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"type": "function", "function": {"name": "weather", "parameters": parameters}}]
    reply = sdk.chat.completions.create(
        model="Qwen/Qwen3-4B", messages=ASK, tools=tools, tool_choice="required"
    )
    calls: Any = reply.choices[0].message.tool_calls
    assert (calls[0].function.name, calls[0].function.arguments) == ("weather", '{"city":""}')


def test_completions(sdk: OpenAI) -> None:
    """The older route, plain and streamed."""
    model = "openai-community/gpt2"
    assert sdk.completions.create(model=model, prompt="Hi", max_tokens=2).choices[0].text == "You said:"
    chunks = sdk.completions.create(model=model, prompt="Hi", max_tokens=2, stream=True)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "You said:"


def test_responses(sdk: OpenAI) -> None:
    """The newer route, plain and streamed, of a closed model."""
    reply = sdk.responses.create(model="openai/gpt-4o", input="Hello")
    assert reply.output_text.startswith('You said: "Hello"')
    events = list(sdk.responses.create(model="openai/gpt-4o", input="Hello", stream=True))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == reply.output_text
    assert events[-1].type == "response.completed"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("400", openai.BadRequestError),
        ("401", openai.AuthenticationError),
        ("402", openai.APIStatusError),
        ("404", openai.NotFoundError),
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("503", openai.InternalServerError),
        ("cut", openai.APIConnectionError),
    ],
)
def test_errors(sdk: OpenAI, fault: str, error: type[Exception]) -> None:
    """Each status is the SDK's own error, although `error` is a string."""
    with pytest.raises(error):
        sdk.chat.completions.create(model=f"faulty/{fault}", messages=ASK)


@pytest.mark.parametrize("model", ["Qwen/Qwen3-4B", "container/qwen"])
def test_cut_stream(sdk: OpenAI, bytez_emulator: EmulatorServer, model: str) -> None:
    """A cut is an error in the middle; so is an error's text in a container, whose formatter crashes."""
    for fault in ("stream-cut", "stream-error-text"):
        bytez_emulator.fail(model, fault)
        stream = sdk.chat.completions.create(model=model, messages=ASK, stream=True)
        if fault == "stream-cut" or model.startswith("container/"):
            with pytest.raises(openai.APIConnectionError):
                list(stream)
        else:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
            assert text.endswith("\nError: CUDA out of memory")

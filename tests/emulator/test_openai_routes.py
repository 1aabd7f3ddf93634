"""The OpenAI routes over real sockets, in both profiles."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import orjson
import pytest

from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings

ROOT = "/models/v2/openai/v1"
CHAT = f"{ROOT}/chat/completions"
COMPLETIONS = f"{ROOT}/completions"
RESPONSES = f"{ROOT}/responses"
GEMMA = "google/gemma-3-4b-it"
BOXED = "container/gemma"
ASK: list[dict[str, Any]] = [{"role": "user", "content": "What is new?"}]


def chat(client: httpx.Client, model: str = GEMMA, **fields: Any) -> dict[str, Any]:
    response = client.post(CHAT, json={"model": model, "messages": ASK, **fields})
    assert response.status_code == 200, response.text
    reply: dict[str, Any] = response.json()
    return reply


def events(client: httpx.Client, path: str = CHAT, **fields: Any) -> list[dict[str, Any]]:
    """The decoded events of a stream; its last must be [DONE]."""
    response = client.post(path, json={"stream": True, **fields})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    data = [event.removeprefix("data: ") for event in response.text.split("\n\n") if event]
    assert data.pop() == "[DONE]"
    return [orjson.loads(item) for item in data]


def refused(client: httpx.Client, path: str = CHAT, **fields: Any) -> str:
    response = client.post(path, json=fields)
    assert response.status_code == 400
    assert response.json()["output"] is None
    assert response.headers.get("content-type") == "application/json; charset=utf-8"
    message: str = response.json()["error"]
    return message


def said_in(chunks: list[dict[str, Any]]) -> str:
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_plain_answer_is_openais(client: httpx.Client) -> None:
    """Index, finish reason, logprobs and usage stand where OpenAI puts them; the text is the native one."""
    reply = chat(client, temperature=0.5)
    assert reply["object"] == "chat.completion"
    assert reply["model"] == GEMMA
    (choice,) = reply["choices"]
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"].startswith('You said: "What is new?"\n\n- Messages: 1 (user)\n')
    assert '- Params: {"temperature":0.5}\n' in choice["message"]["content"]
    usage = reply["usage"]
    assert usage["prompt_tokens"] == 3
    assert usage["completion_tokens"] == len(choice["message"]["content"].split())
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_answer_has_the_seven_headers(client: httpx.Client) -> None:
    """Plain, streamed and refused alike."""
    for fields in ({}, {"stream": True}, {"nonsense": 1}):
        headers = client.post(CHAT, json={"model": GEMMA, "messages": ASK, **fields}).headers
        assert headers["inference-meter-price"] == "0.000072"
        assert headers["ratelimit-limit"] == "1000"


def test_openai_stream(client: httpx.Client) -> None:
    """A role first, then the text, then the finish reason by itself; usage last, when it is asked for."""
    chunks = events(client, model=GEMMA, messages=ASK, stream_options={"include_usage": True})
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert said_in(chunks) == chat(client)["choices"][0]["message"]["content"]
    assert len(chunks) > 20
    assert chunks[-2]["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == chat(client)["usage"]
    without = events(client, model=GEMMA, messages=ASK)
    assert all("usage" not in chunk for chunk in without)


def test_container_stream(client: httpx.Client) -> None:
    """Chunks without a role under the whole reply's name; the finish reason stands on the last token."""
    chunks = events(client, model=BOXED, messages=ASK)
    assert {chunk["object"] for chunk in chunks} == {"chat.completion"}
    assert all(set(chunk["choices"][0]["delta"]) == {"content"} for chunk in chunks)
    assert said_in(chunks).endswith("decoder.")
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1]["choices"][0]["delta"]["content"] == " decoder."
    assert all("usage" not in chunk for chunk in chunks)


def test_container_answer(client: httpx.Client) -> None:
    """Neither index nor finish reason in the choice: it stands at the top, with a stop reason."""
    reply = chat(client, model=BOXED)
    (choice,) = reply["choices"]
    assert set(choice) == {"message", "logprobs"}
    assert choice["message"]["tool_calls"] == []
    assert "reasoning_content" in choice["message"]
    assert (reply["finish_reason"], reply["stop_reason"]) == ("stop", None)
    assert reply["usage"]["prompt_tokens"] == 3


def test_container_refuses_other_params(client: httpx.Client) -> None:
    """What its list lacks is refused in its own words; OpenAI's profile takes the same."""
    fields: dict[str, Any] = {"messages": ASK, "n": 1, "seed": 7, "max_completion_tokens": 5}
    message = refused(client, model=BOXED, **fields)
    assert message == "Unsupported params were passed to the api: [max_completion_tokens, n, seed]"
    assert chat(client, **fields)
    text = refused(client, COMPLETIONS, model=BOXED, prompt="x", seed=7)
    assert text == "Unsupported params were passed to the api: [seed]"


def test_profile_by_setting() -> None:
    """The setting holds for open models; closed ones are always OpenAI's."""
    headers = {"authorization": "Bearer good"}
    with (
        EmulatorServer(Settings(profile="container")) as server,
        httpx.Client(base_url=server.base_url, headers=headers) as client,
    ):
        assert "finish_reason" in chat(client)
        assert "finish_reason" not in chat(client, model="openai/gpt-4o")


@pytest.mark.parametrize("model", [GEMMA, BOXED])
@pytest.mark.parametrize("stream", [False, True])
def test_length_limit(client: httpx.Client, model: str, stream: bool) -> None:
    """max_tokens counts words; OpenAI's profile says `length` then, a container always `stop`."""
    fields: dict[str, Any] = {"model": model, "messages": ASK, "max_tokens": 2}
    if stream:
        chunks = events(client, **fields)
        text = said_in(chunks)
        reason = chunks[-1]["choices"][0]["finish_reason"]
    else:
        reply = chat(client, **fields)
        choice = reply["choices"][0]
        text, reason = choice["message"]["content"], choice.get("finish_reason", reply.get("finish_reason"))
    assert text == "You said:"
    assert reason == ("stop" if model == BOXED else "length")


def test_max_completion_tokens_comes_first(client: httpx.Client) -> None:
    """Of both names the newer one counts."""
    reply = chat(client, max_tokens=5, max_completion_tokens=1)
    assert reply["choices"][0]["message"]["content"] == "You"


def test_default_length(client: httpx.Client) -> None:
    """Without a limit an answer has at most 256 tokens, as documented."""
    reply = chat(client, messages=[{"role": "user", "content": "word " * 400}])
    assert reply["usage"]["completion_tokens"] == 256
    assert reply["choices"][0]["finish_reason"] == "length"


def test_several_choices(client: httpx.Client) -> None:
    """n answers, each with its index, plain and streamed."""
    assert [choice["index"] for choice in chat(client, n=3)["choices"]] == [0, 1, 2]
    chunks = events(client, model=GEMMA, messages=ASK, n=2)
    ended = [c["choices"][0]["index"] for c in chunks if c["choices"][0]["finish_reason"]]
    assert ended == [0, 1]


def test_stop_texts(client: httpx.Client) -> None:
    """The answer ends before the first of them."""
    for stop in ("said", [" new", "said", "nowhere"]):
        assert chat(client, stop=stop)["choices"][0]["message"]["content"] == "You "
    assert chat(client, stop="nowhere")["choices"][0]["finish_reason"] == "stop"


def test_logprobs(client: httpx.Client) -> None:
    """Each token with its bytes, in both profiles; alternatives only when asked for."""
    for model in (GEMMA, BOXED):
        choice = chat(client, model=model, logprobs=True, top_logprobs=1, max_tokens=2)["choices"][0]
        tokens = choice["logprobs"]["content"]
        assert [token["token"] for token in tokens] == ["You", " said:"]
        assert bytes(tokens[1]["bytes"]) == b" said:"
        assert tokens[0]["top_logprobs"][0]["token"] == "You"
    plain = chat(client, logprobs=True, max_tokens=2)["choices"][0]["logprobs"]["content"]
    assert plain[0]["top_logprobs"] == []
    chunks = events(client, model=GEMMA, messages=ASK, logprobs=True, max_tokens=1)
    assert chunks[1]["choices"][0]["logprobs"]["content"][0]["token"] == "You"


def test_completions(client: httpx.Client) -> None:
    """Text in place of a message; echo repeats the prompt, logprobs come in the older form."""
    body = {"model": "openai-community/gpt2", "prompt": "Once", "max_tokens": 2}
    reply = client.post(COMPLETIONS, json={**body, "echo": True, "logprobs": 1}).json()
    assert reply["object"] == "text_completion"
    (choice,) = reply["choices"]
    assert choice["text"] == "OnceYou said:"
    assert choice["finish_reason"] == "length"
    assert choice["logprobs"]["tokens"] == ["You", " said:"]
    assert choice["logprobs"]["text_offset"] == [0, 3]
    for model in (GEMMA, BOXED):
        chunks = events(client, COMPLETIONS, **{**body, "model": model})
        assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == "You said:"
        assert {chunk["object"] for chunk in chunks} == {"text_completion"}
    boxed = client.post(COMPLETIONS, json={**body, "model": BOXED}).json()
    assert boxed["choices"][0] == {"text": "You said:", "logprobs": None}


def test_responses(client: httpx.Client) -> None:
    """One message of output text; a cut one is incomplete; instructions are a message."""
    body = {"model": "openai/gpt-4o", "input": "Hi", "instructions": "Be brief"}
    reply = client.post(RESPONSES, json=body).json()
    assert reply["status"] == "completed"
    assert "- Messages: 2 (system, user)" in reply["output"][0]["content"][0]["text"]
    assert reply["usage"]["input_tokens"] == 3
    cut = client.post(RESPONSES, json={**body, "max_output_tokens": 2}).json()
    assert (cut["status"], cut["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Look"}]},
        {"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/cat.png"}]},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
    ]
    text = client.post(RESPONSES, json={**body, "input": items}).json()["output"][0]["content"][0]["text"]
    assert "image at https://example.org/cat.png" in text
    assert '"(function_call_output)"' in text


def test_responses_stream(client: httpx.Client) -> None:
    """Typed events numbered from 0, deltas that come to the text, and no [DONE]."""
    body = {"model": "openai/gpt-4o", "input": "Hi", "stream": True}
    text = client.post(RESPONSES, json=body).text
    assert "[DONE]" not in text
    parts = [event.split("\ndata: ") for event in text.strip().split("\n\n")]
    held = [orjson.loads(data) for _, data in parts]
    assert [name for name, _ in parts] == [f"event: {item['type']}" for item in held]
    assert [item["sequence_number"] for item in held] == list(range(len(held)))
    deltas = "".join(item["delta"] for item in held if item["type"] == "response.output_text.delta")
    last = held[-1]["response"]
    assert held[-1]["type"] == "response.completed"
    assert last["output"][0]["content"][0]["text"] == deltas
    assert last["usage"]["output_tokens"] == len(deltas.split())


def test_only_some_closed_models_have_responses(client: httpx.Client) -> None:
    """As documented: OpenAI's and Anthropic's."""
    for model in (GEMMA, "google/gemini-2.5-pro", "openai/gpt-oss-20b"):
        assert "closed models of openai/ and anthropic/" in refused(client, RESPONSES, model=model, input="x")


def test_other_tasks_are_refused(client: httpx.Client) -> None:
    """A model that does not talk is not served here."""
    model = "stabilityai/stable-diffusion-xl-base-1.0"
    assert "is a model for text-to-image" in refused(client, model=model, messages=ASK)


def test_media_parts(client: httpx.Client) -> None:
    """OpenAI's parts are read and named in the answer."""
    content = [
        {"type": "text", "text": "Look"},
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
        {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
    ]
    text = chat(client, messages=[{"role": "user", "content": content}])["choices"][0]["message"]["content"]
    assert "- Media: image at https://example.org/cat.png; image (26 characters); audio (4 char" in text


def test_tool_conversation_is_read(client: httpx.Client) -> None:
    """A call without content and its result are messages like others."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "developer", "content": "Be brief"},
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
    ]
    text = chat(client, messages=messages)["choices"][0]["message"]["content"]
    assert "- Messages: 4 (developer, user, assistant, tool)" in text


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": 5}, "model must be a string"),
        ({"messages": []}, "messages must be a list that is not empty"),
        ({"messages": ["hi"]}, "messages[0] must be an object with role and content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role must be one of system"),
        ({"messages": [{"role": "user"}]}, "messages[0].content is missing"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content must be a string"),
        ({"messages": [{"role": "user", "content": [5]}]}, "messages[0].content[0].type must be one of text"),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text must be a string",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
            "messages[0].content[0].image_url must be an object",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].image_url.url must be a string",
        ),
        ({"nonsense": 1}, "unrecognised param(s): 'nonsense'"),
        ({"stream": "yes"}, "stream must be true or false"),
        ({"max_tokens": 0}, "max_tokens must be a whole number from 1"),
        ({"n": 9}, "n must be a whole number from 1 to 8"),
        ({"stop": ["a"] * 5}, "stop must be a string, or a list of at most 4 strings"),
        ({"stop": 5}, "stop must be"),
        ({"stream_options": {"include_usage": True}}, "stream_options must be an object, and goes with"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs must be a whole number from 0 to 20"),
    ],
)
def test_mistakes(client: httpx.Client, fields: dict[str, Any], message: str) -> None:
    """A wrong body is a 400 that names the field."""
    assert message in refused(client, **{"model": GEMMA, "messages": ASK, **fields})


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (CHAT, {"model": GEMMA}, "messages is missing"),
        (COMPLETIONS, {"model": GEMMA, "prompt": ["a"]}, "prompt must be a string"),
        (RESPONSES, {"model": "openai/o3", "input": []}, "input must be a string, or a list"),
        (RESPONSES, {"model": "openai/o3", "input": "x", "instructions": 5}, "instructions must be a string"),
        (RESPONSES, {"model": "openai/o3", "input": [{"type": 5}]}, "input[0].type must be a string"),
        (
            RESPONSES,
            {"model": "openai/o3", "input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].input_image.url must be a string",
        ),
    ],
)
def test_mistakes_on_each_route(client: httpx.Client, path: str, body: dict[str, Any], message: str) -> None:
    """The prompt's own field is named."""
    assert message in refused(client, path, **body)


def test_body_must_be_an_object(client: httpx.Client) -> None:
    """A list is not a request, and an id with one segment no model."""
    assert client.post(CHAT, json=[]).json()["error"] == "the body must be a JSON object"
    assert client.post(CHAT, json={"model": "gemma", "messages": ASK}).status_code == 404
    assert client.post(CHAT, json={"model": "missing/x", "messages": ASK}).status_code == 404


def test_auth(client: httpx.Client) -> None:
    """Bearer, Key and the bare key count here, in strict mode too; a bad one is a 401."""
    body = {"model": GEMMA, "messages": ASK}
    with EmulatorServer(Settings(strict_auth=True)) as server:
        for key in ("Bearer good", "Key good", "good"):
            url = server.base_url + CHAT
            assert client.post(url, json=body, headers={"authorization": key}).status_code == 200
        native = f"{server.base_url}/models/v2/{GEMMA}"
        assert (
            client.post(native, json={"input": "x"}, headers={"authorization": "Bearer good"}).status_code
            == 401
        )
    assert client.post(CHAT, json=body, headers={"authorization": "Bearer bad"}).status_code == 401


def test_auto_scale_sample(client: httpx.Client) -> None:
    """The path and the flag of Bytez's own sample for autoScale."""
    body = {"model": "Qwen/Qwen3-4B", "messages": ASK, "autoScale": True}
    assert client.post("/v1/chat/completions", json=body).status_code == 200

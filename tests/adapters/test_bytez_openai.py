"""Bytez's OpenAI route: the request as sent, and replies and streams as Bytez's containers give them."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from router.adapters.base import ChatCall, Chunk, Completion, StreamEnd, StreamItem, Uncarried, Upstream
from router.adapters.bytez import BytezAdapter, is_closed
from router.adapters.bytez_native import BytezNative
from router.adapters.bytez_openai import BytezOpenAI
from router.core.failure import Failure, FailureClass
from router.types import Secret

OPEN, CLOSED = "Qwen/Qwen3-4B", "openai/gpt-4o"
MESSAGES = ({"role": "user", "content": "hi"},)
TOOLS = [{"type": "function", "function": {"name": "f"}}]


def wire(model: str = OPEN, **changes: Any) -> BytezOpenAI:
    upstream = Upstream("bytez", protocol="openai", **{"base_url": "https://api.bytez.com", **changes})
    (route,) = BytezAdapter(upstream, lambda: 1000.5).wires(model)
    assert isinstance(route, BytezOpenAI)
    return route


def call(
    messages: Sequence[dict[str, Any]] = MESSAGES, *, model: str = OPEN, stream: bool = False, **params: Any
) -> ChatCall:
    return ChatCall(model, messages, params, stream)


def sent(asked: ChatCall, **changes: Any) -> Any:
    return orjson.loads(wire(asked.model, **changes).prepare(asked).body)


@pytest.mark.parametrize(
    ("model", "closed"),
    [
        ("Qwen/Qwen3-4B", False),
        ("google/gemma-3-4b-it", False),
        ("google/gemini-2.5-pro", True),
        ("openai/gpt-oss-20b", False),
        ("openai/whisper-large-v3", False),
        ("openai/gpt-4o", True),
        ("openai/gpt4", True),
        ("openai/o3-mini", True),
        ("openai/chatgpt-4o-latest", True),
        ("anthropic/claude-sonnet-4-5", True),
        ("mistral/mistral-large", True),
        ("mistralai/Mistral-7B", False),
        ("cohere/command-r", True),
        ("gemini-3-pro-preview", False),
    ],
)
def test_closed_models(model: str, *, closed: bool) -> None:
    """Only what is certainly a closed provider's counts as closed."""
    assert is_closed(model) is closed


@pytest.mark.parametrize(
    ("protocol", "kinds"),
    [
        ("auto", (BytezNative, BytezOpenAI)),
        ("native", (BytezNative,)),
        ("openai", (BytezOpenAI,)),
    ],
)
def test_protocol(protocol: str, kinds: tuple[type, ...]) -> None:
    """The protocol decides which wires there are; native comes first. They are the same each time."""
    adapter = BytezAdapter(Upstream("bytez", "https://api.bytez.com", protocol=protocol))
    for model in (OPEN, CLOSED):
        assert tuple(map(type, adapter.wires(model))) == kinds
        assert all(map(lambda a, b: a is b, adapter.wires(model), adapter.wires(model)))
    assert (adapter.wires(OPEN)[-1] is adapter.wires(CLOSED)[-1]) is (protocol == "native")


@pytest.mark.parametrize("base", ["http://h:8080", "http://h:8080/models/v2/"])
def test_request(base: str) -> None:
    """Bearer, the provider's key, the route under the root, the model and messages as OpenAI has them."""
    keys: dict[str, Any] = {"credential": Secret("k-1"), "provider_key": Secret("p-1")}
    route = wire(base_url=base, headers=(("X-Team", "a"),), **keys)
    request = route.prepare(call(max_tokens=7, tools=TOOLS))
    assert (request.method, request.url) == ("POST", "http://h:8080/models/v2/openai/v1/chat/completions")
    assert orjson.loads(request.body) == {
        "model": OPEN,
        "messages": list(MESSAGES),
        "max_tokens": 7,
        "tools": TOOLS,
    }
    shown = {name: value.reveal() if isinstance(value, Secret) else value for name, value in request.headers}
    assert shown == {
        "authorization": "Bearer k-1",
        "provider-key": "p-1",
        "content-type": "application/json",
        "accept": "application/json",
        "x-team": "a",
    }


def test_stream_request() -> None:
    """Containers refuse stream_options, closed models get them with a stream only; autoScale is top-level."""
    options = {"include_usage": True}
    asked = sent(call(stream=True, stream_options=options), auto_scale=True)
    assert asked == {"model": OPEN, "messages": list(MESSAGES), "stream": True, "autoScale": True}
    closed = sent(call(model=CLOSED, stream=True, stream_options=options, max_tokens=3))
    assert (closed["stream_options"], closed["max_completion_tokens"]) == (options, 3)
    assert "stream_options" not in sent(call(model=CLOSED, stream_options=options))


def test_messages() -> None:
    """Tool traffic goes up as it is; developer is system; text parts are one text for open models."""
    messages = (
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "tool_call_id": "1", "content": "x"},
    )
    before = orjson.dumps(messages)
    assert sent(call(messages))["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "user", "content": "a\nb"},
        *messages[2:],
    ]
    assert sent(call(messages, model=CLOSED))["messages"][1:] == list(messages[1:])
    assert orjson.dumps(messages) == before
    assert wire().refuses(call(messages)) is None


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (OPEN, {"type": "image_url", "image_url": {"url": "https://x/y.png"}}),
        (OPEN, {"type": "text"}),
        (OPEN, "text"),
        (CLOSED, {"type": "image", "url": "https://x/y.png"}),
    ],
)
def test_parts_without_a_place(model: str, part: Any) -> None:
    """A part that the route cannot carry is refused by its place, before and by prepare alike."""
    asked = call(({"role": "user", "content": [{"type": "text", "text": "a"}, part]},), model=model)
    refusal = wire(model).refuses(asked)
    assert str(refusal).startswith("messages[0].content[1]: ")
    with pytest.raises(Uncarried) as caught:
        wire(model).prepare(asked)
    assert str(caught.value) == refusal


def test_closed_models_see_pictures() -> None:
    """OpenAI's media parts go up unchanged to closed models."""
    message = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}
    assert sent(call((message,), model=CLOSED))["messages"] == [message]


def test_sends() -> None:
    """The names on the wire, and None for what asks for nothing."""
    assert wire().sends("max_tokens", 1) == "max_tokens"
    assert wire(CLOSED).sends("max_tokens", 1) == "max_completion_tokens"
    assert wire().sends("stream_options", {}) is None
    assert wire().carries("tools", TOOLS)
    assert not wire().carries("seed", 1)
    assert wire(passthrough=frozenset({"top_k"})).carries("top_k", 1)


# --- replies, as Bytez's containers give them

CONTAINER_REPLY = {
    "id": "chatcmpl-x",
    "object": "chat.completion",
    "created": 1,
    "model": OPEN,
    "choices": [
        {
            "message": {
                "role": "assistant",
                "content": "London",
                "reasoning_content": None,
                "tool_calls": [],
            },
            "logprobs": {"content": []},
        }
    ],
    "finish_reason": "stop",
    "stop_reason": None,
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def parsed(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Completion | Failure:
    return wire().parse(call(), status, headers or {}, orjson.dumps(body))


def test_container_reply() -> None:
    """The index and the finish reason come to their places; counts, logprobs and the stated cost stay."""
    reply = parsed(CONTAINER_REPLY, headers={"inference-cost": "0.002"})
    assert isinstance(reply, Completion)
    choice = reply.data["choices"][0]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["logprobs"] == {"content": []}
    assert reply.data["usage"]["total_tokens"] == 4
    assert (reply.cost, reply.raw, reply.assumed_finish) == (0.002, None, False)


def test_documented_reply() -> None:
    """A reply without usage and without a finish reason has neither; what is right goes on as its bytes."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}
    body = {"id": "a", "object": "chat.completion", "created": 1, "model": OPEN, "choices": [choice]}
    reply = parsed(body)
    assert isinstance(reply, Completion)
    assert (reply.raw, reply.data, reply.cost) == (orjson.dumps(body), body, None)
    reply = parsed({**body, "choices": [{**choice, "finish_reason": None}]})
    assert isinstance(reply, Completion)
    assert reply.data["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"error": "Unauthorized", "output": None}, FailureClass.AUTH),
        (402, {"status": 402, "error": "Payment Required", "message": "Insufficient"}, FailureClass.PAYMENT),
        (404, {"error": "Model does not exist", "output": None}, FailureClass.NOT_FOUND),
        (429, {"error": "Rate limit exceeded", "output": None}, FailureClass.RATE_LIMITED),
        (200, {"error": "out of memory", "output": None}, FailureClass.SERVER_ERROR),
        (200, {"output": "x"}, FailureClass.PROTOCOL),
    ],
)
def test_errors(status: int, body: Any, kind: FailureClass) -> None:
    """Bytez's own error bodies are understood on this route too, also with a good status."""
    failed = parsed(body, status)
    assert isinstance(failed, Failure)
    assert failed.kind is kind


# --- streams


def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
    """A chunk as a container writes it: it calls itself a completion and has no role."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
    data = {"id": "x", "object": "chat.completion", "created": 1, "model": OPEN, "choices": [choice]}
    return b"data: " + orjson.dumps(data) + b"\n\n"


def decoded(*pieces: bytes) -> list[StreamItem]:
    decoder = wire().decoder(call(stream=True), 200, {"content-type": "text/event-stream"})
    items: list[StreamItem] = []
    for piece in pieces:
        items += decoder.feed(piece)
    if not items or isinstance(items[-1], Chunk):
        items += decoder.finish()
    return items


def test_container_stream() -> None:
    """The role comes first, and the finish reason, taken off the last token, in a chunk of its own."""
    items = decoded(event({"content": "Lon"}), event({"content": "don"}, "stop"), b"data: [DONE]\n\n")
    assert isinstance(items[-1], StreamEnd)
    assert not items[-1].assumed_finish
    chunks = [item for item in items if isinstance(item, Chunk)]
    assert {chunk.data["object"] for chunk in chunks} == {"chat.completion.chunk"}
    choices = [chunk.data["choices"][0] for chunk in chunks]
    assert [(choice["delta"], choice["finish_reason"]) for choice in choices] == [
        ({"role": "assistant", "content": "Lon"}, None),
        ({"content": "don"}, None),
        ({}, "stop"),
    ]
    assert [chunk.commits for chunk in chunks] == [True, True, False]


def test_usage_comes_last() -> None:
    """Counts that stand beside the last token go with the chunk that ends the stream."""
    counted = orjson.loads(event({"content": "x"}, "length")[6:])
    counted["usage"] = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    first, last, _ = decoded(b"data: " + orjson.dumps(counted) + b"\n\n")
    assert isinstance(first, Chunk)
    assert isinstance(last, Chunk)
    assert "usage" not in first.data
    assert last.data["usage"] == counted["usage"]


def test_several_choices_in_one_chunk() -> None:
    """Each choice gets its role once, and an end of its own; one that only ends stays where it is."""
    both = [
        {"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"},
        {"index": 1, "delta": {}, "finish_reason": "length"},
    ]
    data = {"id": "x", "object": "chat.completion", "created": 1, "model": OPEN, "choices": both}
    first, last, end = decoded(b"data: " + orjson.dumps(data) + b"\n\n")
    assert isinstance(first, Chunk)
    assert isinstance(last, Chunk)
    assert isinstance(end, StreamEnd)
    told = [(choice["delta"].get("role"), choice["finish_reason"]) for choice in first.data["choices"]]
    assert told == [("assistant", None), ("assistant", "length")]
    assert last.data["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]


@pytest.mark.parametrize("model", [OPEN, CLOSED])
def test_openais_own_form_is_untouched(model: str) -> None:
    """A container that streams as OpenAI does (vLLM) keeps its bytes; so do closed models."""
    pieces = []
    for delta, reason in (
        ({"role": "assistant", "content": ""}, None),
        ({"content": "x"}, None),
        ({}, "stop"),
    ):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        data = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        pieces.append(orjson.dumps(data))
    decoder = wire(model).decoder(call(stream=True), 200, {})
    items = decoder.feed(b"".join(b"data: " + piece + b"\n\n" for piece in pieces))
    assert [item.raw for item in items if isinstance(item, Chunk)] == pieces
    assert isinstance(decoder.finish()[-1], StreamEnd)


@pytest.mark.parametrize(
    "pieces",
    [
        (event({"content": "Lon"}),),
        (event({"content": "Lon"}), b"data: [DONE]\n\n"),
        (event({"content": "Lon"}), b"Error: out of memory"),
        (),
    ],
)
def test_streams_that_did_not_end(pieces: tuple[bytes, ...]) -> None:
    """Without a finish reason a stream has not ended well, though the message is complete."""
    assert isinstance(decoded(*pieces)[-1], Failure)


def test_an_error_in_the_text_is_text() -> None:
    """The native wire's rule does not hold here: this wire can show errors, so such a text is an answer."""
    items = decoded(event({"content": "Error: is what I say"}, "stop"))
    assert isinstance(items[-1], StreamEnd)
    assert not items[-1].suspect

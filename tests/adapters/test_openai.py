"""The OpenAI wire: the request as sent, and whole replies of servers that speak nearly alike."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.adapters.base import ChatCall, Completion, Uncarried, Upstream
from router.adapters.bytez import BytezAdapter
from router.adapters.openai import OpenAIAdapter
from router.adapters.registry import ADAPTERS, DEFAULT_BASE_URL, build
from router.core.failure import Failure
from router.types import ChatCompletion, Secret

MESSAGES = ({"role": "tool", "tool_call_id": "1", "content": [{"type": "file", "file": {}}]},)


def call(params: Mapping[str, Any] | None = None, *, stream: bool = False) -> ChatCall:
    return ChatCall("gemma", MESSAGES, params or {}, stream)


def adapter(base_url: str = "http://127.0.0.1:8081/v1", **changes: Any) -> OpenAIAdapter:
    return OpenAIAdapter(Upstream("local", base_url, **changes), lambda: 1000.5)


def parse(reply: Any, status: int = 200) -> Completion | Failure:
    body = reply if isinstance(reply, bytes) else orjson.dumps(reply)
    return adapter().parse(call(), status, {}, body)


def completion(reply: Any) -> Completion:
    result = parse(reply)
    assert isinstance(result, Completion), result
    return result


def reply(**changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "gemma-2",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "London"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        **changes,
    }


def choice(**changes: Any) -> dict[str, Any]:
    return {**reply()["choices"][0], **changes}


def test_registry() -> None:
    """The adapters are found by name; only Bytez's knows where to go."""
    upstream = Upstream("p", "http://127.0.0.1/v1")
    assert isinstance(build("openai", upstream), OpenAIAdapter)
    assert isinstance(build("bytez", upstream), BytezAdapter)
    assert ADAPTERS.keys() == {"bytez", "openai"}
    assert DEFAULT_BASE_URL == {"bytez": "https://api.bytez.com"}


def test_smallest_request() -> None:
    """Without a key none is sent, nor anything the caller did not give."""
    request = adapter("http://127.0.0.1:8081/v1/").prepare(call())
    assert (request.method, request.url) == ("POST", "http://127.0.0.1:8081/v1/chat/completions")
    assert orjson.loads(request.body) == {"model": "gemma", "messages": list(MESSAGES)}
    assert request.headers == (("content-type", "application/json"), ("accept", "application/json"))


def test_full_request() -> None:
    """Messages and params go up as they are; the key as Bearer; a configured header wins."""
    openai = adapter(credential=Secret("k-1"), headers=(("Authorization", Secret("Own k-2")), ("x-a", "b")))
    params = {"max_tokens": 7, "n": 2, "top_k": 1, "stream_options": {"include_usage": True}}
    request = openai.prepare(call(params, stream=True))
    assert orjson.loads(request.body) == {
        "model": "gemma",
        "messages": list(MESSAGES),
        "stream": True,
        **params,
    }
    assert [name for name, _ in request.headers] == ["content-type", "accept", "authorization", "x-a"]
    assert [value.reveal() for _, value in request.headers if isinstance(value, Secret)] == ["Own k-2"]
    plain = adapter(credential=Secret("k-1")).prepare(call())
    assert [value.reveal() for _, value in plain.headers if isinstance(value, Secret)] == ["Bearer k-1"]


@pytest.mark.parametrize(
    ("base", "name"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("https://notapi.openai.com.example/v1", "max_tokens"),
        ("http://127.0.0.1:8081/v1", "max_tokens"),
    ],
)
def test_name_of_the_token_limit(base: str, name: str) -> None:
    """OpenAI's own hosts get the new name, everyone else the one that all know."""
    assert orjson.loads(adapter(base).prepare(call({"max_tokens": 7})).body)[name] == 7


def test_stream_options_need_a_stream() -> None:
    """A configured stream_options does not spoil a plain request."""
    assert "stream_options" not in orjson.loads(adapter().prepare(call({"stream_options": {}})).body)


def test_what_json_cannot_hold() -> None:
    """A request that JSON cannot hold is refused before anything is sent."""
    with pytest.raises(Uncarried, match=r"cannot be written as JSON"):
        adapter().prepare(call({"x": {1, 2}}))


def test_refuses_no_message() -> None:
    """Messages go up as they are, whatever they hold."""
    assert adapter().refuses(call()) is None


def test_carries() -> None:
    """OpenAI's params always go up, others as passthrough says."""
    assert adapter().carries("top_k", 1)
    known = adapter(passthrough=frozenset({"min_p"}))
    assert known.carries("seed", 1)
    assert known.carries("min_p", 1)
    assert not known.carries("top_k", 1)


@pytest.mark.parametrize(
    "good",
    [
        reply(),
        reply(usage=None, timings={"x": 1}, system_fingerprint="b1"),
        reply(choices=[choice(finish_reason=None)]),
        reply(choices=[choice(finish_reason="eos")]),
        reply(choices=[choice(message={"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]})]),
        reply(choices=[choice(message={"role": "assistant", "content": None})]),
        reply(choices=[choice(message={"role": "assistant", "content": "", "tool_calls": []})]),
        reply(error=None),
    ],
)
def test_untouched(good: dict[str, Any]) -> None:
    """A reply that is right keeps its own bytes."""
    body = orjson.dumps(good, option=orjson.OPT_INDENT_2)
    result = completion(body)
    assert result == Completion(good, raw=body)


@pytest.mark.parametrize(
    ("odd", "changes"),
    [
        (reply(created=5.7), {"created": 5}),
        (reply(created=None), {"created": 1000}),
        (reply(object="text"), {"object": "chat.completion"}),
        (reply(model=None), {"model": "gemma"}),
        (reply(usage="many"), {"usage": None}),
        (reply(usage={"prompt_tokens": "1"}), {"usage": None}),
        (reply(choices=[choice(index=None)]), {"choices": [choice()]}),
        (reply(choices=[choice(message={"content": "London"})]), {"choices": [choice()]}),
        (reply(choices=[choice(finish_reason="")]), {"choices": [choice(finish_reason=None)]}),
        (reply(choices=[choice(finish_reason=None)], finish_reason="stop"), {"choices": [choice()]}),
        (
            reply(
                choices=[
                    choice(message={"role": "assistant", "content": [{"type": "text", "text": "London"}]})
                ]
            ),
            {"choices": [choice()]},
        ),
        (
            reply(
                choices=[
                    choice(
                        finish_reason=None,
                        message={"role": "assistant", "content": "x", "finish_reason": "length"},
                    )
                ]
            ),
            {
                "choices": [
                    choice(
                        finish_reason="length",
                        message={"role": "assistant", "content": "x", "finish_reason": "length"},
                    )
                ]
            },
        ),
    ],
)
def test_put_right(odd: dict[str, Any], changes: dict[str, Any]) -> None:
    """What servers leave out or misplace is put right, and the bytes are no longer the upstream's."""
    result = completion(odd)
    assert result.data == {**odd, **changes}
    assert result.raw is None


def test_smallest_reply() -> None:
    """A reply of nothing but a message is completed; usage and finish reason are not invented."""
    data = completion({"choices": [{"message": {"content": "London"}}]}).data
    assert data.pop("id").startswith("chatcmpl-")
    assert data == {
        "object": "chat.completion",
        "created": 1000,
        "model": "gemma",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "London"}}],
    }
    assert ChatCompletion.of(data).choices[0].finish_reason is None


@pytest.mark.parametrize(
    "bad",
    [
        reply(choices=[]),
        reply(choices=None),
        reply(choices="x"),
        reply(choices=["x"]),
        reply(choices=[{}]),
        reply(choices=[choice(message=None)]),
        reply(choices=[choice(message={})]),
        reply(choices=[choice(message={"role": "assistant"})]),
        reply(choices=[choice(message={"content": 5})]),
        reply(choices=[choice(message={"content": [{"type": "image"}]})]),
        reply(choices=[choice(message={"content": "x", "tool_calls": "x"})]),
        reply(choices=[choice(), {"text": "completion"}]),
        {},
        [],
        "x",
        b"",
        b"\xef\xbb\xbf" + orjson.dumps(reply()),
        orjson.dumps(reply()) + b"x",
        orjson.dumps(reply())[:-1],
        b"<html>",
        b"data: {}\n\n",
    ],
)
def test_broken_replies(bad: Any) -> None:
    """What is no completion is a protocol failure, never an answer."""
    result = parse(bad)
    assert isinstance(result, Failure)
    assert result.kind == "protocol"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (429, {"error": {"message": "slow", "code": "insufficient_quota"}}, "payment", "slow"),
        (401, {"error": "Unauthorized"}, "auth", "Unauthorized"),
        (404, {"detail": "Not Found"}, "not_found", "Not Found"),
        (
            400,
            {"object": "error", "message": "maximum context length is 9", "code": 400},
            "context_overflow",
            "maximum context length is 9",
        ),
        (
            422,
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "no"}]},
            "unsupported",
            "no",
        ),
        (503, b"<html>", "server_error", ""),
        (301, b"", "protocol", ""),
        (200, {"error": {"message": "busy", "type": "overloaded_error"}}, "overloaded", "busy"),
        (200, {"error": "broken", "choices": []}, "server_error", "broken"),
        (200, {"object": "error", "message": "m", "code": 404}, "not_found", "m"),
        (200, {"detail": "Unauthorized"}, "auth", "Unauthorized"),
        (200, {"message": "m"}, "server_error", "m"),
    ],
)
def test_errors(status: int, body: Any, kind: str, message: str) -> None:
    """Errors are found by status and in a 200's body, in every server's shape."""
    result = parse(body, status)
    assert isinstance(result, Failure)
    assert (result.kind, result.status, result.message) == (kind, status, message)


KEYS = [
    "error",
    "choices",
    "message",
    "content",
    "index",
    "finish_reason",
    "usage",
    "tool_calls",
    "created",
    "detail",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.floats(0, 1) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)
MESSAGE = st.fixed_dictionaries({}, optional={"content": JSON, "tool_calls": JSON, "role": JSON})
NEARLY = st.fixed_dictionaries(
    {
        "choices": st.lists(
            st.fixed_dictionaries({"message": MESSAGE}, optional={"index": JSON, "finish_reason": JSON}),
            max_size=2,
        )
    },
    optional={"usage": JSON, "created": JSON, "id": JSON, "finish_reason": JSON},
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # The machine is shared.
@given((JSON | NEARLY).map(orjson.dumps) | st.binary(max_size=40), st.integers(100, 599))
def test_any_reply(body: bytes, status: int) -> None:
    """Any reply gives a completion that reads as OpenAI's, or a failure; only a 2xx a completion."""
    result = parse(body, status)
    if isinstance(result, Failure):
        return
    assert 200 <= status <= 299
    read = ChatCompletion.of(result.data)
    assert read.choices
    for item in read.choices:
        assert item.finish_reason is None or isinstance(item.finish_reason, str)
        assert item.message.content is None or isinstance(item.message.content, str)

"""A whole answer told as a stream."""

from __future__ import annotations

from typing import Any

import pytest

from router.adapters.replay import replay, usage_asked

USAGE = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}


def whole(*messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    choices = [
        {"index": index, "message": {"role": "assistant", **message}, "finish_reason": "length", **more}
        for index, message in enumerate(messages)
    ]
    return {"id": "c1", "object": "chat.completion", "created": 7, "model": "m", "choices": choices}


def deltas(data: dict[str, Any], *, usage_apart: bool = False) -> list[tuple[Any, ...]]:
    """(index, delta, finish reason) of each chunk; () for a chunk without choices."""
    found: list[tuple[Any, ...]] = []
    for chunk in replay(data, usage_apart=usage_apart):
        assert chunk.data["object"] == "chat.completion.chunk"
        assert (chunk.data["id"], chunk.data["created"], chunk.data["model"]) == ("c1", 7, "m")
        assert chunk.raw is None
        assert len(chunk.data["choices"]) <= 1
        found += [(one["index"], one["delta"], one["finish_reason"]) for one in chunk.data["choices"]] or [()]
    return found


def test_role_content_finish() -> None:
    """One chunk each, in OpenAI's order; only the content commits; no usage is made up."""
    data = whole({"content": "hello"})
    assert deltas(data) == [
        (0, {"role": "assistant", "content": ""}, None),
        (0, {"content": "hello"}, None),
        (0, {}, "length"),
    ]
    chunks = replay(data, usage_apart=True)
    assert [chunk.commits for chunk in chunks] == [False, True, False]
    assert not any("usage" in chunk.data for chunk in chunks)


def test_usage_that_was_asked_for_comes_apart() -> None:
    """As OpenAI sends it: a last chunk without choices. Else it stands in the last chunk."""
    data = {**whole({"content": "hello"}), "usage": USAGE}
    asked = replay(data, usage_apart=True)
    assert [chunk.data.get("usage") for chunk in asked] == [None, None, None, USAGE]
    assert asked[-1].data["choices"] == []
    plain = replay(data, usage_apart=False)
    assert [chunk.data.get("usage") for chunk in plain] == [None, None, USAGE]


def test_everything_said_is_told() -> None:
    """Tool calls get an index, reasoning and log probabilities stay; several choices come one by one."""
    call = {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    data = whole({"content": None, "tool_calls": [call], "reasoning_content": "hm"}, {"content": ""})
    assert deltas(data) == [
        (0, {"role": "assistant", "content": None}, None),
        (0, {"tool_calls": [{"index": 0, **call}], "reasoning_content": "hm"}, None),
        (0, {}, "length"),
        (1, {"role": "assistant", "content": ""}, None),
        (1, {}, "length"),
    ]
    logprobs: dict[str, Any] = {"content": []}
    said = replay(whole({"content": "x"}, logprobs=logprobs), usage_apart=False)[1]
    assert said.data["choices"][0]["logprobs"] == logprobs


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({}, False),
        ({"stream_options": None}, False),
        ({"stream_options": {}}, False),
        ({"stream_options": {"include_usage": False}}, False),
        ({"stream_options": {"include_usage": True}}, True),
    ],
)
def test_usage_asked(params: dict[str, Any], asked: bool) -> None:
    """Only OpenAI's own way of asking counts."""
    assert usage_asked(params) is asked

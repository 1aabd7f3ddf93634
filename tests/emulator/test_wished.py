"""JSON of a schema, and calls of tools: what a request asks an answer to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from router.emulator.exchange import Refused
from router.emulator.wished import wished_json, wished_tool_calls

if TYPE_CHECKING:
    import httpx2 as httpx

CHAT = "/models/v2/openai/v1/chat/completions"
PLACE = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "kind": {"enum": ["town", "village"]},
        "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "near": {"$ref": "#/$defs/Near"},
        "fixed": {"const": 7},
        "flag": {"type": ["boolean", "null"]},
        "free": {},
        "left": {"type": "string"},
    },
    "required": ["city", "kind", "size", "near", "fixed", "flag", "free"],
    "$defs": {"Near": {"type": "array", "items": {"type": "string"}}},
}
WIDE = {  # Five levels, each eight times as many as the one before.
    "$ref": "#/$defs/0",
    "$defs": {
        str(level): {
            "type": "object",
            "properties": {name: {"$ref": f"#/$defs/{level + 1}"} for name in "abcdefgh"},
            "required": list("abcdefgh"),
        }
        for level in range(5)
    }
    | {"5": {}},
}
TOOLS = [
    {"type": "web_search"},
    {"type": "function", "function": {"name": "weather", "parameters": PLACE}},
    {"type": "function", "function": {"name": "now"}},
]


def test_schema_is_kept() -> None:
    """The JSON is the least that the schema allows."""
    text = wished_json({"type": "json_schema", "json_schema": {"name": "p", "schema": PLACE}})
    assert text is not None
    value = orjson.loads(text)
    Draft202012Validator(PLACE).validate(value)
    assert value == {
        "city": "",
        "kind": "town",
        "size": 0,
        "near": [],
        "fixed": 7,
        "flag": False,
        "free": {},
    }


def test_other_formats() -> None:
    """Text asks for nothing, an object for any object."""
    assert wished_json(None) is None
    assert wished_json({"type": "text"}) is None
    assert isinstance(orjson.loads(wished_json({"type": "json_object"}) or ""), dict)


@pytest.mark.parametrize(
    ("choice", "name"),
    [("required", "weather"), ({"type": "function", "function": {"name": "now"}}, "now"), ("auto", None)],
)
def test_tool_choice(choice: Any, name: str | None) -> None:
    """What is demanded is called: the tool named, or the first function; nothing otherwise."""
    calls = wished_tool_calls({"tools": TOOLS, "tool_choice": choice})
    assert [call["function"]["name"] for call in calls] == ([name] if name else [])
    for call in calls:
        Draft202012Validator(PLACE if name == "weather" else {}).validate(
            orjson.loads(call["function"]["arguments"])
        )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"tool_choice": "required"}, "tool_choice goes with tools"),
        ({"tools": "x"}, "tools must be a list of at most 128"),
        ({"tools": [5]}, "must be an object with a type"),
        ({"tools": [{"type": "function"}]}, "must have function.name"),
        ({"tools": TOOLS, "tool_choice": "now"}, "tool_choice must be none, auto, required"),
        ({"tools": TOOLS[:1], "tool_choice": "required"}, "tool_choice must be none, auto, required"),
        ({"tools": TOOLS, "tool_choice": {"type": "web_search"}}, "tool_choice must be none, auto"),
    ],
)
def test_mistakes_in_tools(body: dict[str, Any], message: str) -> None:
    """A wrong tool or choice is a 400 that names the field."""
    with pytest.raises(Refused, match=message):
        wished_tool_calls(body)


@pytest.mark.parametrize(
    ("response_format", "message"),
    [
        ("json", "response_format.type must be one of"),
        ({"type": "xml"}, "response_format.type must be one of"),
        ({"type": "json_schema"}, "response_format.json_schema.schema must be an object"),
        ({"type": "json_schema", "json_schema": {"schema": {"$ref": "#"}}}, "refers to itself without end"),
        ({"type": "json_schema", "json_schema": {"schema": WIDE}}, "or 1,000 values"),
    ],
)
def test_mistakes_in_the_format(response_format: Any, message: str) -> None:
    """A wrong format is a 400, and a schema that refers to itself without end is one."""
    with pytest.raises(Refused, match=message):
        wished_json(response_format)


@pytest.mark.parametrize("model", ["Qwen/Qwen3-4B", "container/qwen"])
def test_calls_on_the_wire(client: httpx.Client, model: str) -> None:
    """Plain and streamed, in both profiles."""
    body = {
        "model": model,
        "messages": [{"role": "user", "content": "x"}],
        "tools": TOOLS,
        "tool_choice": "required",
    }
    choice = client.post(CHAT, json=body).json()["choices"][0]
    assert choice["message"]["tool_calls"][0]["function"]["name"] == "weather"
    streamed = client.post(CHAT, json={**body, "stream": True}).text.split("\n\n")
    deltas = [orjson.loads(event[6:])["choices"][0] for event in streamed if "tool_calls" in event]
    calls = [call for delta in deltas for call in delta.get("delta", {}).get("tool_calls", [])]
    assert [(call["index"], call["function"]["name"]) for call in calls] == [(0, "weather")]


def test_calls_of_responses(client: httpx.Client) -> None:
    """On the responses route a call is an output item, plain and streamed."""
    tool = {"type": "function", "name": "weather", "parameters": PLACE}
    body = {"model": "openai/gpt-4o", "input": "x", "tools": [tool], "tool_choice": "required"}
    path = "/models/v2/openai/v1/responses"
    (item,) = client.post(path, json=body).json()["output"]
    assert (item["type"], item["name"]) == ("function_call", "weather")
    streamed = client.post(path, json={**body, "stream": True}).text
    assert "event: response.output_item.done" in streamed
    assert '"type":"function_call"' in streamed


def test_json_answers(client: httpx.Client) -> None:
    """response_format decides the text of the answer."""
    body = {
        "model": "Qwen/Qwen3-4B",
        "messages": [{"role": "user", "content": "x"}],
        "response_format": {"type": "json_object"},
    }
    content = client.post(CHAT, json=body).json()["choices"][0]["message"]["content"]
    assert orjson.loads(content) == {"said": "This is JSON from Bytez's emulator."}

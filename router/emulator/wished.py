"""What a request asks an answer to be: JSON of a schema, or calls of tools."""

from __future__ import annotations

from typing import Any

import orjson

from router.emulator.exchange import Refused
from router.emulator.least import least_value

MAX_TOOLS = 128


def wished_json(response_format: Any) -> str | None:
    """The text that ``response_format`` asks for; None when it asks for no JSON.

    Raises:
        Refused: 400.
    """
    if response_format is None:
        return None
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind == "text":
        return None
    if kind == "json_object":
        return '{"said":"This is JSON from Bytez\'s emulator."}'
    if kind == "json_schema":
        held = response_format.get("json_schema")
        schema = held.get("schema") if isinstance(held, dict) else None
        if not isinstance(schema, dict):
            raise Refused(400, "response_format.json_schema.schema must be an object")
        return orjson.dumps(least_value(schema)).decode()
    raise Refused(400, "response_format.type must be one of text, json_object, json_schema")


def wished_tool_calls(body: dict[str, Any]) -> tuple[dict[str, Any], ...]:
    """The calls that ``tool_choice`` demands: of the tool it names, or of the first when one is required.

    With ``auto``, and without a choice, the emulator calls nothing.

    Raises:
        Refused: 400.
    """
    tools = body.get("tools")
    choice = body.get("tool_choice")
    if tools is None:
        if choice not in (None, "none", "auto"):
            raise Refused(400, "tool_choice goes with tools")
        return ()
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS:
        raise Refused(400, f"tools must be a list of at most {MAX_TOOLS}")
    functions = {function["name"]: function for function in map(_function, tools) if function}
    if choice in (None, "auto", "none"):
        return ()
    if choice == "required":
        name = next(iter(functions), None)
    else:
        held = _function(choice) if isinstance(choice, dict) else None
        name = held["name"] if held else None
    if name not in functions:
        raise Refused(400, "tool_choice must be none, auto, required, or name a function of tools")
    schema = functions[name].get("parameters")
    arguments = least_value(schema) if isinstance(schema, dict) else {}
    call = {"name": name, "arguments": orjson.dumps(arguments).decode()}
    return ({"id": "call_emulated", "type": "function", "function": call},)


def _function(tool: Any) -> dict[str, Any] | None:
    """The function of a tool, in the form of either route; None for a tool of the provider's own."""
    if not isinstance(tool, dict) or not isinstance(tool.get("type"), str):
        raise Refused(400, "each of tools, and tool_choice as an object, must be an object with a type")
    if tool["type"] != "function":
        return None
    function = tool.get("function", tool)
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise Refused(400, "a tool of type function must have function.name")
    return function

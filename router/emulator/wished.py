"""What a request asks an answer to be: JSON of a schema, or calls of tools.

Values are the least that a schema allows: its first enum, 0, "" or an empty list; they mean nothing.
"""

from __future__ import annotations

from typing import Any

import orjson

from router.emulator.exchange import Refused

MAX_DEPTH = 16
MAX_VALUES = 1_000
MAX_TOOLS = 128

_LEAST: dict[str, Any] = {
    "string": "",
    "number": 0,
    "integer": 0,
    "boolean": False,
    "null": None,
    "array": [],
}


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
        return orjson.dumps(_Maker(schema).make(schema)).decode()
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
    arguments = _Maker(schema).make(schema) if isinstance(schema, dict) else {}
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


class _Maker:
    """Makes the least value that a schema allows, within bounds."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = MAX_VALUES

    def make(self, schema: Any, depth: int = MAX_DEPTH) -> Any:
        """The least value of *schema*, a part of the root.

        Raises:
            Refused: 400, the schema goes on without end, or nearly so.
        """
        self._left -= 1
        if depth == 0 or self._left < 0:
            raise Refused(
                400,
                f"a schema asks for more than {MAX_DEPTH} levels, or {MAX_VALUES:,} values, of required ones",
            )
        if not isinstance(schema, dict):
            return None
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self.make(_referred(reference, self._root), depth - 1)
        if "const" in schema:
            return schema["const"]
        for name in ("enum", "anyOf", "oneOf"):
            options = schema.get(name)
            if isinstance(options, list) and options:
                return options[0] if name == "enum" else self.make(options[0], depth - 1)
        if isinstance(schema.get("properties"), dict):
            return self._object(schema, depth)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((item for item in kind if isinstance(item, str)), None)
        return _LEAST.get(kind, {}) if isinstance(kind, str) else {}

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required")
        names = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
        return {name: self.make(schema["properties"].get(name), depth - 1) for name in names}


def _referred(reference: str, root: dict[str, Any]) -> Any:
    """What a local reference such as ``#/$defs/Place`` points at; None when nothing is there."""
    held: Any = root
    for step in filter(None, reference.removeprefix("#").split("/")):
        held = held.get(step) if isinstance(held, dict) else None
    return held

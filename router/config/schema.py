"""The JSON Schema of what users write, from the models: for editors and the reference."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from router.config.models import RouterConfig

if TYPE_CHECKING:
    from pydantic import BaseModel


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of a native config file, short forms included."""
    return schema_of(RouterConfig, "bytez-router config")


def schema_of(whole: type[BaseModel], title: str) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of files of another kind, which *whole* describes."""
    body = whole.model_json_schema(by_alias=True, mode="validation")
    _tidy(body)
    for name, definition in body["$defs"].items():
        definition["title"] = name.removesuffix("Config").removesuffix("Settings")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **{key: value for key, value in body.items() if key != "title"},
    }


def schema_text() -> str:
    """The schema as it stands in ``schemas/``."""
    return text_of(schema())


def text_of(body: dict[str, Any]) -> str:
    """A schema as it stands in ``schemas/``."""
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> None:
    """Put descriptions, which are docstrings of several lines, on one line."""
    if isinstance(node, dict):
        description = node.get("description")
        if isinstance(description, str):
            node["description"] = " ".join(description.split())
        for value in node.values():
            _tidy(value)
    elif isinstance(node, list):
        for item in node:
            _tidy(item)


def main() -> None:
    """Print the schema."""
    sys.stdout.write(schema_text())


if __name__ == "__main__":
    main()

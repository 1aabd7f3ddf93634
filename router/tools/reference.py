"""The reference pages that are written from the code: config keys, diagnostic codes, Bytez's params.

``python -m router.tools.reference docs`` rewrites the part of each page below its marker.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import orjson

from router.adapters.bytez_params import USES, Column
from router.config.codes import CODES
from router.config.schema import schema

MARKER: Final = "<!-- Below this line the page is written by `python -m router.tools.reference docs`. -->\n"
_SECTIONS: Final = (
    ("Root", None),
    ("Provider", "ProviderConfig"),
    ("Defaults and profiles", "PolicySettings"),
    ("Model group", "GroupConfig"),
    ("Target", "TargetConfig"),
    ("Supports", "SupportsConfig"),
    ("Price", "PriceConfig"),
    ("Fallbacks", "FallbacksConfig"),
    ("Retries", "RetriesConfig"),
    ("Backoff", "BackoffConfig"),
    ("Stream", "StreamConfig"),
    ("Bound", "BoundConfig"),
    ("Caller", "CallerConfig"),
)


def config_reference() -> str:
    """Every key of the config, a table for each kind of map."""
    root = schema()
    parts = []
    for title, name in _SECTIONS:
        definition = root if name is None else root["$defs"][name]
        body = definition if "properties" in definition else definition["anyOf"][-1]
        rows = [_row(key, value, body.get("required", ())) for key, value in body["properties"].items()]
        lines = [f"## {title}", "", body["description"], ""]
        lines += ["| key | default | meaning | example |", "|---|---|---|---|", *rows, ""]
        parts.append("\n".join(lines))
    return "\n".join(parts)


def _row(key: str, value: dict[str, Any], required: list[str]) -> str:
    if key in required:
        default = "**required**"
    else:
        default = "" if value.get("default") in (None, []) else f"`{_short(value['default'])}`"
    example = f"`{_short(value['examples'][0])}`"
    return f"| `{key}` | {default} | {value['description']} | {example} |".replace("\n", " ")


def _short(value: Any) -> str:
    """A value as one line of YAML (its flow style), with JSON's quotes only where text needs them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_short(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    return value if isinstance(value, str) else json.dumps(value)


def diagnostics_reference() -> str:
    """Every diagnostic code: what, why, and what to do."""
    rows = [
        f"| `{code}` | {item.severity} | {item.title} | {item.why} | {item.mend} |"
        for code, item in CODES.items()
    ]
    return "\n".join(
        ["| code | severity | what | why it matters | what to do |", "|---|---|---|---|---|", *rows, ""]
    )


def bytez_reference() -> str:
    """What each of Bytez's wires does with OpenAI's chat params."""
    columns = ("param", "native", "OpenAI route, open models", "OpenAI route, closed models")
    lines = [f"| {' | '.join(columns)} |", "|---|---|---|---|"]
    for param, use in USES.items():
        idle = None if use.idle is None else orjson.dumps(use.idle).decode()
        cells = [_cell(use.names[column.value], idle) for column in Column]
        lines.append(f"| `{param}` | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _cell(name: str | None, idle: str | None) -> str:
    if name is None:
        return "not carried" + ("" if idle is None else f", but for {idle}")
    if not name:
        return "not sent"
    return f"`{name}`" + ("" if idle is None else f"; {idle} is not sent")


PAGES: Final = {
    "config.md": config_reference,
    "diagnostics.md": diagnostics_reference,
    "bytez.md": bytez_reference,
}


def main(arguments: list[str]) -> int:
    """Rewrite the pages in the directory named; 2 when it is not named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m router.tools.reference DIRECTORY\n")
        return 2
    for name, write in PAGES.items():
        page = Path(arguments[0]) / name
        written = page.read_text(encoding="utf-8").partition(MARKER)[0]
        page.write_text(written + MARKER + "\n" + write(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

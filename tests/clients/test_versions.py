"""README's table of clients names the versions that are tried."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.clients.test_oldest_openai import OLDEST

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `?([\w.]+)`?(?:, (Python|Node))? \| ([\d., ]+) \|", re.MULTILINE)
NODE = json.loads((Path(__file__).parent / "node" / "package.json").read_text())["dependencies"]


def _rows() -> list[tuple[str, str, str]]:
    """Client, language and versions of each row."""
    table = (ROOT / "README.md").read_text().partition("\n## Clients\n")[2].partition("\n## ")[0]
    return ROW.findall(table)


def test_each_client_has_its_row() -> None:
    """None is left out, and none is made up."""
    assert [(client, language) for client, language, _ in _rows()] == [
        ("openai", "Python"),
        ("openai", "Python"),
        ("openai", "Node"),
        ("bytez", "Python"),
        ("bytez.js", ""),
        ("curl", ""),
    ]


@pytest.mark.parametrize(("client", "language", "versions"), _rows())
def test_a_row_names_what_is_installed(client: str, language: str, versions: str) -> None:
    """Of packages the very version; curl is the system's, and the row says with which it was tried."""
    named = versions.split(", ")
    if client == "curl":
        assert len(named) == 1
    elif language == "Python":
        assert named[-1] == version(client)
        assert named[:-1] in ([], [OLDEST])
    else:
        assert named == [NODE[client]]

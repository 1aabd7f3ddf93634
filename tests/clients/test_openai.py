"""OpenAI's SDKs for Python and for Node, every scenario."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.clients.python_openai import PythonOpenAI
from tests.clients.scenarios import CALLS, EXPECTED
from tests.clients.world import KEY

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clients.world import World


def _python(world: World, scenario: str) -> dict[str, Any]:
    return PythonOpenAI(world.url, scenario).run()


def _node(world: World, scenario: str, folder: Path) -> dict[str, Any]:
    command = ["node", "openai.mjs", world.url, KEY, scenario]
    out = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=True).stdout
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("scenario", EXPECTED)
def test_python(world: World, scenario: str) -> None:
    """The Python SDK sees what OpenAI's clients must see."""
    _judge(world, scenario, _python(world, scenario))


@pytest.mark.parametrize("scenario", EXPECTED)
def test_node(world: World, scenario: str, node: Path) -> None:
    """The Node SDK sees the same."""
    _judge(world, scenario, _node(world, scenario, node))


def _judge(world: World, scenario: str, found: dict[str, Any]) -> None:
    expected = EXPECTED[scenario]
    assert {name: found.get(name) for name in expected} == expected
    if scenario in CALLS:
        assert world.upstream.calls.total() == CALLS[scenario]
    if scenario in ("timeout", "cancel"):  # The client has left; so does the gateway, from the upstream.
        assert world.upstream.left.wait(10)
    if scenario == "extra":
        assert world.upstream.last["top_a"] == 0.25

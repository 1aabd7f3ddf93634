"""The pytest plugin as other projects meet it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import httpx2 as httpx

if TYPE_CHECKING:
    from pathlib import Path

    from router.emulator.serve import EmulatorServer

MODEL = "google/gemma-3-4b-it"


def ask(server: EmulatorServer) -> int:
    url = f"{server.base_url}/models/v2/{MODEL}"
    return httpx.post(url, json={"input": "a"}, headers={"authorization": "k"}).status_code


def test_fixture_fails_and_heals(bytez_emulator: EmulatorServer) -> None:
    """A test makes a model fail, and leaves a fault and a record behind."""
    bytez_emulator.fail(MODEL, "503")
    assert ask(bytez_emulator) == 503
    bytez_emulator.heal(MODEL)
    assert ask(bytez_emulator) == 200
    bytez_emulator.fail(MODEL, "503")
    assert len(bytez_emulator.requests()) == 2


def test_fixture_is_as_new_for_each_test(bytez_emulator: EmulatorServer) -> None:
    """Neither fault nor record of an earlier test is left."""
    assert bytez_emulator.requests() == []
    assert ask(bytez_emulator) == 200


def test_fixture_refuses_no_call_beside_another(bytez_emulator: EmulatorServer) -> None:
    """A stream that is open takes no other call's place."""
    stall = f"{bytez_emulator.base_url}/models/v2/faulty/stream-stall"
    body = {"input": "a", "stream": True}
    with httpx.stream("POST", stall, json=body, headers={"authorization": "k"}) as response:
        assert response.status_code == 200
        assert ask(bytez_emulator) == 200


def test_plugin_is_found_and_costs_nothing_until_used(tmp_path: Path) -> None:
    """In a project of its own the fixture is there, and pytest loads no more of the package."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_unused():\n"
        "    heavy = {'router.emulator', 'router.config', 'uvicorn', 'httpx2', 'orjson', 'pydantic'}\n"
        "    assert not heavy & set(sys.modules)\n"
        "def test_used(bytez_emulator):\n"
        "    assert bytez_emulator.base_url.startswith('http://127.0.0.1:')\n"
    )
    command = [
        sys.executable,
        "-X",
        "dev",
        "-m",
        "pytest",
        "-W",
        "error",
        "-q",
        "-p",
        "no:asyncio",
        "-p",
        "no:cacheprovider",
        ".",
    ]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "2 passed" in result.stdout

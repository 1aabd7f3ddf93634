"""Says where examples find Bytez."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from router.emulator.serve import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def bytez_emulator() -> Iterator[EmulatorServer]:
    """As ``router emulate`` gives it to a reader: the plugin's fixture, without limits, would hide a 429."""
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def environment(bytez_emulator: EmulatorServer) -> dict[str, str]:
    """The environment of a reader with a key and a local Bytez; servers take a free port."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "BYTEZ_BASE_URL": bytez_emulator.base_url,
        "BYTEZ_API_KEY": "any",
        "ROUTER_PORT": "0",
        "UVICORN_PORT": "0",
        "EMULATOR_PORT": "0",
    }

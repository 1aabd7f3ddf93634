"""Says where examples find Bytez."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer


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

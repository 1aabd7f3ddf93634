"""Makes Bytez local."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer


@pytest.fixture
def bytez(bytez_emulator: EmulatorServer, monkeypatch: pytest.MonkeyPatch) -> EmulatorServer:
    """A local Bytez that the environment names, with a key."""
    monkeypatch.setenv("BYTEZ_BASE_URL", bytez_emulator.base_url)
    monkeypatch.setenv("BYTEZ_API_KEY", "YOUR_BYTEZ_API_KEY_HERE")
    return bytez_emulator

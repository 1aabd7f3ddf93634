"""Process settings come from ROUTER_ variables only."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from router.config.diagnostics import Diagnostic
from router.config.settings import SettingsError, read_settings
from router.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ROUTER_ variable of the machine takes part."""
    for name in ("CONFIG", "HOST", "PORT", "LOG_LEVEL", "LOG_FORMAT"):
        monkeypatch.delenv(f"ROUTER_{name}", raising=False)


def test_defaults() -> None:
    """Loopback, port 4000, quiet enough."""
    found = read_settings()
    assert found.model_dump() == {
        "config": None,
        "host": "127.0.0.1",
        "port": 4000,
        "log_level": "info",
        "log_format": "auto",
    }


def test_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Variables win over defaults; an empty one and a .env file say nothing."""
    (tmp_path / ".env").write_text("ROUTER_HOST=0.0.0.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROUTER_CONFIG", "router.yaml")
    monkeypatch.setenv("ROUTER_PORT", "0")
    monkeypatch.setenv("ROUTER_LOG_LEVEL", "")
    monkeypatch.setenv("ROUTER_UNKNOWN", "x")
    found = read_settings()
    assert (found.config, found.host, found.port, found.log_level) == ("router.yaml", "127.0.0.1", 0, "info")


def test_mistakes_name_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them at once, without their values."""
    monkeypatch.setenv("ROUTER_PORT", "canary")
    monkeypatch.setenv("ROUTER_HOST", "canary" * 100)
    monkeypatch.setenv("ROUTER_LOG_LEVEL", "canary")
    monkeypatch.setenv("ROUTER_LOG_FORMAT", "canary")
    with pytest.raises(ConfigError) as caught:
        read_settings()
    text = str(caught.value)
    assert isinstance(caught.value, SettingsError)
    assert "environment variable ROUTER_PORT must be a port: a whole number from 0 to 65535" in text
    assert all(isinstance(item, Diagnostic) and item.hint for item in caught.value.diagnostics)
    assert str(pickle.loads(pickle.dumps(caught.value))) == text
    assert len(caught.value.diagnostics) == 4
    assert "canary" not in text

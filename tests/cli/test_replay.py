"""``router replay`` where there is nothing to replay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from router.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_logs_without_a_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They say so; a gate that nothing went through does not pass, and nobody reads that nothing changed."""
    config = tmp_path / "router.yaml"
    config.write_text("version: 1\nmodels: {g: bytez/a/b}\n")
    log = tmp_path / "log"
    log.write_text("")
    assert main(["replay", str(config), "--log", str(log)]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"router: warning: nothing was replayed: no request is in {log}\n"
    assert "no request would" not in printed.out
    assert main(["replay", str(config), "--log", str(log), "--json", "--fail-on", "any"]) == 2
    printed = capsys.readouterr()
    assert json.loads(printed.out)["requests"] == 0
    assert "so --fail-on has nothing to judge" in printed.err

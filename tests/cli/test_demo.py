"""The demo: every step answers, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx
import pytest

from router.address import CannotServe
from router.cli import main
from router.cli.child import gateway_process
from router.cli.common import CommandError

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer

CONFIG = str(Path(__file__).parents[2] / "examples/quickstart/router.yaml")
LINE = re.compile(r"^target=(\S+) attempts=(\d+) cache=\S+ plan=[0-9a-f]{12}$", re.MULTILINE)


def test_on_the_emulator(capfd: pytest.CaptureFixture[str]) -> None:
    """Without a key an emulator answers: plain, streamed, in process, next target, fallback group."""
    before = (set(threading.enumerate()), dict(os.environ))
    assert main(["demo", "--config", CONFIG, "--ask", "Why is the sky blue?"]) == 0
    captured = capfd.readouterr()
    lines = LINE.findall(captured.out)
    first, second, other = "bytez/google/gemma-3-4b-it", "bytez/google/gemma-3-12b-it", "bytez/Qwen/Qwen3-4B"
    assert [target for target, _ in lines] == [first, first, first, second, other]
    assert [attempts for _, attempts in lines[:4]] == ["1", "1", "1", "2"]
    assert int(lines[4][1]) >= 3
    assert captured.out.count('You said: "Why is the sky blue?"') == 5
    assert captured.err == ""
    after = {thread for thread in threading.enumerate() if thread.name != "router-sync"}
    assert (after, dict(os.environ)) == before


def test_with_a_key(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bytez_emulator: EmulatorServer
) -> None:
    """With a key Bytez itself is asked; its first target is then one that does not exist."""
    monkeypatch.setenv("BYTEZ_API_KEY", "key")
    monkeypatch.setenv("BYTEZ_BASE_URL", bytez_emulator.base_url)
    bytez_emulator.fail("router-demo/no-such-model", "404")
    assert main(["demo", "--config", CONFIG]) == 0
    lines = LINE.findall(capfd.readouterr().out)
    assert [attempts for _, attempts in lines] == ["1", "1", "1", "2"]
    assert {target for target, _ in lines} == {"bytez/google/gemma-3-4b-it"}


def test_keep(tmp_path: Path) -> None:
    """--keep leaves the gateway running until SIGTERM or Ctrl-C, and then leaves nothing."""
    command = [sys.executable, "-m", "router.cli", "demo", "--config", CONFIG, "--keep", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = ""
        for line in process.stdout:
            if line.startswith("curl "):
                url = line.split()[1]
                break
        assert httpx.get(url.replace("/chat/completions", "/models")).status_code == 200
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_without_openai(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "openai", None)
    assert main(["demo", "--config", CONFIG]) == 1
    assert "pip install openai" in capsys.readouterr().err


def test_without_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is not there is named before anything is started."""
    assert main(["demo", "--config", str(tmp_path / "none.yaml")]) == 1
    assert "there is no file" in capsys.readouterr().err


def test_wildcards_only(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A config without a group that can be named is refused in words."""
    path = tmp_path / "router.yaml"
    path.write_text('version: 1\nmodels: {"bytez/*": "bytez/*"}\n')
    assert main(["demo", "--config", str(path)]) == 1
    assert "no wildcard" in capfd.readouterr().err


def test_without_uvicorn(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An emulator that cannot start is one line."""

    def refuse() -> None:
        raise CannotServe("the emulator needs uvicorn")

    monkeypatch.setattr("router.emulator.serve.EmulatorServer", refuse)
    assert main(["demo", "--config", CONFIG]) == 1
    assert "the emulator needs uvicorn" in capsys.readouterr().err


def test_gateway_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the gateway said when it did not start is told, and waiting for it is bounded."""
    path = tmp_path / "router.yaml"
    path.write_text("version: 2\n")
    with pytest.raises(CommandError, match=r"(?s)did not start:.*bad-version"), gateway_process(str(path), 0):
        pass
    monkeypatch.setattr("router.cli.child._START_S", 0)
    with pytest.raises(CommandError, match="did not start"), gateway_process(str(path), 0):
        pass

"""The README shows only what works: its blocks are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx
import pytest

from router.config import load_text
from router.emulator.serve import EmulatorServer
from router.tools.check import check

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def bytez_emulator() -> Iterator[EmulatorServer]:
    """As ``router emulate`` gives it to a reader: the plugin's fixture, without limits, would hide a 429."""
    with EmulatorServer() as server:
        yield server


@pytest.fixture
def environment(bytez_emulator: EmulatorServer) -> dict[str, str]:
    """What a reader of the README has: a key, and here the emulator in place of Bytez."""
    return {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "BYTEZ_API_KEY": "reader-key-12345",
        "BYTEZ_BASE_URL": bytez_emulator.base_url,
    }


def test_every_kind_of_block_is_known() -> None:
    """No block escapes these tests by its language."""
    fences = [line for line in re.findall(r"^```(.*)$", README, re.MULTILINE) if line]
    assert set(fences) == {"sh", "python", "yaml", "text"}


def test_config_blocks_are_valid() -> None:
    """The config is accepted as printed; the callers' block completes it."""
    config, callers = blocks("yaml")
    for text in (config, config + callers):
        assert list(load_text(text).diagnostics) == []


def test_the_printed_finding_is_what_check_says(tmp_path: Path) -> None:
    """A misspelt key gives the finding that is shown, to the letter."""
    path = tmp_path / "router.yaml"
    path.write_text(
        "version: 1\nmodels:\n  gemma-3:\n    targets:\n"
        "      - {model: bytez/google/gemma-3-4b-it, wieght: 3}\n"
    )
    (shown,) = blocks("text")
    assert check(path).render().replace(f"{tmp_path}/", "") == shown.strip()


@pytest.mark.parametrize("index", range(len(blocks("python"))))
def test_python_blocks_run(index: int, environment: dict[str, str]) -> None:
    """Each program runs as printed."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks("python")[index]],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    checks = "check_policy" in blocks("python")[index]
    assert (" stories, " if checks else "You said") in result.stdout


def test_the_pytest_command_runs(environment: dict[str, str]) -> None:
    """The policy's tests pass as printed, the config among them."""
    (command,) = [block for block in blocks("sh") if block.startswith("pytest")]
    result = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 passed" in result.stdout


def test_check_command_runs(environment: dict[str, str]) -> None:
    """The check command accepts the quickstart."""
    (command,) = [block for block in blocks("sh") if block.startswith("router check")]
    result = subprocess.run(
        command,
        shell=True,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("command", ["router explain", "router test", "router diff"])
def test_commands_that_ask_a_policy_run(command: str, environment: dict[str, str]) -> None:
    """They answer yes, and need no key."""
    (block,) = [block for block in blocks("sh") if block.startswith(command)]
    keyless = {key: value for key, value in environment.items() if key != "BYTEZ_API_KEY"}
    done = subprocess.run(
        block, shell=True, cwd=ROOT, env=keyless, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def gateway(environment: dict[str, str]) -> Generator[str]:
    """The gateway of the README's command, on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (command,) = [block for block in blocks("sh") if block.startswith("router serve")]
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        cwd=ROOT,
        env={**environment, "ROUTER_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "listening" in line:
                break
        yield f"http://127.0.0.1:{port}"
        process.terminate()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_serve_and_curl_run(gateway: str, environment: dict[str, str]) -> None:
    """The gateway answers the printed curl."""
    assert httpx.get(gateway + "/healthz").status_code == 200
    (command,) = [block for block in blocks("sh") if block.startswith("curl")]
    result = subprocess.run(
        command.replace("http://127.0.0.1:4000", gateway).replace("curl ", "curl -sS ", 1),
        shell=True,
        env=environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    reply = json.loads(result.stdout)
    assert "What do you know about Earth?" in reply["choices"][0]["message"]["content"]


def test_the_simulation_runs_as_printed(environment: dict[str, str]) -> None:
    """Its expectations hold, and the README promises no more."""
    (command,) = [block for block in blocks("sh") if block.startswith("router simulate")]
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.endswith("every expectation holds\n")

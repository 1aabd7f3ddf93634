"""The command line: help, exit codes, and errors without tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from router.cli import main
from router.cli import main as main_module

if TYPE_CHECKING:
    import argparse

    from router.cli.common import Commands
    from router.server.serve import ServeSettings

COMMANDS = ("serve", "check", "chat", "models", "schema", "emulate", "demo")


@pytest.mark.parametrize("command", COMMANDS)
def test_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """Every command explains itself, with an example that begins with the program's name."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"usage: router {command}" in out
    assert "example:\n  router " in out


def test_help_of_all(capsys: pytest.CaptureFixture[str]) -> None:
    """The program lists its commands."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    for command in COMMANDS:
        assert f"\n    {command} " in out


def test_help_shows_flag_environment_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    """What can be set says how, and what holds otherwise."""
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    for name, default in (("CONFIG", "router.yaml"), ("HOST", "127.0.0.1"), ("PORT", "4000")):
        assert f"environment: ROUTER_{name}; default: {default}" in out
    assert "ROUTER_LOG_LEVEL; default: info" in out
    assert "ROUTER_LOG_FORMAT; default: auto" in out


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nothing"],
        ["check"],
        ["serve", "--port", "70000"],
        ["serve", "--port", "-1"],
        ["serve", "--port", "http"],
        ["serve", "--workers", "0"],
        ["--nonsense"],
        ["chat", "gemma-3"],
        ["chat", "gemma-3", "Hi", "--param", "temperature"],
        ["chat", "gemma-3", "Hi", "--param", "=1"],
        ["chat", "gemma-3", "Hi", "--param", "stream=true"],
        ["emulate", "--tier", "gold"],
        ["emulate", "--credits", "much"],
        ["emulate", "--credits", "-1"],
        ["emulate", "--credits", "NaN"],
        ["emulate", "--auto-scale-cap", "1.5"],
        ["emulate", "--cold-start", "20"],
        ["emulate", "--warm-for", "25h"],
        ["emulate", "--shape", "round"],
        ["chat", "gemma-3", "Hi", "--json", "--stream"],
        ["serve", "--log-format", "xml"],
    ],
)
def test_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Wrong usage is 2, with the usage on stderr."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: router" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """--version names the distribution."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("bytez-router ")


@pytest.mark.parametrize("words", [["serve"], [], ["models"], ["chat", "m", "Hi"]])
def test_missing_config(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """A file that is not there is one line and 1; options alone mean serve."""
    missing = str(tmp_path / "missing.yaml")
    assert main([*words, "--config", missing]) == 1
    captured = capsys.readouterr()
    assert "missing.yaml" in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_broken_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every finding of a broken config is on stderr, with its place."""
    path = tmp_path / "router.yaml"
    path.write_text("version: 1\nmodle: 1\nmodels:\n  a: nowhere/b\n")
    assert main(["--config", str(path)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{path}:") for line in lines)


def test_bad_environment(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that cannot be used is wrong usage, as the same flag is; each is named."""
    monkeypatch.setenv("ROUTER_PORT", "http")
    monkeypatch.setenv("ROUTER_LOG_LEVEL", "loud")
    for words in (["serve"], ["models"], ["chat", "m", "Hi"]):
        assert main(words) == 2
        assert capsys.readouterr().err == (
            "router: error: environment variable ROUTER_PORT must be a port: a whole number from 0 to 65535\n"
            "router: error: environment variable ROUTER_LOG_LEVEL must be `debug`, `info`, "
            "`warning` or `error`\n"
        )


def test_json_without_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """An emulator that serves has nothing to print as JSON: wrong usage."""
    assert main(["emulate", "--json"]) == 2
    assert capsys.readouterr().err == "router: error: --json goes with --faults\n"


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        ([], {}, "auto"),
        ([], {"ROUTER_LOG_FORMAT": "console"}, "console"),
        (["--log-format", "json"], {"ROUTER_LOG_FORMAT": "console"}, "json"),
    ],
)
def test_log_format(
    monkeypatch: pytest.MonkeyPatch, words: list[str], environment: dict[str, str], expected: str
) -> None:
    """The flag wins over the environment, which wins over the default."""
    served: list[ServeSettings] = []
    monkeypatch.setattr("router.server.serve.serve", served.append)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["serve", *words]) == 0
    assert [settings.log_format for settings in served] == [expected]


class _Command:
    """A command that ends as it is told."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def add(self, commands: Commands) -> None:
        commands.add_parser("end").set_defaults(run=self.run)

    def run(self, _args: argparse.Namespace) -> int:
        raise self._error


def test_interrupt(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C is 130, and quiet."""
    monkeypatch.setattr(sys.modules["router.cli.main"], "_COMMANDS", (_Command(KeyboardInterrupt()),))
    assert main_module(["end"]) == 130
    assert capsys.readouterr().err == ""


def test_broken_pipe() -> None:
    """A reader that has seen enough, such as head, causes no complaint."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "router.cli", "schema"]
    ended = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words",
    [
        ["check", "{config}"],
        ["models", "--config", "{config}"],
        ["schema"],
        ["emulate", "--faults"],
        ["--help"],
    ],
)
def test_output_that_cannot_be_written(tmp_path: Path, words: list[str]) -> None:
    """A full disk under stdout is one line and 1, whatever the command."""
    config = tmp_path / "router.yaml"
    config.write_text("version: 1\nmodels: {a: bytez/b/c}\n")
    command = [sys.executable, "-m", "router.cli", *(word.format(config=config) for word in words)]
    environment = {**os.environ, "BYTEZ_API_KEY": "key", "PYTHONUNBUFFERED": ""}
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, "router: [Errno 28] No space left on device\n")


def test_as_a_program() -> None:
    """The installed command and the module are the same program."""
    for command in ([sys.executable, "-m", "router.cli"], [Path(sys.executable).with_name("router")]):
        ended = subprocess.run([*command, "schema"], capture_output=True, text=True, check=True)
        assert '"bytez-router config"' in ended.stdout

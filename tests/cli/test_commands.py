"""check, models, schema, chat and emulate."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx
import pytest

from router.address import CannotServe
from router.cli import main
from router.emulator.faults import FAULTS

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer

CONFIG = """
version: 1
models:
  gemma-3:
    targets: [bytez/google/gemma-3-4b-it, {model: bytez/google/gemma-3-12b-it, tier: 2}]
    aliases: [gemma]
    fallbacks: [qwen-3]
  qwen-3: bytez/Qwen/Qwen3-4B
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytez_emulator: EmulatorServer) -> str:
    """A config before the emulator, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BYTEZ_API_KEY", "key")
    monkeypatch.setenv("BYTEZ_BASE_URL", bytez_emulator.base_url)
    path = tmp_path / "router.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_check(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A good file is 0, a bad one 1; --json is one object for programs."""
    assert main(["check", config]) == 0
    assert "ok (2 model groups)" in capsys.readouterr().out
    assert main(["check", config, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "diagnostics": []}
    Path(config).write_text(CONFIG + "modle_list: []\n")
    assert main(["check", config, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["diagnostics"][0]["line"] == 9
    assert main(["check", config]) == 1
    assert "not ok" in capsys.readouterr().out


def test_check_without_environment(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--no-env makes a key that is not there a note."""
    Path(config).write_text(CONFIG + "providers: {bytez: {api_key: env:NO_SUCH_KEY}}\n")
    assert main(["check", config]) == 1
    assert main(["check", config, "--no-env"]) == 0
    assert "note[missing-reference]" in capsys.readouterr().out


def test_models(config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups are listed with their targets; no key is needed."""
    monkeypatch.delenv("BYTEZ_API_KEY")
    assert main(["models"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "gemma-3  bytez/google/gemma-3-4b-it, bytez/google/gemma-3-12b-it  aliases: gemma  fallbacks: qwen-3",
        "qwen-3   bytez/Qwen/Qwen3-4B",
    ]
    assert main(["models", "--config", config, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[0]["targets"] == ["bytez/google/gemma-3-4b-it", "bytez/google/gemma-3-12b-it"]
    assert listed[1] == {
        "name": "qwen-3",
        "aliases": [],
        "targets": ["bytez/Qwen/Qwen3-4B"],
        "fallbacks": [],
    }


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """The schema is JSON."""
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "bytez-router config"


# --- chat

LINE = r"target=bytez/google/gemma-3-4b-it attempts=1 cache=bypass plan=[0-9a-f]{12}\n"


@pytest.mark.parametrize("stream", ["--stream", "--no-stream"])
def test_chat(
    config: str, capsys: pytest.CaptureFixture[str], bytez_emulator: EmulatorServer, stream: str
) -> None:
    """The answer is on stdout, how it came about on stderr; params are JSON, or else text."""
    params = ["--param", "temperature=0.5", "--param", "style=plain"]
    assert main(["chat", "gemma", "How are you?", stream, *params]) == 0
    captured = capsys.readouterr()
    assert 'You said: "How are you?"' in captured.out
    assert captured.out.endswith("\n")
    assert re.fullmatch(LINE, captured.err)
    [asked] = bytez_emulator.requests()
    assert asked["body"].get("stream", False) is (stream == "--stream")
    assert asked["body"]["params"] == {"temperature": 0.5, "style": "plain"}


def test_chat_json(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is one object: the whole reply, and how it came about."""
    assert main(["chat", "gemma", "How are you?", "--json", "--param", "temperature=0.5"]) == 0
    captured = capsys.readouterr()
    reply = json.loads(captured.out)
    assert reply["object"] == "chat.completion"
    assert 'You said: "How are you?"' in reply["choices"][0]["message"]["content"]
    routing = reply["routing"]
    assert (routing["group"], routing["target"]) == ("gemma-3", "bytez/google/gemma-3-4b-it")
    assert [attempt["outcome"] for attempt in routing["attempts"]] == ["ok"]
    assert re.fullmatch(LINE, captured.err)


def test_chat_json_that_fails(
    config: str, capsys: pytest.CaptureFixture[str], bytez_emulator: EmulatorServer
) -> None:
    """A failure is 1 and leaves stdout empty, as without --json."""
    bytez_emulator.fail("Qwen/Qwen3-4B", "400")
    assert main(["chat", "qwen-3", "Hi", "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("router: 'qwen-3' was not answered: 1 attempt (")


def test_chat_without_config(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a config every Bytez model has its own name."""
    Path(config).unlink()
    assert main(["chat", "bytez/google/gemma-3-4b-it", "Hi"]) == 0
    assert re.fullmatch(LINE, capsys.readouterr().err)


def test_chat_with_config_of_the_environment(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """ROUTER_CONFIG names the config; a flag wins over it."""
    other = Path(config).with_name("other.yaml")
    other.write_text("version: 1\nmodels: {other: bytez/a/b}\n")
    monkeypatch.setenv("ROUTER_CONFIG", str(other))
    assert main(["chat", "other", "Hi"]) == 0
    assert main(["chat", "other", "Hi", "--config", config]) == 1
    assert "no model group is named 'other'" in capsys.readouterr().err


def test_chat_that_fails(
    config: str, capsys: pytest.CaptureFixture[str], bytez_emulator: EmulatorServer
) -> None:
    """An upstream's refusal is 1 with its own words, and no traceback."""
    bytez_emulator.fail("Qwen/Qwen3-4B", "400")
    assert main(["chat", "qwen-3", "Hi"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith("router: 'qwen-3' was not answered")
    assert second == "router: bytez/Qwen/Qwen3-4B says: Bad request"


# --- emulate


def test_faults(capsys: pytest.CaptureFixture[str]) -> None:
    """--faults lists the table and ends."""
    assert main(["emulate", "--faults"]) == 0
    assert "faulty/503" in capsys.readouterr().out


def test_faults_json(capsys: pytest.CaptureFixture[str]) -> None:
    """--faults --json is a list for programs: the model to ask, what it does, and N's bound."""
    assert main(["emulate", "--faults", "--json"]) == 0
    rows = {row["model"]: row for row in json.loads(capsys.readouterr().out)}
    assert len(rows) == len(FAULTS)
    assert rows["faulty/503"]["largest_n"] is None
    assert rows["faulty/slow-Nms"] == {
        "model": "faulty/slow-Nms",
        "does": "N ms of silence, then the usual answer",
        "largest_n": 600_000,
    }


def test_emulate() -> None:
    """It tells where it listens, takes the options, and Ctrl-C ends it."""
    command = [sys.executable, "-m", "router.cli", "emulate", "--port", "0", "--key", "k", "--strict-auth"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        url = re.search(r"BYTEZ_BASE_URL=(\S+)", line)
        assert url, line
        statuses = [
            httpx.get(f"{url[1]}/models/v2/list/tasks", headers={"authorization": key}).status_code
            for key in ("Key k", "k", "Key other")
        ]
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=20)[1]
    assert statuses == [200, 401, 401]
    assert rest == ""
    assert process.returncode in (0, 130)


def test_emulate_on_a_taken_port(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What keeps it from listening is one line and 1."""

    def refuse(*_args: object) -> None:
        raise CannotServe("cannot listen on 127.0.0.1 port 1")

    monkeypatch.setattr("router.emulator.serve.run", refuse)
    assert main(["emulate"]) == 1
    assert capsys.readouterr().err == "router: cannot listen on 127.0.0.1 port 1\n"


def test_serve_that_cannot(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that would be open to others is refused in one line."""
    assert main(["serve", "--config", config, "--host", "0.0.0.0"]) == 1
    assert capsys.readouterr().err.startswith("router: refusing to listen on 0.0.0.0")

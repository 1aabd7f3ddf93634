"""explain and test on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from router.cli import main
from router.tools import watch

CONFIG = """version: 1
models:
  gemma-3: {targets: [bytez/google/gemma-3-4b-it, {model: bytez/google/gemma-3-12b-it, tier: 2}]}
"""
TESTS = """tests:
  - {name: answers, request: {model: gemma-3}, expect: {target: bytez/google/gemma-3-4b-it}}
"""
FOUR = "bytez/google/gemma-3-4b-it"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A config whose key is not there."""
    monkeypatch.delenv("BYTEZ_API_KEY", raising=False)
    path = tmp_path / "router.yaml"
    path.write_text(CONFIG)
    return str(path)


# --- explain


def test_explain(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Text for people, without a key and without colour where there is no terminal."""
    assert main(["explain", config, "--model", "gemma-3", "--param", "max_tokens=20"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("gemma-3 is the group gemma-3, by its name\n")
    assert "sent as max_new_tokens" in out
    assert "\x1b" not in out


def test_explain_says_what_is_kept(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """With the request's own word on it."""
    Path(config).write_text(CONFIG + "defaults: {cache: {}}\n")
    assert main(["explain", config, "--model", "gemma-3"]) == 0
    assert "miss; kept as its caller's own" in capsys.readouterr().out
    assert main(["explain", config, "--model", "gemma-3", "--cache", "off"]) == 0
    out = capsys.readouterr().out
    assert "bypass: the request says so" in out
    assert "… of " not in out


def test_explain_for_programs(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--json is the record; every option of the request is in it."""
    words = ["--param", "temperature=0.5", "--param", "user=me", "--tokens", "500", "--caller", "alice"]
    words += ["--timeout", "5s", "--stream", "--header", "X-Team=blue", "--message", "Hi", "--wire"]
    assert main(["explain", config, "--model", "gemma-3", *words, "--json"]) == 0
    decision = json.loads(capsys.readouterr().out)["decision"]
    assert (decision["tokens"], decision["caller"], decision["timeout_s"], decision["stream"]) == (
        500,
        "alice",
        5.0,
        True,
    )
    target = decision["chain"][0]["targets"][0]
    assert {item["param"]: item["value"] for item in target["params"]}["temperature"] == 0.5
    assert "Hi" in target["wire"]["body"]


def test_explain_messages_and_input(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file of messages, or a text to embed."""
    path = tmp_path / "messages.json"
    path.write_text(json.dumps([{"role": "user", "content": "x" * 400}]))
    assert main(["explain", config, "--model", "gemma-3", "--messages", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision"]["tokens"] == 100
    assert main(["explain", config, "--model", "gemma-3", "--input", "hello", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decision"]["task"] == "embedding"


def test_explain_outcomes(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What attempts come to is played; an answer is 0, an error 1."""
    words = ["explain", config, "--model", "gemma-3", "--json"]
    assert main([*words, "--outcome", f"{FOUR}=503,ok"]) == 0
    assert [item["outcome"] for item in json.loads(capsys.readouterr().out)["attempts"]] == [
        "server_error",
        "ok",
    ]
    assert main([*words, "--outcome", f"{FOUR}=bad_request"]) == 1
    assert json.loads(capsys.readouterr().out)["outcome"] == "bad_request"


def test_a_refused_request_is_1(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """So is a model that there is not; a file that nothing can be asked of is 2, with its line."""
    assert main(["explain", config, "--model", "gemma-3", "--tag", "eu"]) == 1
    assert "refused: no target" in capsys.readouterr().out
    assert main(["explain", config, "--model", "gema-3"]) == 1
    assert "did you mean 'gemma-3'?" in capsys.readouterr().err
    assert main(["explain", "nowhere.yaml", "--model", "gemma-3"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err
    Path(config).write_text("version: 1\nmodels: {a: nobody/x}\n")
    assert main(["explain", config, "--model", "a"]) == 2
    assert capsys.readouterr().err.splitlines()[1:3] == [
        "  2 | models: {a: nobody/x}",
        "    |             ^^^^^^^^",
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--param", "x"], "--param x: write --param NAME=VALUE"),
        (["--param", "stream=true"], "--param stream=true: stream is not a generation param, use --stream"),
        (
            ["--param", "messages=[]"],
            "--param messages=[]: messages is not a generation param, use --message",
        ),
        (["--param", "model=x"], "--param model=x: model is not a generation param, use --model"),
        (["--param", "router={}"], "--param router={}: router is not a generation param, use --caller"),
        (["--param", "input=x"], "--param input=x: input is not a generation param, use --input"),
        (["--header", "=x"], "--header =x: write --header NAME=VALUE"),
        (["--timeout", "5"], "--timeout 5: write a time such as 500ms, 30s or 2m"),
        (["--message", "a", "--input", "b"], "give one of --message and --input"),
        (["--input", "b", "--stream"], "--stream: embeddings are not streamed"),
        (["--messages", "nowhere.json"], "--messages nowhere.json: No such file"),
        (["--messages", "/dev/zero"], "--messages /dev/zero: longer than 64 MiB"),
        (["--outcome", "503"], "--outcome 503: write TARGET=LIST"),
        (["--outcome", "a/b=broken"], "--outcome a/b=broken: write TARGET=LIST"),
        (["--outcome", "a/b=503"], "--outcome: the chain has no target 'a/b'; it has bytez/google/gemma"),
        (["--outcome", "a/b="], "--outcome a/b=: write TARGET=LIST"),
    ],
)
def test_wrong_usage_is_2(
    config: str, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """One line says what to write."""
    assert main(["explain", config, "--model", "gemma-3", *words]) == 2
    assert f"router: error: {said}" in capsys.readouterr().err


def test_messages_that_are_no_json(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file is named."""
    path = tmp_path / "messages.json"
    path.write_text("hello")
    assert main(["explain", config, "--model", "gemma-3", "--messages", str(path)]) == 2
    assert "messages.json: is no JSON" in capsys.readouterr().err


# --- test


def test_test(config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All pass: 0; one fails: 1; --json is one object."""
    path = tmp_path / "tests.yaml"
    path.write_text("version: 1\n" + TESTS)
    assert main(["test", config, str(path)]) == 0
    assert capsys.readouterr().out == "ok    answers  1 attempt, 0s\n1 passed\n"
    path.write_text("version: 1\n" + TESTS.replace("4b", "27b"))
    assert main(["test", config, str(path)]) == 1
    out = capsys.readouterr().out
    assert "1 failed, 0 passed" in out
    shown = next(line for line in path.read_text().splitlines() if "27b" in line)
    assert f" | {shown}\n" in out  # With the line that is not as it must be.
    assert main(["test", config, str(path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    path.write_text("tests: []\n")
    assert main(["test", config, str(path)]) == 2


def test_nothing_to_test_is_2(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A file without tests, and two options that exclude each other."""
    assert main(["test", config]) == 2
    assert "has no tests: add `tests:` to it" in capsys.readouterr().err
    assert main(["test", config, "--watch", "--json"]) == 2


def test_watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """They run again after each change, whatever the change; an interrupt ends it."""
    path = tmp_path / "router.yaml"
    texts = iter([CONFIG + TESTS.replace("4b", "27b"), CONFIG, "version: 2\n"])
    path.write_text(CONFIG + TESTS)

    def wait(known: watch.Stamp) -> None:
        assert set(known) == {str(path)}
        text = next(texts, None)
        if text is None:
            raise KeyboardInterrupt
        path.write_text(text)

    monkeypatch.setattr(watch, "wait_for_change", wait)
    assert main(["test", str(path), "--watch"]) == 130
    out = capsys.readouterr().out
    said = ["1 passed", "1 failed, 0 passed", "has no tests", "error[bad-version]"]
    assert all(word in out for word in said)
    assert out.count("watching ") == 4

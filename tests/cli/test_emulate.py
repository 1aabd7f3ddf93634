"""The options of `router emulate`: what becomes of them, and which are refused."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from router.cli import main
from router.emulator.settings import Settings, UpstreamSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """The settings with which the emulator would run."""

    def settings_of(*words: str) -> Settings:
        held: list[Any] = []
        monkeypatch.setattr("router.emulator.serve.run", lambda *args: held.append(args))
        assert main(["emulate", *words]) == 0
        found: Settings = held[0][2]
        return found

    return settings_of


def test_no_options(settings_of: Callable[..., Settings]) -> None:
    """Without options it is the emulator that the library makes."""
    assert settings_of() == Settings()


def test_options(settings_of: Callable[..., Settings]) -> None:
    """Each option sets what it is called."""
    words = "--tier 25 --credits 1.50 --auto-scale-cap 10 --cold-start 20s --warm-for 1m --shape string"
    more = "--profile container --run-model org/name-7B --key a --key b --strict-auth"
    assert settings_of(*words.split(), *more.split()) == Settings(
        keys=frozenset({"a", "b"}),
        strict_auth=True,
        tier="25",
        credits=Decimal("1.50"),
        auto_scale_cap=10,
        cold_start_s=20.0,
        warm_s=60.0,
        shape="string",
        profile="container",
        run_model="org/name-7B",
    )


def test_upstream(settings_of: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    """URL, model and key of a real model; the key is read once and shown nowhere."""
    monkeypatch.setenv("UPSTREAM_KEY", "sk-up")
    words = ["--upstream", "http://127.0.0.1:8081/v1/", "--upstream-model", "gemma"]
    assert settings_of(*words).upstream == UpstreamSettings("http://127.0.0.1:8081/v1", "gemma")
    told = settings_of(*words, "--upstream-key", "env:UPSTREAM_KEY").upstream
    assert told is not None
    assert told.key is not None
    assert told.key.reveal() == "sk-up"
    assert "sk-up" not in repr(told)


def test_scenario(settings_of: Callable[..., Settings], tmp_path: Path) -> None:
    """The file is read before anything is served."""
    path = tmp_path / "s.yaml"
    path.write_text('version: 1\nmodels: {"*": {shape: bare}}\n')
    told = settings_of("--scenario", str(path)).scenario
    assert told is not None
    model = told.model("org/name")
    assert model is not None
    assert model.shape == "bare"


def test_broken_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Findings with their places on stderr, and 1."""
    path = tmp_path / "s.yaml"
    path.write_text("version: 1\nmodels: {org/name: {fault: []}}\n")
    assert main(["emulate", "--scenario", str(path)]) == 1
    assert capsys.readouterr().err == (
        f'{path}:2:21: error[unknown-key] models."org/name".fault: unknown key'
        " (hint: did you mean `faults`?)\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--upstream-model", "m"], "--upstream-model goes with --upstream"),
        (["--upstream-key", "env:K"], "--upstream-key goes with --upstream"),
        (["--upstream", "localhost:8081"], "--upstream: must be an absolute `http` or `https` URL; write"),
        (["--upstream", "http://u:p@h/v1"], "--upstream: must not hold a user or password"),
        (["--upstream", "http://127.0.0.1/v1", "--upstream-key", "sk-up"], "a secret must not be written"),
        (["--upstream", "http://127.0.0.1/v1", "--upstream-key", "env:NOT_SET"], "`NOT_SET` is not set"),
        (["--upstream", "http://example.org/v1", "--upstream-key", "env:HOME"], "sent over https only"),
        (["--run-model", "gemma"], "--run-model: a model id is <organisation>/<name>"),
    ],
)
def test_what_does_not_go(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong usage is one line and 2, and never shows a key."""
    assert main(["emulate", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert "sk-up" not in told

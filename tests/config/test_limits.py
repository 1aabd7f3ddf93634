"""``limits`` and ``api_keys``: what is taken, what is refused and in which words, and what becomes of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from router import ConfigError
from router.config import RouterConfig, load_text
from router.core.limits import Limits
from router.engine import open_engine
from router.plan import compile_plan

MODELS = "models:\n  chat: {targets: [{model: one/m%s}]%s}\n"


def text(provider: str = "", group: str = "", target: str = "") -> str:
    """A config with more keys at one level."""
    return (
        f"version: 1\nproviders:\n  one: {{adapter: openai, base_url: 'https://x.example/v1'{provider}}}\n"
        + MODELS % (target, group)
    )


def found(written: str) -> list[str]:
    """Every finding, without the file and the column."""
    return [f"{item.path}: {item.message}" for item in load_text(written).diagnostics]


@pytest.mark.parametrize("level", ["provider", "group", "target"])
def test_each_level_has_its_own(level: str) -> None:
    """They are compiled where they are written, and nowhere else: nothing is inherited."""
    limits = ", limits: {rpm: 60, tpm: 1000, concurrency: adaptive, max_wait: 30s}"
    plan = compile_plan(load_text(text(**{level: limits})).require())
    group = plan.routes["chat"].asked
    held = {
        "provider": plan.providers["one"].limits,
        "group": group.limits,
        "target": group.targets[0].limits,
    }
    assert held.pop(level) == Limits(rpm=60, tpm=1000, adaptive=True, max_wait_s=30.0)
    assert set(held.values()) == {None}
    assert (plan.limited, plan.metered) == (True, True)


def test_built_in_values() -> None:
    """A limit alone waits five seconds; without any, nothing is limited and nothing looked at."""
    plan = compile_plan(load_text(text(group=", limits: {concurrency: 3}")).require())
    assert plan.routes["chat"].asked.limits == Limits(concurrency=3, max_wait_s=5.0)
    assert (plan.limited, plan.metered) == (True, False)
    for nothing in ("", ", limits: false", ", limits: null"):
        plan = compile_plan(load_text(text(group=nothing, target=nothing, provider=nothing)).require())
        assert (plan.limited, plan.metered) == (False, False)


def test_a_wildcards_target_is_limited_as_written() -> None:
    """All models that it stands for share one limit: callers cannot make new ones."""
    written = "version: 1\nmodels:\n  'b/*': {targets: [{model: bytez/*, limits: {rpm: 5}}]}\n"
    plan = compile_plan(load_text(written).require())
    one, two = plan.find("b/org/x"), plan.find("b/org/y")
    assert one is not None
    assert two is not None
    assert one.asked.targets[0].id != two.asked.targets[0].id
    assert one.asked.targets[0].written == two.asked.targets[0].written == "bytez/*"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("{}", "limits: nothing is limited"),
        ("{max_wait: 3s}", "limits: nothing is limited"),
        ("{rpm: 0}", "limits.rpm: must be at least 1"),
        ("{tpm: 0}", "limits.tpm: must be at least 1"),
        ("{rpm: 99999999}", "limits.rpm: must be at most 10000000"),
        ("{concurrency: 0}", "limits.concurrency: must be `adaptive` or a number from 1 to 100000"),
        ("{concurrency: true}", "limits.concurrency: must be `adaptive` or a number from 1 to 100000"),
        ("{concurrency: auto}", "limits.concurrency: must be `adaptive` or a number from 1 to 100000"),
        ("{rpm: 5, max_wait: 3}", "limits.max_wait: a duration needs its unit"),
        ("{rmp: 5}", "limits.rmp: unknown key"),
        ("7", "limits: must be a map"),
    ],
)
@pytest.mark.parametrize("level", ["provider", "group", "target"])
def test_what_cannot_be_meant_is_refused(level: str, limits: str, words: str) -> None:
    """At the key, in words that say what may stand there."""
    findings = found(text(**{level: f", limits: {limits}"}))
    assert any(words in finding for finding in findings), findings


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("api_keys: []", "api_keys: must hold at least one reference"),
        ("api_keys: env:A", "api_keys: must be a list of references"),
        ("api_keys: [env:A, env:B, env:A]", "api_keys: `env:A` is there twice"),
        ("api_keys: [env:A, sk-literal]", "a secret must not be written into the file"),
        ("api_keys: [env:A], api_key: env:B", "`api_key` and `api_keys` exclude each other"),
    ],
)
def test_keys_that_cannot_be_meant(keys: str, words: str) -> None:
    """Each mistake in its own words; a literal key is never shown."""
    findings = found(text(provider=f", {keys}"))
    assert any(words in finding for finding in findings), findings
    assert "sk-literal" not in "".join(findings)


def test_at_most_a_hundred_keys() -> None:
    """More are no rotation but a mistake."""
    keys = ", ".join(f"env:K{number}" for number in range(101))
    assert any("at most 100" in finding for finding in found(text(provider=f", api_keys: [{keys}]")))


def test_keys_are_labels_in_the_plan_and_secrets_in_the_engine() -> None:
    """Each reference is resolved; what is missing is named by its place in the list."""
    loaded = load_text(text(provider=", api_keys: [env:A, env:B]"))
    plan = compile_plan(loaded.require())
    assert plan.providers["one"].credentials == ("env:A", "env:B")
    engine, _ = open_engine(loaded.require(), locate=loaded.locate, environ={"A": "key-a", "B": "key-b"})
    with pytest.raises(ConfigError) as caught:
        open_engine(loaded.require(), locate=loaded.locate, environ={"A": "key-a"})
    assert "<text>:3:78: error[missing-reference] providers.one.api_keys[1]" in str(caught.value)
    loaded.check_references({"A": "a"})
    assert [item.path for item in loaded.diagnostics] == ["providers.one.api_keys[1]"]
    assert len(engine.rotation) == 2
    assert engine.adapters is engine.rotation[0]


def test_a_config_made_in_python_is_written_back_as_it_was() -> None:
    """What a dump gives makes the same config; null is nothing."""
    data = {
        "version": 1,
        "providers": {
            "one": {
                "adapter": "openai",
                "base_url": "https://x.example/v1",
                "api_keys": ["env:A", "file:/b"],
                "limits": {"concurrency": "adaptive"},
            },
            "two": {"adapter": "openai", "base_url": "https://x.example/v1", "api_keys": None},
        },
        "models": {"chat": {"targets": ["one/m"], "limits": {"rpm": 5, "concurrency": None}}},
    }
    config = RouterConfig(**data)  # type: ignore[arg-type]  # As a file would have it.
    dumped = config.model_dump(mode="json", exclude_none=True)
    assert dumped["providers"]["one"]["api_keys"] == ["env:A", "file:/b"]
    assert RouterConfig(**dumped) == config
    with pytest.raises(ValidationError, match="exclude each other"):
        RouterConfig(
            **{**data, "providers": {"one": {**data["providers"]["one"], "api_key": "env:C"}}}  # type: ignore[index, arg-type]
        )


def test_http_needs_permission_for_any_of_the_keys() -> None:
    """A list of keys is as much a credential as one."""
    findings = found(text(provider=", api_keys: [env:A]").replace("https://", "http://"))
    assert any("unencrypted" in finding for finding in findings)

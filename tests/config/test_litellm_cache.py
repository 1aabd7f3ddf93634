"""LiteLLM's ``cache`` and ``cache_params``."""

from __future__ import annotations

import pytest

from router.config import load_text
from tests.config.litellm_entries import HEAD, at, deployment, native


@pytest.mark.parametrize(
    ("written", "cache", "codes"),
    [
        ("cache: true, cache_params: {type: local}", {"ttl": "10m"}, ["approximate"]),
        ("cache: true, cache_params: {type: local, ttl: 60}", {"ttl": "1m"}, ["approximate"] * 2),
        ("cache: 'True', cache_params: {type: local, ttl: '0.5'}", {"ttl": "500ms"}, ["approximate"] * 2),
        (
            "cache: true, cache_params: {type: local, namespace: x, mode: default_on}",
            {"ttl": "10m"},
            ["approximate"],
        ),
        (
            "cache: true, cache_params: {type: local, supported_call_types: [acompletion, aembedding]}",
            {"ttl": "10m"},
            ["approximate"] * 2,
        ),
        ("cache: true, cache_params: {type: local, ttl: 0}", None, ["manual"]),
        (
            "cache: true, cache_params: {type: local, default_in_memory_ttl: 60, ttl: 0}",
            {"ttl": "1m"},
            ["approximate", "approximate", "manual"],
        ),
        (
            "cache: true, cache_params: {type: local, default_in_memory_ttl: 0, ttl: 9}",
            None,
            ["manual"] * 2,
        ),
        ("cache: true, cache_params: {type: local, max_messages: 9}", {"ttl": "10m"}, ["approximate"] * 2),
        ("cache: true, cache_params: {type: local, mode: default_off}", None, ["manual"] * 2),
        (
            "cache: true, cache_params: {type: local, supported_call_types: [aembedding]}",
            None,
            ["manual"] * 2,
        ),
        ("cache: true", None, ["manual"]),
        ("cache: true, cache_params: null", None, ["manual"]),
        ("cache: true, cache_params: {type: null}", None, ["manual"]),
        (
            "cache: true, cache_params: {type: redis, host: os.environ/H, ssl: true}",
            None,
            ["manual", "manual", "manual", "unsupported"],
        ),
        ("cache: false, cache_params: {type: local}", None, []),
        ("cache: null", None, []),
        ("cache_params: {type: local}", None, []),
    ],
)
def test_cache(written: str, cache: dict[str, str] | None, codes: list[str]) -> None:
    """Answers are kept where LiteLLM keeps them in memory, for every group; all else is told."""
    text = f"{HEAD}{deployment()}litellm_settings: {{{written}}}\n"
    loaded = load_text(text)
    assert at(native(text), ("defaults", "cache")) == cache
    assert [item.code.removeprefix("litellm-") for item in loaded.diagnostics] == codes


@pytest.mark.parametrize(
    "params",
    [
        "type: redis",
        "type: null",
        "",
        "type: local, mode: default_off",
        "type: local, supported_call_types: [aembedding]",
        "type: local, default_in_memory_ttl: 0",
    ],
)
def test_where_nothing_is_kept_no_key_is_said_to_be_used(params: str) -> None:
    """What would count if answers were kept is said to have no effect, at its own place."""
    written = "ttl: 60, max_messages: 9, namespace: x"
    text = f"{HEAD}{deployment()}litellm_settings:\n  cache: true\n  cache_params: {{{written}, {params}}}\n"
    loaded = load_text(text)
    assert at(native(text), ("defaults", "cache")) is None
    assert loaded.conversion is not None
    found = {item.path.rpartition(".")[2]: item for item in loaded.conversion.findings}
    assert not [item for item in found.values() if item.native.startswith("defaults.cache")]
    assert found["cache"].status == "manual" or found["type"].status == "manual"
    assert (found["max_messages"].status, found["namespace"].status) == ("unsupported", "exact")
    for key in ("ttl", "max_messages", "namespace"):
        assert found[key].note.startswith("of no effect")
    warned = {item.path for item in loaded.diagnostics if item.severity == "warning"}
    assert {"litellm_settings.cache_params.ttl", "litellm_settings.cache_params.max_messages"} <= warned


def test_in_redis_the_time_in_memory_wins_over_nothing() -> None:
    """LiteLLM takes it for answers kept in memory alone; here neither counts."""
    params = "{ttl: 60, default_in_memory_ttl: 9, type: redis}"
    loaded = load_text(f"{HEAD}{deployment()}litellm_settings: {{cache: true, cache_params: {params}}}\n")
    assert loaded.conversion is not None
    found = {item.path.rpartition(".")[2]: item for item in loaded.conversion.findings}
    for key in ("ttl", "default_in_memory_ttl"):
        assert (found[key].status, found[key].note) == (
            "unsupported", "of no effect here: nothing is kept",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("written", "code", "path"),
    [
        ("cache: 3", "wrong-type", "cache"),
        ("cache: true, cache_params: 3", "wrong-type", "cache_params"),
        ("cache: true, cache_params: {type: local, ttl: soon}", "wrong-type", "cache_params.ttl"),
        ("cache: true, cache_params: {type: local, mode: on}", "wrong-type", "cache_params.mode"),
        (
            "cache: true, cache_params: {type: local, supported_call_types: 1}",
            "wrong-type",
            "cache_params.supported_call_types",
        ),
        ("cache: true, cache_params: {type: local, tll: 5}", "unknown-key", "cache_params.tll"),
    ],
)
def test_mistakes_in_a_cache(written: str, code: str, path: str) -> None:
    """What LiteLLM would take in silence is an error with its place."""
    loaded = load_text(f"{HEAD}{deployment()}litellm_settings: {{{written}}}\n")
    (found,) = [item for item in loaded.diagnostics if item.severity == "error"]
    assert (found.code, found.path) == (code, f"litellm_settings.{path}")

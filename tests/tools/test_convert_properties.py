"""`router convert`, for any file of LiteLLM's: the same plan, and a word on each key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from router.config import load_text
from router.config.litellm.fallbacks import KEYS as FALLBACK_KEYS
from router.config.nodes import plain
from router.tools.convert import convert
from tests.config.litellm_files import JSON, litellm_files
from tests.tools.converted import decisions, plan_of, written

if TYPE_CHECKING:
    import pytest


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(data=litellm_files())
def test_a_converted_file_has_the_same_plan(
    data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """For any LiteLLM file without an error: the same decisions, the same digest, and the same again."""
    path = tmp_path_factory.mktemp("litellm") / "config.yaml"
    path.write_text(written(data), encoding="utf-8")
    made = convert(path)
    errors = [item for item in made.diagnostics if item.severity == "error"]
    assert (made.text is None) == bool(errors)
    # A name that dangles is the one thing that these files may have wrong.
    assert {item.code for item in errors} <= {"unknown-group", "no-models", "wildcard-stars", "bad-url"}, (
        errors
    )
    assume(made.text is not None)
    assert made.text is not None
    assert decisions(plan_of(made.text)) == decisions(plan_of(path.read_text(encoding="utf-8")))
    assert convert(path).text == made.text


@given(data=litellm_files())
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_each_key_gets_a_finding(data: dict[str, Any]) -> None:
    """No key of the sections goes without a finding or an error."""
    loaded = load_text(written(data))
    assert loaded.conversion is not None
    said = {item.path for item in loaded.conversion.findings} | {item.path for item in loaded.diagnostics}
    for index, item in enumerate(data["model_list"]):
        for section in ("litellm_params", "model_info"):
            for key in item[section]:
                path = f"model_list[{index}].{section}.{key}"
                assert any(one.startswith(path) for one in said), path
    for section in ("router_settings", "litellm_settings", "general_settings", "environment_variables"):
        for key in data[section]:
            assert any(one.startswith(f"{section}.{key}") for one in said), key
    for key in data["credential_list"][0]:
        assert f"credential_list[0].{key}" in said, key
    if data["litellm_settings"].get("cache"):
        for key in data["litellm_settings"].get("cache_params", ()):
            assert f"litellm_settings.cache_params.{key}" in said, key


SAME = [
    *(
        (f"router_settings.{key}", f"litellm_settings.{key}")
        for key in (*FALLBACK_KEYS, "num_retries", "allowed_fails")
    ),
    ("litellm_settings.request_timeout", "router_settings.timeout"),
    ("router_settings.default_max_parallel_requests", "general_settings.max_parallel_requests"),
]
"""Keys that say the same thing; the first wins."""


@given(data=litellm_files())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_of_two_keys_that_say_the_same_one_is_used(data: dict[str, Any]) -> None:
    """Never are both said to be used, and taking out what is said to have no effect changes nothing."""
    loaded = load_text(written(data))
    assert loaded.conversion is not None
    assert loaded.root is not None
    found = list(loaded.conversion.findings)
    used = {item.path for item in found if item.native}
    for winner, loser in SAME:
        assert not {winner, loser} <= used, (winner, loser)
    lost = [item for item in found if item.note.startswith("of no effect") and item.note.endswith(" wins")]
    for item in lost:
        assert (item.status, item.native) == ("manual", "")
        winner = item.note.split("`")[1]
        # A time of answers may win and keep nothing.
        assert winner in used or winner.startswith("litellm_settings.cache_params."), item
        assert any(one.path == winner for one in found), item
        assert item.path not in used
        _take_out(data, item.path)
    shorter = load_text(written(data))
    assert shorter.root is not None
    assert plain(shorter.root) == plain(loaded.root)


def _take_out(data: dict[str, Any], path: str) -> None:
    """Remove what stands at *path*; an item of a list becomes one that says nothing."""
    *steps, last = path.split(".")
    inner = data
    for step in steps:
        inner = inner[step]
    name, bracket, index = last.partition("[")
    if bracket:
        inner[name][int(index[:-1])] = "enforce_model_rate_limits"
    else:
        del inner[name]


@given(data=st.dictionaries(st.text(min_size=1, max_size=20), JSON | st.text(max_size=200), max_size=4))
@example(data={"true": "null", "<<": "~", "": "", "a": [[], {}], "b": {"c": []}, "1": 1e16, "x": -0.0})
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    """Any tree of JSON values survives the YAML that is written for it."""
    text = "version: 1\nmodels: {a: bytez/a/b}\n" + written({"defaults": {"params": {"p": data}}})
    loaded = load_text(text)
    assert loaded.root is not None, [str(item) for item in loaded.diagnostics]
    assert plain(loaded.root)["defaults"]["params"] == {"p": data}

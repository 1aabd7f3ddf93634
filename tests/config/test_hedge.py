"""`hedge`: off unless written, a map merges by key, `false` switches it off, `null` returns to off."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from router.config import load_data, load_text
from router.config.nodes import plain
from router.config.schema import schema
from router.core.delays import Hedge
from router.plan import compile_plan

TEXT = """version: 1
defaults: {hedge: DEFAULTS}
profiles:
  p: {hedge: PROFILE}
models:
  g:
    targets: [bytez/a/b, bytez/a/c]
    profile: p
    hedge: GROUP
"""


def load(defaults: str = "null", profile: str = "{}", group: str = "{}") -> Hedge | None:
    """The group's hedge; the schema must allow what was written, and writing it down must keep it."""
    text = TEXT.replace("DEFAULTS", defaults).replace("PROFILE", profile).replace("GROUP", group)
    loaded = load_text(text)
    config = loaded.require()
    assert loaded.root is not None
    assert not list(Draft202012Validator(schema()).iter_errors(plain(loaded.root)))
    plan = compile_plan(config)
    again = load_data(config.model_dump(mode="json", exclude_unset=True)).require()
    assert compile_plan(again).digest == plan.digest
    return plan.routes["g"].asked.hedge


def test_off_is_built_in() -> None:
    """A config that says nothing never hedges."""
    config = load_text("version: 1\nmodels: {g: bytez/a/b}\n").require()
    assert compile_plan(config).routes["g"].asked.hedge is None
    assert load("{after: 1s}", "null", "null") is None


def test_built_in_values() -> None:
    """An empty map switches it on: one hedge after 2 s."""
    assert load() == Hedge(after_s=2.0, max=1)
    assert load(group="{after: null, max: null}") == Hedge(after_s=2.0, max=1)


def test_maps_merge_by_key() -> None:
    """The highest level that says something of a key wins."""
    assert load("{after: p95, max: 3}", "{max: 2}") == Hedge(after_s=None, max=2)
    assert load("{after: p95}", "{max: 2}", "{after: 500ms}") == Hedge(after_s=0.5, max=2)


def test_false_switches_off() -> None:
    """At any level; a map above a `false` begins anew."""
    assert load("{after: 1s}", "{}", "false") is None
    assert load("{after: 1s}", "false", "{max: 2}") == Hedge(after_s=2.0, max=2)
    assert load("false", "null", "null") is None


def test_every_key_is_in_the_digest() -> None:
    """A plan that hedges otherwise decides otherwise."""
    digests = {
        compile_plan(
            load_text(f"version: 1\nmodels: {{g: {{targets: [bytez/a/b], hedge: {text}}}}}").require()
        ).digest
        for text in ("false", "{}", "{after: p95}", "{after: 3s}", "{max: 2}")
    }
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ("{after: soon}", "bad-value", "`p95`"),
        ("{after: 2}", "missing-unit", "`2s`"),
        ("{after: 0s}", "bad-value", "at least 1ms"),
        ("{max: 0}", "bad-value", "at least 1"),
        ("{max: 6}", "bad-value", "at most 5"),
        ("{when: 2s}", "unknown-key", "`after`"),
        ("true", "wrong-type", "map"),
    ],
)
def test_what_it_may_not_be(written: str, code: str, words: str) -> None:
    """Each mistake is one finding at its place, which says what to write."""
    text = TEXT.replace("DEFAULTS", "{}").replace("PROFILE", "{}").replace("GROUP", written)
    (found,) = load_text(text).diagnostics
    assert (found.code, found.severity) == (code, "error")
    assert words in f"{found.message} {found.hint}"
    assert found.path.startswith("models.g.hedge")

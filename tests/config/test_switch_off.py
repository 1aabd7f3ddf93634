"""`false` switches an inherited setting off, `null` returns to the built-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from router.config import load_data, load_text
from router.config.nodes import plain
from router.config.schema import schema
from router.config.units import MAX_DURATION_S
from router.plan import compile_plan
from router.types import FailureClass

if TYPE_CHECKING:
    from router.core.table import Group, Target

TEXT = """version: 1
defaults:
  params: {temperature: 1}
  force: {n: 1}
  bounds: {max_tokens: {max: 9}, top_p: {max: 1}}
  attempt_timeout: 10s
  stream: {idle_timeout: 20s, timeout: 30s}
  retries: {only: [timeout]}
providers: {bytez: {headers: HEADERS}}
models:
  g:
    targets: [bytez/a/b]
    KEY
"""


def load(key: str, headers: str = "{}") -> Group:
    """The group with *key*; the schema must allow it, and writing the models down must keep it."""
    loaded = load_text(TEXT.replace("KEY", key).replace("HEADERS", headers))
    config = loaded.require()
    assert loaded.root is not None
    assert not list(Draft202012Validator(schema()).iter_errors(plain(loaded.root)))
    plan = compile_plan(config)
    again = load_data(config.model_dump(mode="json", exclude_unset=True)).require()
    assert compile_plan(again).digest == plan.digest
    return plan.routes["g"].asked


def target(key: str) -> Target:
    return load(key).targets[0]


def test_maps_of_params() -> None:
    """Params, force and bounds lose what they inherit, all of it or one bound."""
    assert target("params: {}").defaults
    assert target("params: false").defaults == {}
    assert target("force: false").policy.force == {}
    assert target("bounds: false").policy.bounds == {}
    assert list(target("bounds: {top_p: false}").policy.bounds) == ["max_tokens"]
    assert target("params: {logprobs: false}").defaults["logprobs"].value is False


def test_lists() -> None:
    """Aliases, fallback lists and headers may be switched off; without retried classes none is retried."""
    load("aliases: false", headers="false")
    load("fallbacks: {on_error: false, on_context_overflow: false, on_content_policy: false}")
    assert load("retries: {only: false}").retries.only == frozenset()
    assert load("retries: {only: []}").retries.only == frozenset()
    assert load("retries: {only: null}").retries.only is None
    assert load("retries: {max: 1}").retries.only == frozenset({FailureClass.TIMEOUT})


def test_limits() -> None:
    """No limit of its own remains: the whole timeout bounds an attempt, nothing a stream."""
    inherited = load("timeout: 1m")
    assert (inherited.attempt_timeout_s, inherited.idle_s, inherited.stream_timeout_s) == (10, 20, 30)
    assert load("attempt_timeout: false").attempt_timeout_s == MAX_DURATION_S
    assert load("attempt_timeout: null").attempt_timeout_s is None
    assert load("stream: {idle_timeout: false}").idle_s is None
    assert load("stream: {idle_timeout: null}").idle_s == 60
    assert load("stream: {timeout: false}").stream_timeout_s is None


@pytest.mark.parametrize(
    "key", ["timeout: false", "max_attempts: false", "params: []", "attempt_timeout: true"]
)
def test_what_cannot_be_switched_off(key: str) -> None:
    """What bounds a whole request stays; nothing else than `false` is taken for it."""
    loaded = load_text(TEXT.replace("KEY", key).replace("HEADERS", "{}"))
    assert [item.path for item in loaded.diagnostics] == ["models.g." + key.partition(":")[0]]

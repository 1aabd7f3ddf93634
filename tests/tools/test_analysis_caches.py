"""Caches that only requests without chance may use: when a check says that there are none, there are none."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from router.config import load_data
from router.config.diagnostics import Diagnostics
from router.core.needs import estimated_tokens
from router.errors import RequestError
from router.keeping import prepare
from router.offline import offline_engine
from router.request import Ask
from router.tools.analysis import analyse
from router.types import RouterOptions

LOCAL = {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}
PROVIDERS = {"a": LOCAL, "b": LOCAL, "c": {**LOCAL, "passthrough": "any"}}
WARM: dict[str, Any] = {"force": {"temperature": 1}, "drop": ["seed"]}
STRICT = {"max": 0.5, "on_violation": "error"}
OPEN, CLOSED = "bytez/o/m", "bytez/openai/gpt-4o"
PARAMS: list[list[dict[str, Any]]] = [
    [{}, {"temperature": 0}, {"temperature": 2}],
    [{}, {"seed": 1}],
    [{}, {"own": 1}, {"logit_bias": {"1": 2}}, {"top_p": 0.9}],
    [{}, {"tools": [{"type": "function", "function": {"name": "f"}}]}],
]
"""What a caller might give, one of each list."""
TAGS: list[dict[str, Any]] = [{}, {"tags": ("eu",)}]


def config(*targets: Any, warm: bool = False, **group: Any) -> dict[str, Any]:
    """A group with such a cache, and another, *warm* or not."""
    whole = {"targets": list(targets), "cache": {"ttl": "1h", "when": "deterministic"}, **group}
    other = {"targets": [{"model": "a/h", **(WARM if warm else {})}]}
    return {"version": 1, "providers": PROVIDERS, "models": {"g": whole, "h": other}}


def told(data: dict[str, Any]) -> bool:
    """Whether a check says that the group's cache can keep nothing."""
    loaded, diagnostics = load_data(data), Diagnostics()
    assert loaded.root is not None
    analyse(loaded.require(), loaded.root, diagnostics)
    return ("useless-cache", "models.g.cache") in {(item.code, item.path) for item in diagnostics}


def used(data: dict[str, Any]) -> bool:
    """Whether some request of all that a caller might try may use kept answers."""
    engine = offline_engine(load_data(data).require())
    for parts in product(*PARAMS, TAGS):
        params = {name: value for part in parts for name, value in part.items() if name != "tags"}
        tags = parts[-1].get("tags", ())
        ask = Ask("g", [{"role": "user", "content": "hello"}], params, False, RouterOptions(tags=tags))
        try:
            if prepare(engine, ask, estimated_tokens).use is not None:
                return True
        except RequestError:
            continue
    return False


@pytest.mark.parametrize(
    "data",
    [
        config("a/x", {"model": "a/y", **WARM}),
        config("a/x", {"model": "b/y", **WARM}),  # Both providers carry the same.
        config(OPEN, force={"temperature": 1}),  # No wire to an open model carries a seed.
        config(OPEN, force={"temperature": 1, "seed": 1}),
        config(CLOSED, **WARM),
        config({"model": "a/x", "tags": ["eu"]}, {"model": "a/y", "tags": ["eu"], **WARM}),
        config({"model": "a/x", "context_window": 10_000}, {"model": "a/y", **WARM}),
        config("a/x", fallbacks=["h"], warm=True),
    ],
)  # fmt: skip
def test_some_target_always_leaves_it_to_chance(data: dict[str, Any]) -> None:
    """One that is sent neither temperature 0 nor a seed spoils it, if it can answer all that others can."""
    assert told(data)
    assert not used(data)


@pytest.mark.parametrize(
    "data",
    [
        config("a/x", "a/y"),
        config(OPEN),
        config(CLOSED, force={"temperature": 1}),  # Its OpenAI route carries a seed.
        config("a/x", {"model": "a/y", **WARM, "supports": {"tools": False}}),
        config({"model": "a/x", "tags": ["eu"]}, {"model": "a/y", **WARM}),
        config({"model": "a/x", "tags": ["eu"]}, {"model": "a/y", **WARM}, require=["eu"]),
        config("c/x", {"model": "a/y", **WARM}),  # What only one of them carries parts them.
        config("a/x", {"model": "a/y", **WARM, "bounds": {"top_p": STRICT}}),
    ],
)  # fmt: skip
def test_a_request_that_may_be_kept_is_not_denied(data: dict[str, Any]) -> None:
    """A caller can be sure of all who can answer, or see to it that the others cannot."""
    assert not told(data)


def test_nothing_is_said_of_what_is_not_known() -> None:
    """A wildcard's target may be any model, and embeddings know no chance."""
    force = {"temperature": 1}
    wild = {"targets": ["bytez/*"], "cache": {"when": "deterministic"}, "force": force}
    data = config("a/x") | {"models": {"bytez/*": wild}}
    loaded, diagnostics = load_data(data), Diagnostics()
    assert loaded.root is not None
    analyse(loaded.require(), loaded.root, diagnostics)
    assert "useless-cache" not in {item.code for item in diagnostics}
    assert not told(config({"model": OPEN, "embedding_space": "s"}, force=force))


TARGETS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"model": st.sampled_from(["a/x", "a/y", "b/z", "c/x", OPEN, CLOSED])},
    optional={
        "force": st.sampled_from([{"temperature": 1}, {"temperature": 0}, {"seed": 1, "temperature": 1}]),
        "drop": st.sampled_from([["seed"], ["seed", "temperature"], ["logit_bias"], ["tools", "own"]]),
        "bounds": st.sampled_from([{"temperature": {"min": 1}}]),
        "supports": st.just({"tools": False}),
        "tags": st.just(["eu"]),
    },
)


@settings(max_examples=150)
@given(
    targets=st.lists(TARGETS, min_size=1, max_size=3, unique_by=lambda item: str(item["model"])),
    error=st.booleans(),
    require=st.sampled_from([[], ["eu"]]),
    unsupported=st.sampled_from(["drop", "error"]),
)
def test_no_request_proves_a_finding_wrong(
    targets: list[dict[str, Any]], error: bool, require: list[str], unsupported: str
) -> None:
    """Where a check says that nothing is ever kept, no request that is tried is one for kept answers."""
    bounds = {"temperature": {"min": 1, "on_violation": "error"}}
    items = [{**item, "bounds": bounds} if error and "bounds" in item else item for item in targets]
    data = config(*items, require=require, unsupported=unsupported)
    assume(not require or any("tags" in item for item in items))
    said = told(data)
    event(f"told: {said}")
    if said:
        assert not used(data)

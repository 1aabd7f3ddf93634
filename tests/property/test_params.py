"""Params: invariant 39."""

from __future__ import annotations

import copy
from functools import reduce
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from router.core.merge import combine, merge
from router.core.needs import estimated_tokens
from router.core.table import LEVELS, Bound, Policy, Setting
from router.request import Ask, checked_request
from tests.core.world import target
from tests.property.memory import Upstreams, open_router

_NAMES = st.sampled_from(["temperature", "top_p", "seed", "max_tokens", "n"])
_NUMBERS = st.integers(-5, 50)
_MAPS = st.dictionaries(_NAMES, _NUMBERS, max_size=5)
_LIMITS = st.tuples(st.none() | st.integers(-3, 10), st.none() | st.integers(10, 30))

# --- what the file says, and the caller

_LAYER = st.none() | st.dictionaries(_NAMES, _NUMBERS | st.none(), max_size=3)
_KINDS = ("params", "force")


@given(
    written=st.fixed_dictionaries(
        {level: st.fixed_dictionaries({}, optional=dict.fromkeys(_KINDS, _LAYER)) for level in LEVELS}
    ),
    caller=st.dictionaries(_NAMES, st.integers(51, 99) | st.none(), max_size=3),
)
def test_invariant_39_each_param_comes_from_the_highest_layer_that_sets_it(
    written: dict[str, dict[str, Any]], caller: dict[str, Any]
) -> None:
    """defaults < provider < profile < group < target < caller < force; null forgets; {} changes nothing."""
    before = copy.deepcopy((written, caller))
    config = {
        "version": 1,
        "defaults": written["defaults"],
        "providers": {"a": {"adapter": "openai", "base_url": "https://a.example", **written["provider"]}},
        "profiles": {"p": written["profile"]},
        "models": {
            "g": {"profile": "p", "targets": [{"model": "a/x", **written["target"]}], **written["group"]}
        },
    }
    with open_router(config, Upstreams({})) as router:
        engine = router.engine
        ask = Ask("g", [{"role": "user", "content": "x"}], caller)
        request = checked_request(engine.routes, engine.adapters, ask, estimator=estimated_tokens)
        sent = dict(request.call(0, 0, engine.adapters).params)
    assert (written, caller) == before
    params, forced = (_highest(written, kind) for kind in _KINDS)
    assert sent == params | {name: value for name, value in caller.items() if value is not None} | forced
    event(f"set by: {'nobody' if not sent else 'some layer'}")
    event(f"force over a caller: {bool(forced.keys() & caller.keys())}")
    event(f"a layer was forgotten: {any(layer.get('params', {}) is None for layer in written.values())}")


def _highest(written: dict[str, dict[str, Any]], kind: str) -> dict[str, Any]:
    """The settings of all layers, by the specification's words."""
    found: dict[str, Any] = {}
    for level in LEVELS:
        if kind not in written[level]:
            continue
        layer = written[level][kind]
        if layer is None:
            found = {}
            continue
        found = {name: value for name, value in {**found, **layer}.items() if value is not None}
    return found


# --- bounds, drop, the ledger


@given(
    defaults=_MAPS,
    forced=_MAPS,
    caller=_MAPS,
    drop=st.sets(_NAMES, max_size=2),
    bounds=st.dictionaries(_NAMES, _LIMITS),
)
def test_invariant_39_bounds_and_drop_have_the_last_word(
    defaults: dict[str, int],
    forced: dict[str, int],
    caller: dict[str, int],
    drop: set[str],
    bounds: dict[str, tuple[int | None, int | None]],
) -> None:
    """force > drop > caller > defaults, within bounds; inputs are left alone; what changed is on record."""
    policy = Policy(
        force={name: Setting(value, "f:force", LEVELS.index("group")) for name, value in forced.items()},
        bounds={
            name: Bound(min=low, max=high, min_source="f:b", max_source="f:b")
            for name, (low, high) in bounds.items()
        },
        drop=dict.fromkeys(drop, "f:d"),
    )
    tried = target("a/x", defaults={name: Setting(value, f"f:{name}") for name, value in defaults.items()})
    before = copy.deepcopy((tried, policy, caller))
    made = merge(tried, policy, caller)
    assert (tried, policy, caller) == before
    assert made.violations == []

    wanted = {**defaults, **caller}
    wanted = {name: value for name, value in wanted.items() if name not in drop} | forced
    for name, (low, high) in bounds.items():
        if name in wanted:
            wanted[name] = max(wanted[name], wanted[name] if low is None else low)
            wanted[name] = min(wanted[name], wanted[name] if high is None else high)
        elif name in drop:
            event("a dropped param with a bound")
        elif name == "max_tokens" and high is not None:
            wanted[name] = high
            event("max_tokens sent for its bound")
        elif name == "n" and low is not None and low > 1:
            wanted[name] = low
    assert made.params == wanted
    recorded = {entry.param for entry in made.ledger}
    assert all(name in recorded or caller.get(name) == value for name, value in made.params.items())
    assert {name for name in caller if name not in made.params} <= recorded


# --- the policies of a chain's groups


def _place(limit: int | None) -> str:
    return "" if limit is None else f"f:{limit}"


_BOUNDS = st.builds(
    lambda low, high, violation: Bound(low, high, violation, _place(low), _place(high)),
    st.none() | st.integers(-3, 10),
    st.none() | st.integers(10, 30),
    st.sampled_from(["clamp", "error"]),
)
_POLICIES = st.builds(
    Policy,
    force=st.dictionaries(
        _NAMES, st.builds(Setting, _NUMBERS, st.just("f:1"), st.integers(0, len(LEVELS) - 1)), max_size=2
    ),
    bounds=st.dictionaries(_NAMES, _BOUNDS, max_size=2),
    drop=st.dictionaries(_NAMES, st.sampled_from(["f:2", "f:3"]), max_size=2),
)


@given(policies=st.lists(_POLICIES, min_size=3, max_size=3), value=_NUMBERS)
def test_invariant_39_policies_combine_by_the_laws(policies: list[Policy], value: int) -> None:
    """Associative, idempotent, {} its identity; nothing given is changed; the stricter bound wins."""
    before = copy.deepcopy(policies)
    one, two, three = policies
    assert combine(combine(one, two), three) == combine(one, combine(two, three))
    assert combine(one, one) == one
    assert combine(one, Policy()) == one == combine(Policy(), one)
    assert policies == before
    whole = reduce(combine, policies)
    for name, bound in whole.bounds.items():
        held = merge(target("a/x"), Policy(bounds={name: bound}), {name: value})
        given_bounds = [policy.bounds[name] for policy in policies if name in policy.bounds]
        lows = [item.min for item in given_bounds if item.min is not None]
        highs = [item.max for item in given_bounds if item.max is not None]
        fits = all(value >= low for low in lows) and all(value <= high for high in highs)
        assert fits == (held.params == {name: value} and not held.violations)
        event(f"within all bounds: {fits}")
    event(f"forced by several: {any(sum(n in p.force for p in policies) > 1 for n in whole.force)}")

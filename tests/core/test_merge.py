"""Params: precedence, force, bounds, drop, and the record of each."""

from __future__ import annotations

import math
from typing import Any

import pytest

from router.core.merge import LedgerEntry, Merged, Violation, combine, fit, merge
from router.core.table import LEVELS, Bound, Policy, Setting, Target
from tests.core.world import target

_GROUP = LEVELS.index("group")


def _target(**defaults: Any) -> Target:
    return target("a/x", defaults={name: Setting(value, f"f:{name}") for name, value in defaults.items()})


def _force(*, level: int = _GROUP, source: str = "f:force", **values: Any) -> dict[str, Setting]:
    return {name: Setting(value, source, level) for name, value in values.items()}


def _bounded(value: object, bound: Bound, *, name: str = "temperature") -> Merged:
    caller = {} if value is None else {name: value}
    return merge(_target(), Policy(bounds={name: bound}), caller)


# --- precedence


def test_each_param_is_looked_at_by_itself() -> None:
    """What is forced or dropped keeps nothing that stands behind it from going up."""
    policy = Policy(force=_force(seed=3), drop={"user": "f:1", "stop": "f:2"})
    defaults = _target(seed=1, user="u", stop="x", top_p=0.2)
    made = merge(defaults, policy, {"seed": 2, "user": "v", "temperature": 0.9})
    assert made.params == {"top_p": 0.2, "temperature": 0.9, "seed": 3}
    assert [entry.param for entry in made.ledger] == ["stop", "top_p", "user", "seed"]


def test_the_caller_overrides_a_default_and_force_overrides_the_caller() -> None:
    """Lowest to highest: default, caller, force; only what was done by the file is on record."""
    made = merge(
        _target(temperature=0.1, top_p=0.2, seed=1),
        Policy(force=_force(seed=3)),
        {"temperature": 0.9, "seed": 2, "stop": ["x"]},
    )
    assert made.params == {"temperature": 0.9, "top_p": 0.2, "seed": 3, "stop": ["x"]}
    assert made.given == {"temperature", "stop"}
    assert made.ledger == [
        LedgerEntry("top_p", "default", "f:top_p", 0.2),
        LedgerEntry("seed", "forced", "f:force", 3),
    ]
    assert made.violations == []


def test_a_dropped_param_goes_whether_default_or_given() -> None:
    """drop removes, with its own line as the source."""
    policy = Policy(drop={"seed": "f:9", "top_p": "f:10", "user": "f:11"})
    made = merge(_target(seed=1), policy, {"top_p": 0.5})
    assert made.params == {}
    assert made.given == set()
    assert made.ledger == [LedgerEntry("seed", "dropped", "f:9"), LedgerEntry("top_p", "dropped", "f:10")]


def test_a_forced_param_is_not_dropped() -> None:
    """What is forced stands, even where the same param is dropped."""
    made = merge(_target(), Policy(force=_force(seed=3), drop={"seed": "f:9"}), {"seed": 2})
    assert made.params == {"seed": 3}


# --- bounds


@pytest.mark.parametrize(
    ("value", "expected"), [(0.5, 0.5), (-1, 0.0), (7, 2.0), (0.0, 0.0), (2.0, 2.0), (10**400, 2.0)]
)
def test_a_value_outside_is_clamped(value: float, expected: float) -> None:
    """The nearest allowed value goes up, on record only when it differs."""
    made = _bounded(value, Bound(min=0.0, max=2.0, min_source="f:4", max_source="f:4"))
    assert made.params == {"temperature": expected}
    changed = [LedgerEntry("temperature", "clamped", "f:4", expected)] if value != expected else []
    assert made.ledger == changed
    assert made.given == {"temperature"}


@pytest.mark.parametrize(
    ("bound", "value", "words"),
    [
        (Bound(max=1234567, on_violation="error"), 1234568, "at most 1234567"),
        (Bound(min=0.25, on_violation="error"), 0.1, "at least 0.25"),
        (Bound(min=0, max=2, on_violation="error"), 3, "between 0 and 2"),
        (Bound(max=4096.0, on_violation="error"), 5000, "at most 4096"),
    ],
)
def test_a_bound_that_refuses_names_the_param_and_its_limits(bound: Bound, value: float, words: str) -> None:
    """on_violation: error leaves the value and gives one violation, with the limit as written."""
    made = _bounded(value, bound)
    assert made.params == {"temperature": value}
    assert made.violations == [Violation("temperature", f"temperature must be {words}")]


@pytest.mark.parametrize("on_violation", ["clamp", "error"])
@pytest.mark.parametrize("value", ["0.5", True, [1], {"a": 1}, math.nan, math.inf])
def test_a_value_that_is_no_number_breaks_any_bound(value: object, on_violation: Any) -> None:
    """Neither a string, a boolean, a list, NaN nor infinity can be held within a bound."""
    made = _bounded(value, Bound(max=2, on_violation=on_violation))
    assert [item.param for item in made.violations] == ["temperature"]
    assert "at most 2" in made.violations[0].message


def test_the_files_own_value_is_clamped_never_refused() -> None:
    """A default or forced value outside a bound is not the caller's fault."""
    bounds = {"temperature": Bound(max=1.0, on_violation="error", max_source="f:4")}
    for made in (
        merge(_target(temperature=2.0), Policy(bounds=bounds), {}),
        merge(_target(), Policy(force=_force(temperature=2.0), bounds=bounds), {"temperature": 0.5}),
    ):
        assert made.params == {"temperature": 1.0}
        assert made.violations == []
        assert made.ledger[-1] == LedgerEntry("temperature", "clamped", "f:4", 1.0)


def test_an_absent_max_tokens_is_unbounded_and_so_its_maximum_is_sent() -> None:
    """A max on max_tokens holds also when nobody gave one; a min alone sends nothing."""
    made = _bounded(None, Bound(min=5, max=100, min_source="f:3", max_source="f:4"), name="max_tokens")
    assert made.params == {"max_tokens": 100}
    assert made.given == set()
    assert made.ledger == [LedgerEntry("max_tokens", "clamped", "f:4", 100)]
    assert _bounded(None, Bound(min=5), name="max_tokens").params == {}


@pytest.mark.parametrize(
    ("bound", "sent"), [(Bound(max=4), None), (Bound(min=1), None), (Bound(min=2), 2), (Bound(max=0), 0)]
)
def test_an_absent_n_is_one(bound: Bound, sent: int | None) -> None:
    """A bound on n holds the implied 1; what it allows is not sent."""
    assert _bounded(None, bound, name="n").params.get("n") == sent


def test_other_absent_params_stay_absent() -> None:
    """A bound gives no other param a value."""
    made = _bounded(None, Bound(min=1, max=2))
    assert made.params == {}
    assert made.ledger == []


def test_a_bound_does_not_bring_back_what_is_dropped() -> None:
    """A dropped max_tokens stays away although its maximum would be sent when absent."""
    policy = Policy(bounds={"max_tokens": Bound(max=100)}, drop={"max_tokens": "f:9"})
    assert merge(_target(), policy, {"max_tokens": 5}).params == {}
    kept = Policy(bounds=policy.bounds, drop=policy.drop, force=_force(max_tokens=500))
    assert merge(_target(), kept, {}).params == {"max_tokens": 100}


# --- combining the asked group's policy with the tried target's


def test_the_tried_policy_lies_on_top_of_the_asked() -> None:
    """Forces and drops of both hold; for one param the tried group's own force wins."""
    asked = Policy(force=_force(seed=1, top_k=5, source="f:1"), drop={"user": "f:2"})
    tried = Policy(force=_force(seed=2, top_p=0.5, source="f:3"), drop={"user": "f:4", "stop": "f:5"})
    both = combine(asked, tried)
    assert {name: setting.value for name, setting in both.force.items()} == {
        "seed": 2,
        "top_k": 5,
        "top_p": 0.5,
    }
    assert both.drop == {"user": "f:4", "stop": "f:5"}


@pytest.mark.parametrize("mine", range(len(LEVELS)))
@pytest.mark.parametrize("theirs", range(len(LEVELS)))
def test_an_inherited_force_does_not_override_the_asked_groups_own(mine: int, theirs: int) -> None:
    """Only a value that both groups merely inherit, or the tried one's own, replaces the asked one's."""
    both = combine(
        Policy(force=_force(level=mine, seed="asked")), Policy(force=_force(level=theirs, seed="tried"))
    )
    shared = ("defaults", "provider")
    keeps = LEVELS[theirs] in shared and LEVELS[mine] not in shared
    assert both.force["seed"].value == ("asked" if keeps else "tried")


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        (Bound(min=1, max=9), Bound(min=2, max=10), 2, 9),
        (Bound(min=-5), Bound(min=0), 0, None),
        (Bound(max=-5), Bound(max=0), None, -5),
        (Bound(min=1), Bound(max=3), 1, 3),
        (Bound(), Bound(), None, None),
        (Bound(max=0), Bound(max=2), None, 0),
        (Bound(min=0), Bound(min=0.5), 0.5, None),
        (Bound(max=0), Bound(max=0.5), None, 0),
    ],
)
def test_the_stricter_bound_wins(first: Bound, second: Bound, low: float | None, high: float | None) -> None:
    """The larger minimum and the smaller maximum, whichever side they come from."""
    for one, two in ((first, second), (second, first)):
        got = combine(Policy(bounds={"n": one}), Policy(bounds={"n": two})).bounds["n"]
        assert got == Bound(min=low, max=high)


def test_a_clamp_names_the_line_of_the_limit_that_clamped() -> None:
    """The lower and the upper limit may stand in different layers."""
    bound = Bound(min=4, max=1000, min_source="f:9", max_source="f:3")
    for value, source in ((5000, "f:3"), (1, "f:9")):
        made = _bounded(value, bound)
        assert [entry.source for entry in made.ledger if entry.action == "clamped"] == [source]


def test_refusing_is_stricter_than_clamping() -> None:
    """If either bound refuses, both do; the source is that of the limit that holds."""
    asked = Bound(max=5, on_violation="error", max_source="asked")
    tried = Bound(max=3, max_source="tried")
    both = combine(Policy(bounds={"n": asked}), Policy(bounds={"n": tried})).bounds["n"]
    assert both == Bound(max=3, on_violation="error", max_source="tried")
    lows = combine(
        Policy(bounds={"n": Bound(min=1, min_source="a")}), Policy(bounds={"n": Bound(max_source="b")})
    )
    assert lows.bounds["n"].min_source == "a"


def test_a_bound_of_one_side_alone_travels() -> None:
    """A param bounded by only one of the two keeps that bound."""
    asked, tried = Bound(max=1, max_source="a"), Bound(max=2, max_source="t")
    both = combine(Policy(bounds={"x": asked}), Policy(bounds={"y": tried}))
    assert both.bounds == {"x": asked, "y": tried}


# --- what the wire carries


def test_a_default_that_cannot_be_carried_is_left_out() -> None:
    """A configured value gives way silently but on record, with its own line; nobody is blocked."""
    made = merge(_target(top_k=5), Policy(force=_force(seed=1)), {"stop": "x"})
    assert fit(made, lambda name, _: name == "stop", drop=frozenset()) == []
    assert made.params == {"stop": "x"}
    assert made.ledger[-2:] == [
        LedgerEntry("top_k", "unsupported", "f:top_k"),
        LedgerEntry("seed", "unsupported", "f:force"),
    ]


def test_a_callers_param_that_cannot_be_carried_blocks_the_target() -> None:
    """It is named and stays in place, for the error to say what stood in the way."""
    made = merge(_target(), Policy(), {"top_k": 5, "stop": "x", "seed": 1})
    assert fit(made, lambda name, _: name == "stop", drop=frozenset()) == ["top_k", "seed"]
    assert made.params == {"top_k": 5, "stop": "x", "seed": 1}


def test_unsupported_drop_leaves_a_callers_param_out() -> None:
    """A param in *drop* is left out, with the request as its source."""
    made = merge(_target(), Policy(), {"top_k": 5, "seed": 1})
    assert fit(made, lambda *_: False, drop=frozenset({"top_k"})) == ["seed"]
    assert made.params == {"seed": 1}
    assert made.given == {"seed"}
    assert made.ledger == [LedgerEntry("top_k", "unsupported", "request")]


def test_the_wire_judges_name_and_value() -> None:
    """A wire that carries one value of a param may refuse another."""
    made = merge(_target(), Policy(), {"n": 2})
    assert fit(made, lambda name, value: (name, value) == ("n", 1), drop=frozenset()) == ["n"]
    assert fit(made, lambda name, value: (name, value) == ("n", 2), drop=frozenset()) == []

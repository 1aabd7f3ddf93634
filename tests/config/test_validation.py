"""What pydantic refuses is said in the house's words, at the right place."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field

from router.config import Diagnostics, Loaded, load_text, reader
from router.config.source import parse
from router.config.validation import validate_as

HINTS = [
    ("hedge: true", "hedge: {after: 2s}"),
    ("hedge: 500ms", "hedge: {after: 500ms}"),
    ("hedge: 2", "hedge: {after: 2s}"),
    ("cache: true", "cache: {ttl: 10m}"),
    ("cache: 1h", "cache: {ttl: 1h}"),
    ("ejection: 3", "ejection: {consecutive: 3}"),
    ("ejection: true", "ejection: {consecutive: 5}"),
    ("retries: {backoff: 1s}", "backoff: {base: 1s}"),
]
"""One value where a map must stand, and what to write in its place."""
EMPTY_BOUND = "`min` is greater than `max`: no value is left"
HEAD = "version: 1\nmodels: {chat: bytez/a/b}\n"


def findings(text: str) -> list[tuple[int, int, str, str]]:
    return [(item.line, item.column, item.path, item.message) for item in load_text(HEAD + text).diagnostics]


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("defaults: {max_attempts: 1.5}", "defaults.max_attempts", "must be a whole number, not a number"),
        ("defaults: {max_attempts: 101}", "defaults.max_attempts", "must be at most 100"),
        ("defaults: {max_attempts: no}", "defaults.max_attempts", "must be a whole number, not text"),
        ("providers: {bytez: {max_reply: 1TiB}}", "providers.bytez.max_reply", "must be a size"),
        ("callers: [{name: true, key: env:A}]", "callers[0].name", "must be text, not true or false"),
        ("defaults: {params: [a]}", "defaults.params", "must be a map, not a list"),
        ("defaults: {drop: a}", "defaults.drop", "must be a list, not text"),
        ("defaults: {drop: [1]}", "defaults.drop[0]", "must be text, not a number"),
        ("defaults: {retries: [1]}", "defaults.retries", "must be a map, not a list"),
        ("defaults: {retries: -1}", "defaults.retries", "must be at least 0"),
        ("defaults: {bounds: {a: {min: 2, max: 1}}}", "defaults.bounds.a", EMPTY_BOUND),
        ("defaults: {bounds: {a: {min: x}}}", "defaults.bounds.a.min", "must be a number"),
        ("defaults: {bounds: {a: {on_violation: x}}}", "defaults.bounds.a.on_violation",
         "must be `clamp` or `error`, not `x`"),
        ("profiles: {a: }", "profiles.a", "must be a map, not nothing"),
        ("callers: [{name: '', key: env:A}]", "callers[0].name", "must have at least 1 character"),
        ("callers: [{key: env:A}]", "callers[0]", "`name` is missing"),
        ("include: {a: b}", "include", "must be a list, not a map"),
        ("providers: {bytez: {adapter: opnai}}", "providers.bytez.adapter", "must be `bytez` or `openai`"),
    ],
)  # fmt: skip
def test_messages(text: str, path: str, message: str) -> None:
    """Wrong kinds and values are named in plain words."""
    assert (path, message) in [item[2:] for item in findings(text)]


def test_misspelt_required_key_is_one_finding() -> None:
    """`target` for `targets` is a misspelling, not also something missing."""
    assert findings("profiles: {}\ncallers: [{nmae: a, key: env:A}]\n") == [
        (4, 12, "callers[0].nmae", "unknown key"),
    ]


def test_weights_and_windows() -> None:
    """Zero weight is legal, negative or infinite ones are not."""
    text = "version: 1\nmodels: {a: {targets: [TARGET]}}\n".replace(
        "TARGET", "{model: bytez/a/b, weight: %s, tier: %s, context_window: %s}"
    )
    assert load_text(text % (0, 1, 1)).config is not None
    assert load_text(text % (0.5, 1000, 128000)).config is not None
    assert load_text(text % (-1, 0, 0)).diagnostics.count == 3
    assert load_text(text % ("a", 1.5, "big")).diagnostics.count == 3


@pytest.mark.parametrize(("written", "hint"), HINTS)
def test_one_value_in_place_of_a_map(written: str, hint: str) -> None:
    """The hint is the map that was probably meant, with the value that was written."""
    (found,) = load_text(f"{HEAD}defaults: {{{written}}}").diagnostics
    assert (found.code, found.hint) == ("wrong-type", f"write `{hint}`")


def test_a_number_in_place_of_limits() -> None:
    """Likewise for limits; what cannot be meant by any key is shown the form alone."""
    text = "version: 1\nmodels: {{chat: {{targets: [bytez/a/b], limits: {}}}}}"
    hints = {
        value: next(iter(load_text(text.format(value)).diagnostics)).hint for value in ("60", "x", "[1]")
    }
    assert hints == {
        "60": "write `limits: {rpm: 60}`",
        "x": "write `limits: {rpm: 60}`",
        "[1]": "write `key: value` pairs",
    }


SWALLOWED = "tests:\n  - name: x\n    request: {modle: chat}\n"
"""A test whose request may hold any key, so that the misspelt one is no finding of its own."""


def test_a_misspelt_key_where_any_key_may_stand() -> None:
    """A request takes every key as a param: that its `model` is misspelt is said at the key that is there."""
    (found,) = load_text(HEAD + SWALLOWED).diagnostics
    assert (found.code, found.line, found.column) == ("missing-key", 5, 15)
    assert (found.message, found.hint) == ("`model` is missing", "write `model` in place of `modle`")


def test_a_missing_key_beside_one_like_it() -> None:
    """A right key is not taken for a misspelling of one that is missing."""
    (found,) = load_text(f"{HEAD}tests: [{{names: x, request: {{model: chat}}}}]").diagnostics
    assert found.code == "unknown-key"
    text = f"{HEAD}tests: [{{name: x, request: {{models: chat, stream: true}}}}]"
    (found,) = load_text(text).diagnostics
    assert (found.code, found.hint) == ("missing-key", "write `model` in place of `models`")


@pytest.mark.parametrize(
    "text",
    ["models: {", "[]", "", "version: 1\n", "version: 2\nmodels: {a: b/c}", HEAD + SWALLOWED, f"{HEAD}x: 1"],
)
def test_no_config_without_an_error(text: str) -> None:
    """What cannot be used says why."""
    loaded = load_text(text)
    assert loaded.config is None
    assert not loaded.diagnostics.ok
    assert any(item.severity == "error" for item in loaded.diagnostics)


def test_a_result_without_config_and_error_is_not_made() -> None:
    """Nobody can be given a config that is missing for no reason."""
    with pytest.raises(AssertionError, match="no error"):
        Loaded(None, Diagnostics(), None, (), "f.yaml")


@pytest.mark.parametrize("number", ["99999999999999999999999", "-99999999999999999999999"])
def test_a_number_out_of_range_is_one_finding(number: str) -> None:
    """What stands for it in the tree is not held against the key's bounds too."""
    text = f"version: 1\nmodels: {{a: {{targets: [bytez/a/b], limits: {{rpm: {number}}}}}}}"
    assert [item.code for item in load_text(text).diagnostics] == ["yaml-number"]


@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        ("50%", "must be a number, not text", "write `0.5`"),
        ("half", "must be a number, not text", "write a number such as `0.5`, without quotes"),
        ("{a: 1}", "must be a number, not a map", "write a number such as `0.5`, without quotes"),
    ],
)
def test_a_number_of_either_kind_is_one_finding(value: str, message: str, hint: str) -> None:
    """That it must be whole, or a number, would be two words about one mistake."""
    text = f"version: 1\nmodels: {{m: {{targets: [bytez/a/b], worst_case: {{max_cost: {value}}}}}}}"
    (found,) = load_text(text).diagnostics
    assert (found.path, found.message, found.hint) == ("models.m.worst_case.max_cost", message, hint)


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid")
    model: str


class _Whole(BaseModel):
    items: Annotated[tuple[_Item, ...], Field(min_length=1)]


def test_a_list_of_wrong_items_is_not_too_short() -> None:
    """Items with a mistake are items; a list without any is too short."""
    found = {}
    for text in ("items: [{modle: a}]", "items: []"):
        diagnostics = Diagnostics()
        root = parse(text, "f.yaml", reader.NORMAL, diagnostics)
        assert root is not None
        assert validate_as(_Whole, root, diagnostics) is None
        found[text] = [(item.path, item.code) for item in diagnostics]
    assert found == {
        "items: [{modle: a}]": [("items[0].modle", "unknown-key")],
        "items: []": [("items", "bad-value")],
    }

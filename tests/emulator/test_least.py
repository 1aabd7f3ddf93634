"""The least value that a schema allows."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from router.emulator.exchange import Refused
from router.emulator.least import least_value

NODE = {
    "type": "object",
    "properties": {
        "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        "name": {"type": "string"},
    },
    "required": ["next", "name"],
}
CAT = {"type": "object", "properties": {"lives": {"type": "integer", "minimum": 1}}, "required": ["lives"]}


@pytest.mark.parametrize(
    ("schema", "least"),
    [
        ({}, {}),
        ({"type": "number", "minimum": 2.5}, 3),
        ({"type": "number", "exclusiveMinimum": 0.1, "exclusiveMaximum": 0.2}, pytest.approx(0.15)),
        ({"type": "number", "minimum": 0.1, "maximum": 0.1}, 0.1),
        ({"type": "integer", "minimum": 1}, 1),
        ({"type": "integer", "exclusiveMinimum": 1}, 2),
        ({"type": "integer", "maximum": -1.5}, -2),
        ({"type": "integer", "exclusiveMaximum": -3}, -4),
        ({"type": "integer", "minimum": -5, "maximum": 5}, 0),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 4}}, [4, 4]),
        ({"type": "array", "minItems": 2, "prefixItems": [{"type": "string"}]}, ["", {}]),
        ({"type": "object", "required": ["a"]}, {"a": {}}),
        ({"required": ["a", "a"], "additionalProperties": {"type": "null"}}, {"a": None}),
        ({"allOf": [CAT, {"properties": {"lives": {"minimum": 9}}}]}, {"lives": 9}),
        ({"allOf": [{"type": "number"}, {"type": "integer", "minimum": 0.5}]}, 1),
        ({"type": "integer", "anyOf": [{"minimum": 3}, {"maximum": -3}]}, 3),
        ({"anyOf": [{"type": "string", "minLength": 9, "maxLength": 1}, {"const": 4}]}, 4),
        ({"type": ["string", "null"], "minLength": 2, "maxLength": 1}, None),
        ({"oneOf": [False, {"enum": ["b", "a"]}]}, "b"),
        ({"$ref": "#/$defs/Node", "$defs": {"Node": NODE}}, {"next": None, "name": ""}),
        ({"properties": {"a": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["a"]}, {"a": None}),
        ({"allOf": [{"$ref": "#/$defs/C"}, {"$ref": "#/$defs/C"}], "$defs": {"C": CAT}}, {"lives": 1}),
        ({"$ref": "#/$defs/a~1b/items", "$defs": {"a/b": {"items": {"const": 6}}}}, 6),
    ],
)
def test_what_is_looked_at(schema: dict[str, Any], least: Any) -> None:
    """The value keeps the schema, and is the least of its kind."""
    made = least_value(schema)
    assert made == least
    Draft202012Validator(schema).validate(made)


def test_what_no_schema_holds_is_passed_over() -> None:
    """A keyword whose value has the wrong type says nothing."""
    assert least_value({"type": "integer", "minimum": True, "anyOf": 5, "enum": {}, "$ref": 1}) == 0
    assert least_value({"type": "object", "required": ["a", 5], "properties": {"a": 7}}) == {"a": {}}


def chain(length: int) -> dict[str, Any]:
    """So many references one after the other."""
    links: dict[str, Any] = {str(number): {"$ref": f"#/$defs/{number + 1}"} for number in range(length)}
    return {"$ref": "#/$defs/0", "$defs": {**links, str(length): {"type": "null"}}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (chain(20), "more than 16 levels"),
        ({"type": "array", "minItems": 1_001}, "minItems in a schema must be at most 1,000"),
        (
            {"type": "array", "minItems": 999, "items": {"type": "array", "minItems": 999}},
            "or 1,000 values, of required ones",
        ),
        ({"type": "string", "minLength": 10**9}, "minLength in a schema must be at most 1,000"),
        ({"type": "array", "minItems": 2, "maxItems": 1}, "minItems is above maxItems"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "no number is within the bounds"),
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, "no number is within the bounds"),
        ({"type": "integer", "minimum": 1e300}, "no number is within the bounds"),
        ({"allOf": [{"type": "string"}, {"type": "null"}]}, "a value of no type"),
        ({"type": "text"}, "must be one of object, array, string"),
        ({"required": ["a"], "additionalProperties": False}, "forbids"),
        ({"$ref": "#/nowhere/at/all"}, "must point into its own schema"),
        ({"$ref": "https://example.com/schema"}, "must point into its own schema"),
        ({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "refers to itself without end"),
        ({"anyOf": [{"$ref": "#"}, False]}, "forbids"),
    ],
)
def test_what_allows_nothing_is_refused(schema: dict[str, Any], words: str) -> None:
    """With a 400 that says why; nothing without end is begun."""
    with pytest.raises(Refused, match=words) as refused:
        least_value(schema)
    assert refused.value.status == 400


BOUND = st.integers(-4, 4) | st.floats(-4, 4, allow_nan=False)
SIZE = st.integers(0, 3)
REFERENCE = {"$ref": "#/$defs/R"}
LEAF = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["number", "integer", ["integer", "string"]])},
        optional=dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), BOUND),
    ),
    st.fixed_dictionaries({"type": st.just("string")}, optional={"minLength": SIZE, "maxLength": SIZE}),
    st.sampled_from([{"type": "null"}, {"type": "boolean"}, True]),
    # Not the bare reference: the validator follows one to its own place without end, whatever the value is.
    st.sampled_from([REFERENCE, {"anyOf": [REFERENCE, {"type": "null"}]}]).map(
        lambda held: {"type": "object", "properties": {"r": held}, "required": ["r"]}
    ),
)


def deeper(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from("abc")
    listed = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": st.dictionaries(names, inner)},
            optional={
                "required": st.lists(names, unique=True),
                "additionalProperties": inner,
                "allOf": listed,
            },
        ),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": SIZE, "maxItems": SIZE, "prefixItems": listed},
        ),
        st.fixed_dictionaries({"anyOf": listed}, optional={"type": st.sampled_from(["object", "number"])}),
        st.fixed_dictionaries({"allOf": listed}),
    )


SCHEMAS = st.recursive(LEAF, deeper, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(schema=SCHEMAS, referred=SCHEMAS)
def test_what_is_made_is_allowed(schema: Any, referred: Any) -> None:
    """Of any schema of the keywords that are looked at: a value that keeps it, or a 400."""
    whole = {"allOf": [schema], "$defs": {"R": referred}}
    try:
        made = least_value(whole)
    except Refused:
        return
    Draft202012Validator(whole).validate(orjson.loads(orjson.dumps(made)))

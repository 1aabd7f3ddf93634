"""The table of what each of Bytez's wires does with OpenAI's chat params."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.adapters.bytez_params import USES, Column, carries, wire_params
from router.adapters.params import KNOWN_CHAT

NATIVE, OPEN, CLOSED = Column
TOOLS = [{"type": "function"}]


def test_the_table_is_openais() -> None:
    """Every chat param of OpenAI's has a row, and nothing else has."""
    assert USES.keys() == KNOWN_CHAT


@pytest.mark.parametrize(
    ("param", "value", "expected"),
    [
        ("max_tokens", 5, {NATIVE, OPEN, CLOSED}),
        ("temperature", 0, {NATIVE, OPEN, CLOSED}),
        ("stream_options", {"include_usage": True}, {NATIVE, OPEN, CLOSED}),
        ("n", 3, {NATIVE, CLOSED}),
        ("n", 1, {NATIVE, OPEN, CLOSED}),
        ("user", "u", {NATIVE, CLOSED}),
        ("seed", 1, {CLOSED}),
        ("stop", ["x"], {OPEN, CLOSED}),
        ("tools", TOOLS, {OPEN, CLOSED}),
        ("logprobs", True, {OPEN, CLOSED}),
        ("logprobs", False, {NATIVE, OPEN, CLOSED}),
        ("frequency_penalty", 0.5, {OPEN, CLOSED}),
        ("frequency_penalty", 0.0, {NATIVE, OPEN, CLOSED}),
        ("response_format", {"type": "text"}, {NATIVE, OPEN, CLOSED}),
        ("response_format", {"type": "json_object"}, {CLOSED}),
        ("repetition_penalty", 1.1, {NATIVE}),
    ],
)
def test_carries(param: str, value: Any, expected: set[Column]) -> None:
    """Each wire carries its own and what is idle; a name OpenAI does not know goes over the native wire."""
    assert {column for column in Column if carries(column, param, value, None)} == expected


@pytest.mark.parametrize("column", Column)
def test_a_passthrough_list_decides_about_unknown_names_only(column: Column) -> None:
    """On every wire a listed name goes up and an unlisted one does not; known names keep to the table."""
    allowed = frozenset({"top_k", "audio"})
    assert carries(column, "top_k", 1, allowed)
    assert not carries(column, "min_p", 1, allowed)
    assert carries(column, "top_p", 1, allowed)
    assert carries(column, "audio", {}, allowed) is (column is CLOSED)


def test_names_on_the_wires() -> None:
    """Params go up under each wire's names; what is idle, seen to here or denied does not."""
    given = {"max_tokens": 7, "n": 1, "temperature": 0, "stream_options": {}, "logprobs": False, "top_k": 3}
    assert wire_params(NATIVE, given) == {"max_new_tokens": 7, "temperature": 0, "top_k": 3}
    assert wire_params(OPEN, given) == {"max_tokens": 7, "temperature": 0, "top_k": 3}
    closed = {"max_completion_tokens": 7, "temperature": 0, "stream_options": {}, "top_k": 3}
    assert wire_params(CLOSED, given) == closed
    assert wire_params(NATIVE, {"n": 2, "user": "u", "seed": 1}) == {"num_return_sequences": 2, "user": "u"}


@given(
    st.sampled_from(Column),
    st.dictionaries(st.sampled_from(sorted(USES)), st.sampled_from([0, 1, False, {}, ["text"], "x"])),
)
def test_nothing_denied_is_sent(column: Column, params: dict[str, Any]) -> None:
    """Whatever the params, each name sent is one that the table has in the wire's column."""
    names = {use.names[column.value] for use in USES.values()} - {None, ""}
    sent = wire_params(column, params)
    assert sent.keys() <= names
    carried = {param for param, value in params.items() if carries(column, param, value, None)}
    idle = {param for param in carried if params[param] == USES[param].idle and USES[param].idle is not None}
    consumed = {param for param in carried if USES[param].names[column.value] == ""}
    assert sent.keys() == {USES[param].names[column.value] for param in carried - idle - consumed}

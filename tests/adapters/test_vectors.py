"""Vectors in both forms of ``encoding_format``."""

import base64
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.adapters.vectors import dimensions, embedding_list, in_wanted_form, inputs_of

FLOAT, BASE64 = {"encoding_format": "float"}, {"encoding_format": "base64"}


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=9))
def test_both_ways(vector: list[float]) -> None:
    """Floats become base64 of little-endian float32, and come back as they were; the length is known."""
    packed = in_wanted_form(vector, BASE64)
    assert packed == base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    assert in_wanted_form(packed, FLOAT) == in_wanted_form(packed, {}) == vector
    assert dimensions(packed) == dimensions(vector) == len(vector)


def test_nothing_to_change() -> None:
    """A vector that is as it is wanted stays the same object."""
    numbers, text = [0.1, 2], "AACAPwAAAEA="
    assert in_wanted_form(numbers, {}) is numbers
    assert in_wanted_form(text, BASE64) is text
    assert in_wanted_form(text, FLOAT) == [1.0, 2.0]


@pytest.mark.parametrize(
    "vector",
    [
        None,
        {},
        [],
        ["x"],
        [[1.0]],
        [1.0, None],
        "",
        "AACAPw",
        "AAA=",
        "not base64!",
        base64.b64encode(struct.pack("<f", float("nan"))).decode(),
    ],
)
@pytest.mark.parametrize("params", [FLOAT, BASE64])
def test_no_vectors(vector: Any, params: dict[str, str]) -> None:
    """What is no vector of finite numbers is told apart, whichever form is wanted."""
    assert in_wanted_form(vector, params) is None


def test_numbers_beyond_float32() -> None:
    """A number that float32 cannot hold cannot be packed."""
    assert in_wanted_form([1e300], BASE64) is None
    assert in_wanted_form([1e300], FLOAT) == [1e300]


@pytest.mark.parametrize(
    ("given_input", "expected"),
    [("a", ("a",)), (["a", "b"], ["a", "b"]), ([1, 2], ([1, 2],)), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_inputs(given_input: Any, expected: Any) -> None:
    """A text and a list of token ids are one input; other lists hold one each."""
    assert inputs_of(given_input) == expected


def test_reply_object() -> None:
    """OpenAI's object, with usage null when it is unknown."""
    assert embedding_list("m", [[1.0], [2.0]], None) == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0]},
            {"object": "embedding", "index": 1, "embedding": [2.0]},
        ],
        "model": "m",
        "usage": None,
    }

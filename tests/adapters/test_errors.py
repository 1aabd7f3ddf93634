"""Error bodies of every known upstream, and anything else."""

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.adapters.errors import error_info
from router.core.classify import ErrorInfo


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # OpenAI
        (
            {"error": {"message": "m", "type": "t", "param": "p", "code": "c"}},
            ErrorInfo("c", "t", "p", "m"),
        ),
        ({"error": {"message": "m", "code": 402}}, ErrorInfo("402", None, None, "m")),
        ({"error": {"message": "", "code": None, "type": True}}, ErrorInfo()),
        # Bytez
        ({"error": "Unauthorized", "output": None}, ErrorInfo(message="Unauthorized")),
        (
            {"status": 402, "error": "Payment Required", "message": "Insufficient credits."},
            ErrorInfo("402", None, None, "Payment Required: Insufficient credits."),
        ),
        # vLLM
        (
            {"object": "error", "message": "m", "type": "BadRequestError", "param": None, "code": 400},
            ErrorInfo("400", "BadRequestError", None, "m"),
        ),
        # Hugging Face
        ({"error": "busy", "error_type": "overloaded"}, ErrorInfo(None, "overloaded", None, "busy")),
        # Google
        (
            [{"error": {"code": 429, "message": "m", "status": "RESOURCE_EXHAUSTED"}}],
            ErrorInfo("429", "RESOURCE_EXHAUSTED", None, "m"),
        ),
        # FastAPI
        ({"detail": "Not Found"}, ErrorInfo(message="Not Found")),
        ({"detail": {"message": "m", "code": "c"}}, ErrorInfo("c", None, None, "m")),
        (
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "a"}, {"msg": "b"}, 3]},
            ErrorInfo("extra_forbidden", None, "top_k", "a; b"),
        ),
        ({"detail": [{"loc": []}]}, ErrorInfo()),
        ({"detail": []}, ErrorInfo()),
        ({"message": "m"}, ErrorInfo(message="m")),
        ({"error": "m", "message": "m"}, ErrorInfo(message="m")),
        ({}, ErrorInfo()),
        ([], ErrorInfo()),
        ("text", ErrorInfo(message="text")),
        (3, ErrorInfo()),
    ],
)
def test_shapes(body: Any, expected: ErrorInfo) -> None:
    """Each documented shape is read."""
    assert error_info(orjson.dumps(body)) == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", None),
        (b"upstream connect error", "upstream connect error"),
        (b"<html><h1>502</h1></html>", None),
        (b" \n<!doctype html>", None),
        (b"\xff\xfe", "��"),
    ],
)
def test_not_json(body: bytes, message: str | None) -> None:
    """Plain text is the message; a page of HTML says nothing."""
    assert error_info(body) == ErrorInfo(message=message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 999) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "detail", "message", "code", "type", "loc", "msg", "status"]), inner
        )
    ),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # The machine is shared.
@given(JSON.map(orjson.dumps) | st.binary(max_size=40))
def test_total(body: bytes) -> None:
    """Any body gives an ErrorInfo of texts."""
    info = error_info(body)
    assert all(
        value is None or isinstance(value, str) for value in (info.code, info.type, info.param, info.message)
    )

"""Synonyms, reserved names, and the table of what the native wire carries."""

import ast
import inspect
from pathlib import Path
from typing import Any

import orjson
import pytest
from openai.types.chat import completion_create_params

from router.adapters.params import (
    KNOWN_CHAT,
    RESERVED,
    SYNONYMS,
    Canonical,
    Conflict,
    canonical,
    native_carries,
    native_params,
)

DOCS = Path(__file__).parents[2] / "docs" / "bytez.md"


@pytest.mark.parametrize("written", ["max_completion_tokens", "max_new_tokens", "max_length"])
def test_one_name_for_the_token_limit(written: str) -> None:
    """Every spelling of the token limit becomes max_tokens, and the rename is told."""
    assert canonical({written: 5, "top_k": 2}) == Canonical(
        {"max_tokens": 5, "top_k": 2}, ((written, "max_tokens"),)
    )


@pytest.mark.parametrize("written", ["num_return_sequences", "best_of"])
def test_one_name_for_n(written: str) -> None:
    """Every spelling of the number of answers becomes n."""
    assert canonical({written: 2}).params == {"n": 2}


def test_nothing_to_rename() -> None:
    """A layer in canonical names comes back as an equal copy."""
    layer = {"max_tokens": None, "n": 1}
    result = canonical(layer)
    assert result == Canonical({"max_tokens": None, "n": 1})
    assert result.params is not layer


def test_synonyms_that_agree() -> None:
    """Two names with one value are one param."""
    result = canonical({"max_tokens": 5, "max_new_tokens": 5})
    assert result == Canonical({"max_tokens": 5}, (("max_new_tokens", "max_tokens"),))


def test_synonyms_that_conflict() -> None:
    """Two names with two values are a conflict that names both as written; null is a value too."""
    layer = {"max_new_tokens": 5, "n": 1, "max_length": 6, "max_tokens": None}
    result = canonical(layer)
    assert result.params == {"max_tokens": 5, "n": 1}
    assert result.conflicts == (
        Conflict("max_new_tokens", "max_length", "max_tokens"),
        Conflict("max_new_tokens", "max_tokens", "max_tokens"),
    )
    assert layer == {"max_new_tokens": 5, "n": 1, "max_length": 6, "max_tokens": None}


def test_tables_fit_together() -> None:
    """Canonical names are known, no written synonym is, and nothing reserved is known."""
    assert set(SYNONYMS.values()) <= KNOWN_CHAT.keys()
    assert not SYNONYMS.keys() & KNOWN_CHAT.keys()
    assert not RESERVED & (KNOWN_CHAT.keys() | SYNONYMS.keys())


def test_reserved_names() -> None:
    """What configures a client or an account is no param of a chat: exactly these names."""
    listed = """autoScale json input api_key api_base base_url headers extra_headers extra_query timeout
        num_retries max_retries fallbacks provider_key model_list mock_response"""
    assert set(listed.split()) == RESERVED


def test_known_params_are_openais() -> None:
    """The table has exactly the chat params of the installed openai SDK, under canonical names."""
    tree = ast.parse(inspect.getsource(completion_create_params))
    base = next(
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == "CompletionCreateParamsBase"
    )
    written = {
        item.target.id
        for item in base.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
    }
    assert {SYNONYMS.get(name, name) for name in written} - {"messages", "model"} == KNOWN_CHAT.keys()


@pytest.mark.parametrize(
    ("param", "value", "expected"),
    [
        ("max_tokens", 5, True),
        ("n", 3, True),
        ("user", "u", True),
        ("stream_options", {"include_usage": True}, True),
        ("seed", 1, False),
        ("stop", ["x"], False),
        ("frequency_penalty", 0.5, False),
        ("frequency_penalty", 0.0, True),
        ("logprobs", False, True),
        ("logprobs", True, False),
        ("response_format", {"type": "text"}, True),
        ("response_format", {"type": "json_object"}, False),
        ("tools", [], False),
        ("repetition_penalty", 1.1, True),
    ],
)
def test_native_carries(param: str, value: Any, expected: bool) -> None:
    """The native wire carries its own, what is idle, and any name OpenAI does not know."""
    assert native_carries(param, value, None) is expected


def test_passthrough_limits_unknown_names_only() -> None:
    """A passthrough list decides about unknown names and no others."""
    allowed = frozenset({"top_k"})
    assert native_carries("top_k", 1, allowed)
    assert not native_carries("min_p", 1, allowed)
    assert native_carries("top_p", 1, allowed)


def test_native_params() -> None:
    """Params go up under native names; what is idle, consumed or not carried does not."""
    given = {"max_tokens": 7, "n": 1, "temperature": 0, "stream_options": {}, "logprobs": False, "top_k": 3}
    assert native_params(given) == {"max_new_tokens": 7, "temperature": 0, "top_k": 3}
    assert native_params({"n": 2, "user": "u", "seed": 1}) == {"num_return_sequences": 2, "user": "u"}


def test_the_docs_table() -> None:
    """docs/bytez.md says of each known param what the code does."""
    expected = []
    for param, native in KNOWN_CHAT.items():
        idle = orjson.dumps(native.idle).decode()
        if native.name is not None:
            use = f"`{native.name}`" + ("" if native.idle is None else f"; {idle} is not sent")
        elif native.carried:
            use = "not sent: the router answers it"
        else:
            use = "not carried" + ("" if native.idle is None else f", but for {idle}")
        expected.append(f"| `{param}` | {use} |")
    table = DOCS.read_text(encoding="utf-8").split("| param | native |\n|---|---|\n")[1].split("\n\n")[0]
    assert table.splitlines() == expected

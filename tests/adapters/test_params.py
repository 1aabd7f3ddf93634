"""Synonyms, reserved names, and the names that OpenAI knows."""

import ast
import inspect

import pytest
from openai.types.chat import completion_create_params

from router.adapters.params import (
    KNOWN_CHAT,
    RESERVED,
    SYNONYMS,
    Canonical,
    Conflict,
    canonical,
)


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
    assert set(SYNONYMS.values()) <= KNOWN_CHAT
    assert not SYNONYMS.keys() & KNOWN_CHAT
    assert not RESERVED & (KNOWN_CHAT | SYNONYMS.keys())


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
    assert {SYNONYMS.get(name, name) for name in written} - {"messages", "model"} == KNOWN_CHAT

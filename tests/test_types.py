from __future__ import annotations

import copy
import json
import pickle

import pytest

from router.types import ChatCompletion, ChatCompletionChunk, Reference, Secret

DATA = {
    "id": "c1",
    "object": "chat.completion",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f"}}]},
            "finish_reason": "tool_calls",
            "extra": [{"a": 1}],
        }
    ],
    "usage": {"prompt_tokens": 1, "details": {"cached": 2}},
    "system_fingerprint": {"x": 1},
}


def test_attributes_and_items() -> None:
    """Known fields read as attributes and as items, nested ones too."""
    reply = ChatCompletion.of(DATA)
    choice = reply.choices[0]
    assert choice.message.tool_calls[0].function.name == "f"  # type: ignore[index]  # there is one
    assert reply["choices"][0]["message"]["role"] == choice.message.role == "assistant"
    assert choice.extra[0].a == 1
    assert reply.usage is not None
    assert reply.usage.details.cached == 2
    assert reply.system_fingerprint.x == 1
    assert reply == DATA


def test_absent_fields() -> None:
    """A known field that is absent is None; an unknown one is an AttributeError that names both."""
    reply = ChatCompletion.of({"choices": [{"message": {}}]})
    assert (reply.id, reply.usage, reply.choices[0].finish_reason) == (None, None, None)
    assert reply.choices[0].message.content is None
    assert "delta" not in reply.choices[0]
    assert getattr(reply.choices[0], "delta") is None  # noqa: B009 - its type says otherwise
    with pytest.raises(AttributeError, match="ChatCompletion has no field 'nope'"):
        _ = reply.nope
    with pytest.raises(AttributeError):
        _ = reply.routing
    assert not hasattr(reply, "__fspath__")


def test_odd_shapes_pass() -> None:
    """What is no list or no object is left as it is."""
    assert ChatCompletionChunk.of({"choices": None, "usage": None}) == {"choices": None}
    assert ChatCompletion.of({"choices": [{"message": "text"}]}) == {"choices": [{"message": "text"}]}


def test_plain_data() -> None:
    """to_dict (model_dump) gives plain dicts; JSON and pickle work; routing is in neither."""
    reply = ChatCompletion.of(DATA)
    reply.routing = "not serialised"  # type: ignore[assignment]  # anything does
    plain = reply.to_dict()
    assert plain == DATA
    assert reply.model_dump() == DATA
    assert type(plain["choices"][0]["message"]) is dict
    assert type(plain["choices"][0]["message"]["tool_calls"][0]) is dict
    assert json.loads(json.dumps(reply)) == DATA
    assert pickle.loads(pickle.dumps(reply)) == copy.deepcopy(reply) == DATA


def test_reference() -> None:
    """A reference reads as it is written; a literal secret never shows."""
    assert str(Reference("env", "KEY", secret=True)) == "env:KEY"
    assert repr(Reference("file", "/run/key")) == "Reference(file:/run/key)"
    assert str(Reference("literal", "https://x")) == "https://x"
    hidden = Reference("literal", "canary", secret=True)
    assert (str(hidden), repr(hidden)) == ("***", "Reference(***)")


def test_secret() -> None:
    """A secret's value is in nothing but reveal()."""
    secret = Secret("canary")
    assert secret.prefixed("Bearer ").reveal() == "Bearer canary"
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", "%s" % secret):  # noqa: UP031 - a way too
        assert "canary" not in shown
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert not hasattr(secret, "__dict__")

"""Which of a provider's wires a request takes, and that nothing goes up that the wire cannot carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router import Router, errors
from router.adapters.bytez_params import USES, Column, carries
from router.config import RouterConfig
from router.core.needs import estimated_tokens
from router.request import Ask, checked_request
from tests.library.upstream import DONE, MESSAGES, OK, Upstream, chunk, completion, open_router, reply, stream

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
NATIVE = reply(200, {"error": None, "output": {"role": "assistant", "content": "hi"}})
OPENAI_PATH = "/models/v2/openai/v1/chat/completions"
OPEN, CLOSED = "a/b", "openai/gpt-4o"
TOOL_CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}


def bytez(up: Upstream, model: str = OPEN, **provider: Any) -> Router:
    """A router whose group g is one Bytez model at *up*; further keys of the provider, or ``models``."""
    models = provider.pop("models", {"g": f"p1/{model}"})
    account = {"adapter": "bytez", "base_url": up.root, "api_key": "env:CANARY", **provider}
    return open_router(up, providers={"p1": account}, models=models)


def paths(up: Upstream) -> list[str]:
    return [seen.target for seen in up.seen]


@pytest.mark.parametrize(
    ("model", "params", "path"),
    [
        (OPEN, {}, "/models/v2/a/b"),
        (OPEN, {"max_tokens": 3, "temperature": 0}, "/models/v2/a/b"),
        (OPEN, {"tools": TOOLS}, OPENAI_PATH),
        (OPEN, {"tools": TOOLS, "max_tokens": 3}, OPENAI_PATH),
        (OPEN, {"logprobs": True, "top_logprobs": 2}, OPENAI_PATH),
        (OPEN, {"top_k": 3}, "/models/v2/a/b"),
        (OPEN, {"frequency_penalty": 0}, "/models/v2/a/b"),
        (OPEN, {"messages": [*MESSAGES, TOOL_CALL]}, OPENAI_PATH),
        (CLOSED, {}, "/models/v2/openai/gpt-4o"),
        (CLOSED, {"response_format": {"type": "json_object"}}, OPENAI_PATH),
    ],
)
def test_auto(up: Upstream, model: str, params: dict[str, Any], path: str) -> None:
    """A request takes the wire that carries its params and messages, the native one when both do."""
    up.script(OK if path == OPENAI_PATH else NATIVE)
    messages = params.pop("messages", MESSAGES)
    with bytez(up, model) as router:
        assert router.completion("g", messages, **params).choices[0].message.content == "hi"
    assert paths(up) == [path]
    key = "Bearer" if path == OPENAI_PATH else "Key"
    assert up.seen[0].headers["authorization"].startswith(f"{key} ")


def test_streamed_answers_of_a_closed_model(up: Upstream) -> None:
    """Several answers cannot be streamed natively; the OpenAI route streams them."""
    both = chunk({"content": "x"}, "stop")
    up.script(stream(both, both.replace(b'"index": 0', b'"index": 1'), DONE))
    with bytez(up, CLOSED) as router, router.completion("g", MESSAGES, n=2, stream=True) as answer:
        assert [piece.choices[0].index for piece in answer] == [0, 1]
    assert paths(up) == [OPENAI_PATH]


def test_tools_both_ways(up: Upstream) -> None:
    """A tool call comes back whole and streamed."""
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    message = {"role": "assistant", "content": None, "tool_calls": calls}
    whole = completion(choices=[{"index": 0, "message": message, "finish_reason": "tool_calls"}])
    piece = chunk({"tool_calls": [{"index": 0, **calls[0]}]}, "tool_calls")
    up.script(reply(200, whole), stream(piece, DONE))
    with bytez(up) as router:
        answer = router.completion("g", MESSAGES, tools=TOOLS)
        assert answer.choices[0].message.tool_calls == calls
        with router.completion("g", MESSAGES, tools=TOOLS, stream=True) as pieces:
            said, ended = [piece.choices[0] for piece in pieces]
    assert said.delta.tool_calls == [{"index": 0, **calls[0]}]
    assert (said.finish_reason, ended.finish_reason) == (None, "tool_calls")
    assert [seen.json["tools"] for seen in up.seen] == [TOOLS, TOOLS]


@pytest.mark.parametrize(
    ("params", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"tools": TOOLS, "user": "u"}, "tools"),  # One each: native on a tie.
        ({"tools": TOOLS, "stop": "x", "user": "u"}, "user"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_the_taken_wire_cannot_carry(up: Upstream, params: dict[str, Any], named: str) -> None:
    """A param that the wire taken cannot carry makes the target ineligible, and is named."""
    with bytez(up) as router, pytest.raises(errors.InvalidRequest, match="no target of 'g'") as caught:
        router.completion("g", MESSAGES, **params)
    assert caught.value.param == named
    assert up.seen == []


def test_protocol_in_the_config(up: Upstream) -> None:
    """A named protocol is kept to, also where the other wire would carry more."""
    up.script(OK)
    with bytez(up, protocol="openai", passthrough=["top_k"]) as router:
        router.completion("g", MESSAGES, top_k=3)
        with pytest.raises(errors.InvalidRequest, match="min_p"):
            router.completion("g", MESSAGES, min_p=3)
    assert paths(up) == [OPENAI_PATH]
    with bytez(up, protocol="native") as router, pytest.raises(errors.InvalidRequest, match="tools"):
        router.completion("g", MESSAGES, tools=TOOLS)


def test_what_is_dropped_needs_no_wire(up: Upstream) -> None:
    """A param that the config drops or forces does not decide the wire, and the ledger tells its fate."""
    up.script(NATIVE)
    group = {"targets": ["p1/a/b"], "drop": ["tools"], "force": {"stop": ["x"]}}
    with bytez(up, models={"g": group}) as router:
        routing = router.completion("g", MESSAGES, tools=TOOLS, stop="y").routing
    assert paths(up) == ["/models/v2/a/b"]
    assert {(entry.param, entry.action) for entry in routing.params} == {
        ("tools", "dropped"),
        ("stop", "forced"),
        ("stop", "unsupported"),
    }


def test_defaults_of_the_other_wire_are_left_out(up: Upstream) -> None:
    """A default that only the native wire carries does not go up with tools; the ledger says so."""
    up.script(OK)
    group = {"targets": ["p1/a/b"], "params": {"repetition_penalty": 1.1, "max_tokens": 5}}
    with bytez(up, models={"g": group}) as router:
        routing = router.completion("g", MESSAGES, tools=TOOLS).routing
    assert up.seen[0].json.keys() == {"model", "messages", "tools", "max_tokens"}
    assert ("repetition_penalty", "unsupported") in {(entry.param, entry.action) for entry in routing.params}


def test_each_target_has_its_own_wire(up: Upstream) -> None:
    """In one chain a closed target takes the OpenAI route where an open one takes the native."""
    up.script(reply(500, {"error": "x", "output": None}), NATIVE)
    targets = [{"model": "p1/a/b"}, {"model": "p1/openai/gpt-4o", "tier": 2}]
    with bytez(up, models={"g": {"targets": targets}}) as router:
        router.completion("g", [{"role": "user", "content": "x"}], user="u", n=1)
        up.script(OK)
        router.completion("g", MESSAGES, user="u", tools=TOOLS, seed=1)
    assert paths(up) == ["/models/v2/a/b", "/models/v2/openai/gpt-4o", OPENAI_PATH]


# --- the property

VALUES: dict[str, Any] = {
    **dict.fromkeys(USES, "x"),
    "max_tokens": 5,
    "n": 2,
    "temperature": 0.5,
    "logit_bias": {"1": 1},
    "odd": 1,
    "listed": 1,
}


@pytest.fixture(scope="module")
def routers() -> Iterator[Router]:
    accounts = {"adapter": "bytez", "base_url": "http://127.0.0.1:1", "api_key": "env:PATH"}
    names = [f"{provider}/{model}" for provider in ("any", "some") for model in (OPEN, CLOSED)]
    config = {
        "version": 1,
        "providers": {"any": accounts, "some": {**accounts, "passthrough": ["listed"]}},
        "models": {name: name for name in names},
    }
    with Router(RouterConfig.model_validate(config)) as router:
        yield router


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["any/a/b", "some/a/b", "any/openai/gpt-4o", "some/openai/gpt-4o"]),
    st.sets(st.sampled_from(sorted(VALUES)), max_size=8),
    st.booleans(),
)
def test_auto_takes_the_best(routers: Router, name: str, chosen: set[str], streamed: bool) -> None:
    """For every set of params: most carried, native on a tie, and nothing is sent that the wire denies."""
    provider, _, model = name.partition("/")
    passthrough = frozenset({"listed"}) if provider == "some" else None
    route = Column.CLOSED if model == CLOSED else Column.OPEN
    params = {param: VALUES[param] for param in chosen if not (streamed and param == "n")}
    carried = {
        column: {param for param, value in params.items() if carries(column, param, value, passthrough)}
        for column in (Column.NATIVE, route)
    }
    best = route if len(carried[route]) > len(carried[Column.NATIVE]) else Column.NATIVE
    engine = routers.engine
    ask = Ask(name, MESSAGES, params, streamed)
    if carried[best] != params.keys():
        with pytest.raises(errors.InvalidRequest) as caught:
            checked_request(engine.routes, engine.adapters, ask, estimator=estimated_tokens)
        assert caught.value.param in params.keys() - carried[best]
        return
    request = checked_request(engine.routes, engine.adapters, ask, estimator=estimated_tokens)
    sent = request.wire(0, 0, engine.adapters).prepare(request.call(0, 0, engine.adapters))
    body = orjson.loads(sent.body)
    assert sent.url.endswith(OPENAI_PATH) is (best is route)
    frame = {"model", "messages", "stream"}
    sent_names = body.get("params", {}).keys() if best is Column.NATIVE else body.keys() - frame
    allowed = {USES[param].names[best.value] if param in USES else param for param in params}
    assert sent_names <= allowed
    silent = {"", "stream_options"}  # Only ever sent with a stream, and only to closed models.
    assert allowed - silent <= sent_names

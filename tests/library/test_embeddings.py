"""Embeddings through the library: one chain with chats, one space, both forms, bounds on the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import router as package
from router import EmbeddingResponse, Router, default, errors
from router.checks import MAX_INPUTS
from router.types import Embedding, RouterOptions
from tests.library.upstream import HANG, KEY, MESSAGES, Upstream, open_router, reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tests.library.upstream import Exchange

    Script = Callable[[Exchange], Awaitable[None]]

VECTOR = [1.0, 2.0]
PACKED = "AACAPwAAAEA="
USAGE = {"prompt_tokens": 1000, "total_tokens": 1000}


def listed(*vectors: Any, **more: Any) -> dict[str, Any]:
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": "up", "usage": USAGE, **more}


OK = reply(200, listed(VECTOR))
NATIVE = reply(200, {"error": None, "output": VECTOR})
DOWN = reply(500, {"error": "down", "output": None})


def both(up: Upstream, two: Upstream, group: Mapping[str, Any], **root: Any) -> Router:
    """``open`` speaks OpenAI to *up*, ``bytez`` natively to *two*."""
    providers = {
        "p1": {"adapter": "openai", "base_url": up.url},
        "bytez": {"base_url": two.root, "api_key": "env:CANARY"},
    }
    models = {"g": group, **root.pop("models", {})}
    return open_router(up, providers=providers, models=models, **root)


def shown(answer: EmbeddingResponse) -> list[Any]:
    return [item.embedding for item in answer.data]


def test_openai(up: Upstream) -> None:
    """One vector, OpenAI's shape as records, with routing and the tokens' price."""
    up.script(OK)
    target = {"model": "p1/m", "price": {"input_per_mtok": 2, "output_per_mtok": 0}}
    with open_router(up, models={"g": {"targets": [target]}}) as router:
        answer = router.embedding("g", "a text", user="u")
    assert isinstance(answer, EmbeddingResponse)
    assert isinstance(answer.data[0], Embedding)
    assert answer.to_dict() == listed(VECTOR)
    assert (answer.object, answer.model, answer.data[0].index) == ("list", "up", 0)
    assert answer.usage is not None
    assert answer.usage.total_tokens == 1000
    assert (answer.routing.target, answer.routing.group, answer.routing.cost) == ("p1/m", "g", 0.002)
    assert up.seen[0].target == "/v1/embeddings"
    assert up.seen[0].json == {"model": "m", "input": "a text", "user": "u"}


async def test_asynchronous(up: Upstream) -> None:
    """aembedding runs in the caller's loop; token ids go up as they are."""
    up.script(reply(200, listed(VECTOR, VECTOR)))
    async with open_router(up) as router:
        answer = await router.aembedding("g", [[1, 2], [3]])
    assert shown(answer) == [VECTOR, VECTOR]
    assert up.seen[0].json["input"] == [[1, 2], [3]]


def test_bytez(up: Upstream, two: Upstream) -> None:
    """Natively each text is a request of its own, all of one attempt; usage is null, costs add up."""
    two.script(reply(200, {"error": None, "output": VECTOR}, {"inference-cost": "0.25"}))
    with both(up, two, {"targets": ["bytez/a/b"]}) as router:
        answer = router.embedding("g", ["one", "two", "three"], encoding_format="base64")
    assert shown(answer) == [PACKED] * 3
    assert [seen.json for seen in two.seen] == [{"text": "one"}, {"text": "two"}, {"text": "three"}]
    assert {seen.target for seen in two.seen} == {"/models/v2/a/b"}
    assert (answer.usage, answer.model, answer.routing.cost) == (None, "a/b", 0.75)
    assert len(answer.routing.attempts) == 1
    assert two.connections == 1
    assert ("encoding_format", "idle") in {(entry.param, entry.action) for entry in answer.routing.params}


def test_forms(up: Upstream) -> None:
    """An upstream that answers in the other form is translated, both ways."""
    with open_router(up) as router:
        up.script(reply(200, listed(VECTOR)))
        assert shown(router.embedding("g", "x", encoding_format="base64")) == [PACKED]
        up.script(reply(200, listed(PACKED)))
        assert shown(router.embedding("g", "x")) == [VECTOR]
        assert shown(router.embedding("g", "x", encoding_format="float")) == [VECTOR]
    assert "encoding_format" not in up.seen[1].json


def test_the_same_chain(up: Upstream, two: Upstream) -> None:
    """A failure in the middle of an attempt moves the whole request to another target of the space."""
    two.script(NATIVE, DOWN)
    up.script(reply(200, listed(VECTOR, VECTOR)))
    targets = [
        {"model": "bytez/BAAI/bge", "embedding_space": "bge"},
        {"model": "p1/bge", "tier": 2, "embedding_space": "bge"},
    ]
    with both(up, two, {"targets": targets}) as router:
        answer = router.embedding("g", ["one", "two"])
    assert shown(answer) == [VECTOR, VECTOR]
    assert [(attempt.target, attempt.outcome) for attempt in answer.routing.attempts] == [
        ("bytez/BAAI/bge", "server_error"),
        ("p1/bge", "ok"),
    ]
    assert (len(two.seen), len(up.seen)) == (2, 1)


def test_errors(up: Upstream) -> None:
    """Failures raise what chats raise."""
    up.script(reply(429, {"error": {"message": "later"}}, {"retry-after": "30"}))
    with open_router(up) as router, pytest.raises(errors.RateLimited):
        router.embedding("g", "x")
    up.script(reply(200, listed(VECTOR, VECTOR)))
    with open_router(up) as router, pytest.raises(errors.ProtocolViolation):
        router.embedding("g", "x")
    up.script(HANG)
    with open_router(up) as router, pytest.raises(errors.Timeout):
        router.embedding("g", "x", router=RouterOptions(timeout=0.2))


# --- spaces


@pytest.mark.parametrize(
    ("second", "asked"),
    [
        ({"model": "p2/m"}, True),
        ({"model": "p2/m", "embedding_space": "s"}, True),
        ({"model": "p2/m", "embedding_space": "t"}, False),
        ({"model": "p2/n", "embedding_space": "s"}, True),
        ({"model": "p2/n"}, False),
        ({"model": "p2/n", "embedding_space": "t"}, False),
    ],
)
@pytest.mark.parametrize("fallback", [False, True])
def test_one_space(
    up: Upstream, two: Upstream, second: dict[str, Any], *, asked: bool, fallback: bool
) -> None:
    """Only targets of the same model id, or the same declared space, as the asked group's first serve."""
    up.script(DOWN)
    two.script(OK)
    first = {"model": "p1/m", "embedding_space": "s"}
    if fallback:
        models = {"g": {"targets": [first], "fallbacks": ["h"]}, "h": {"targets": [second]}}
    else:
        models = {"g": {"targets": [first, {**second, "tier": 2}]}}
    with open_router(up, two, models=models, defaults={"retries": 1, "timeout": "10s"}) as router:
        if asked:
            assert router.embedding("g", "x").routing.target == second["model"]
        else:
            with pytest.raises(errors.ServerFailed):
                router.embedding("g", "x")
        two.script(reply(200, {"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}))
        assert router.completion("g", MESSAGES).routing.target == second["model"]


def test_undeclared_models_do_not_mix(up: Upstream, two: Upstream) -> None:
    """Without declarations the model id decides; a first target that cannot serve has no stand-in."""
    group = {"targets": ["bytez/a/b", {"model": "p1/m", "tier": 2}]}
    with both(up, two, group) as router, pytest.raises(errors.InvalidRequest, match="texts only"):
        router.embedding("g", [1, 2, 3])
    with both(up, two, group) as router, pytest.raises(errors.InvalidRequest, match="dimensions"):
        router.embedding("g", "x", dimensions=3)
    assert up.seen == two.seen == []


def test_params_of_chats_stay_behind(up: Upstream) -> None:
    """Defaults, force and bounds that a group has for its chats do not go up with embeddings."""
    up.script(OK)
    group = {
        "targets": ["p1/m"],
        "params": {"temperature": 0.5, "dimensions": 7},
        "force": {"top_p": 1},
        "bounds": {"max_tokens": {"max": 9}},
    }
    with open_router(up, models={"g": group}) as router:
        router.embedding("g", "x")
    assert up.seen[0].json == {"model": "m", "input": "x", "dimensions": 7}


def test_windows(up: Upstream) -> None:
    """Each input must fit into a declared window by itself."""
    up.script(reply(200, listed(*[VECTOR] * 3)))
    with open_router(up, models={"g": {"targets": [{"model": "p1/m", "context_window": 4}]}}) as router:
        router.embedding("g", ["x" * 16] * 3)
        router.embedding("g", [[1] * 4] * 3)
        for given in ("x" * 17, [[1], [1] * 5]):
            with pytest.raises(errors.RequestTooLong) as caught:
                router.embedding("g", given)
            assert caught.value.param == "input"


def test_params_of_chats_say_nothing_of_an_embedding(up: Upstream) -> None:
    """What a group sets for its chats neither fills the window nor asks for a capability."""
    up.script(OK)
    target = {"model": "p1/m", "context_window": 16, "supports": {"json_object": False}}
    params = {"max_tokens": 4096, "response_format": {"type": "json_object"}}
    with open_router(up, models={"g": {"targets": [target], "params": params}}) as router:
        assert shown(router.embedding("g", "x")) == [VECTOR]


@pytest.mark.parametrize("given", [["x" * 40] * 5, [[1] * 10] * 5, "x" * 200, [1] * 50])
def test_limits_count_every_input(up: Upstream, given: Any) -> None:
    """`tpm` counts all inputs together, and no reply: a chat's `max_tokens` is not of an embedding."""
    unstated = listed(*[VECTOR] * (5 if len(given) == 5 else 1), usage=None)
    up.script(reply(200, unstated))
    group = {"targets": ["p1/m"], "limits": {"tpm": 100, "max_wait": "0s"}, "params": {"max_tokens": 70}}
    with open_router(up, models={"g": group}) as router:
        router.embedding("g", given)
        router.embedding("g", given)  # Fifty tokens each.
        with pytest.raises(errors.RateLimited, match="tpm: 100"):
            router.embedding("g", given)


def test_capabilities_of_chats_do_not_matter(up: Upstream) -> None:
    """A target that declares it cannot do what chats may need embeds all the same."""
    up.script(OK)
    target = {"model": "p1/m", "supports": {"tools": False, "streaming": False, "vision": False}}
    with open_router(up, models={"g": {"targets": [target]}}) as router:
        assert shown(router.embedding("g", "x")) == [VECTOR]


# --- what callers may give


@pytest.mark.parametrize(
    ("given", "param"),
    [
        (None, "input"),
        ("", "input"),
        ([], "input"),
        ({"text": "x"}, "input"),
        (7, "input"),
        (["x", ""], "input[1]"),
        (["x", 1], "input[1]"),
        ([1, "x"], "input[0]"),
        ([[1], []], "input[1]"),
        ([[1], "x"], "input[1]"),
        ([[1], [-1]], "input[1]"),
        ([True], "input[0]"),
        ([2**31], "input[0]"),
        ([1.5], "input[0]"),
        ("\ud800", "input"),
        (["x"] * (MAX_INPUTS + 1), "input"),
    ],
)
def test_bad_input(up: Upstream, given: Any, param: str) -> None:
    """Anything but texts or token ids, within bounds, is a 400 that names its place, and nothing is sent."""
    with open_router(up) as router, pytest.raises(errors.InvalidRequest) as caught:
        router.embedding("g", given)
    assert caught.value.param == param
    assert up.seen == []


def test_as_many_as_allowed(up: Upstream) -> None:
    """2,048 inputs are taken, and more token ids than that in one."""
    up.script(reply(200, listed(*[[1.0]] * MAX_INPUTS)))
    with open_router(up) as router:
        assert len(router.embedding("g", ["x"] * MAX_INPUTS).data) == MAX_INPUTS
        up.script(OK)
        assert len(router.embedding("g", [1] * (MAX_INPUTS + 1)).data) == 1


@pytest.mark.parametrize(
    "params",
    [{"encoding_format": "hex"}, {"stream": True}, {"messages": MESSAGES}, {"api_key": KEY}, {"timeout": 3}],
)
def test_bad_params(up: Upstream, params: dict[str, Any]) -> None:
    """What steers a client, belongs to chats or has no such value is a 400 by name."""
    with open_router(up) as router, pytest.raises(errors.InvalidRequest) as caught:
        router.embedding("g", "x", **params)
    assert caught.value.param == next(iter(params))


async def test_without_a_file(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's own functions embed with any Bytez model under its own name."""
    made = default._Default()
    monkeypatch.setattr(default, "_default", made)
    monkeypatch.setenv("BYTEZ_API_KEY", KEY)
    monkeypatch.setenv("BYTEZ_BASE_URL", up.root)
    up.script(NATIVE)
    assert shown(await package.aembedding("bytez/BAAI/bge", "x")) == [VECTOR]
    assert shown(package.embedding("bytez/BAAI/bge", "x")) == [VECTOR]
    assert up.seen[0].target == "/models/v2/BAAI/bge"
    made.current().close()

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from router import Router, errors
from router.emulator.serve import EmulatorServer
from router.types import RouterOptions
from tests.library.upstream import MESSAGES, OK, Upstream, open_router

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def router(up: Upstream) -> Iterator[Router]:
    up.script(OK)
    models = {
        "g": {"targets": ["p1/m"], "aliases": ["gee"]},
        "wild/*": "p1/*",
        "bounded": {
            "targets": ["p1/m"],
            "bounds": {"temperature": {"max": 1, "on_violation": "error"}, "top_p": {"max": 0.5}},
        },
        "dropping": {"targets": ["p1/m"], "unsupported": "drop", "drop": ["seed"], "force": {"user": "u"}},
    }
    with open_router(up, models=models) as made:
        yield made


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"model": 5}, "model", "string"),
        ({"model": ""}, "model", "string"),
        ({"model": "wild/" + "x" * 508}, "model", "at most 512 characters"),
        ({"messages": []}, "messages", "at least one"),
        ({"messages": "hi"}, "messages", "list"),
        ({"messages": MESSAGES * 10_001}, "messages", "10000"),
        ({"messages": ["hi"]}, "messages[0]", "object"),
        ({"messages": [*MESSAGES, {"content": "x"}]}, "messages[1].role", "string"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "list of parts"),
        ({"temperature": float("nan")}, "temperature", "finite"),
        ({"logit_bias": {"a": [float("inf")]}}, "logit_bias", "finite"),
        ({"max_tokens": 1, "max_new_tokens": 2}, "max_new_tokens", "mean the same"),
        ({"repetition_penalty": 1.1}, "repetition_penalty", "no target of 'g' can carry"),
        ({"zz": 1, "aa": 2}, "aa", "aa, zz together"),
        ({"model": "bounded", "temperature": 2}, "temperature", "at most 1"),
        ({"foo": 2**70}, "foo", "64 bits"),
        ({"foo": object()}, "foo", "object, which is not JSON"),
        ({"stop": ["\ud800"]}, "stop", "surrogate"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0]", "surrogate"),
        ({"router": {"timeout": 1}}, "router", "RouterOptions"),
        ({"router": RouterOptions(timeout=0)}, "router.timeout", "above 0"),
        ({"router": RouterOptions(timeout=float("nan"))}, "router.timeout", "above 0"),
        ({"router": RouterOptions(timeout="5")}, "router.timeout", "above 0"),  # type: ignore[arg-type]  # wrong on purpose
        ({"router": RouterOptions(timeout=True)}, "router.timeout", "above 0"),
        ({"router": RouterOptions(caller=5)}, "router.caller", "string"),  # type: ignore[arg-type]  # as above
    ],
)
def test_bad_request(router: Router, up: Upstream, fields: dict[str, Any], param: str, words: str) -> None:
    """What cannot be routed is refused by name, before any upstream call."""
    with pytest.raises(errors.InvalidRequest) as caught:
        router.completion(**{"model": "g", "messages": MESSAGES, **fields})
    assert caught.value.param == param
    assert words in str(caught.value)
    assert "PROMPT-CANARY" not in str(caught.value)
    assert up.seen == []


RESERVED = """autoScale json input api_key api_base base_url headers extra_headers extra_query timeout
num_retries max_retries fallbacks provider_key model_list mock_response"""


@pytest.mark.parametrize("name", RESERVED.split())
def test_reserved_name(router: Router, name: str) -> None:
    """Each reserved name is a 400 that names it; None means that it was not given."""

    def given(value: Any) -> dict[str, Any]:
        return {name: value}

    with pytest.raises(errors.InvalidRequest, match=name) as caught:
        router.completion("g", MESSAGES, **given(1))
    assert (caught.value.param, caught.value.status_hint) == (name, 400)
    router.completion("g", MESSAGES, **given(None))


def test_same_value_twice_is_fine(router: Router, up: Upstream) -> None:
    """Synonyms with the same value do not contradict each other."""
    router.completion("g", MESSAGES, max_tokens=3, max_new_tokens=3)
    assert up.seen[0].json["max_tokens"] == 3


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("gg", "did you mean 'g'?"),
        ("zzzz", "known: g, wild/*, bounded, dropping"),
        ("wild/", "known: g, wild/*"),
        ("wild/../up", "no model group"),
        ("x" * 500, "x" * 99 + "…'"),
    ],
)
def test_unknown_model(router: Router, asked: str, words: str) -> None:
    """An unknown name is a 404 with the nearest or the known ones, and never long."""
    with pytest.raises(errors.UnknownModel) as caught:
        router.completion(asked, MESSAGES)
    assert words in str(caught.value)
    assert (caught.value.status_hint, caught.value.param) == (404, "model")
    assert len(str(caught.value)) < 300


def test_many_names_are_cut(up: Upstream) -> None:
    """Of many groups ten are named."""
    models = {f"group-{number}": "p1/m" for number in range(20)}
    models["g"] = "p1/m"
    with open_router(up, models=models) as router, pytest.raises(errors.UnknownModel, match="…") as caught:
        router.completion("zzz", MESSAGES)
    assert str(caught.value).count("group-") <= 10


def test_alias_and_wildcard(router: Router, up: Upstream) -> None:
    """An alias reports its group; a wildcard keeps its pattern and names the concrete target."""
    assert router.completion("gee", MESSAGES).routing.group == "g"
    routing = router.completion("wild/org/Model-1", MESSAGES).routing
    assert (routing.group, routing.target) == ("wild/*", "p1/org/Model-1")
    assert up.seen[1].json["model"] == "org/Model-1"


def test_longest_name(router: Router) -> None:
    """A name of 512 characters is asked for through a wildcard."""
    reply = router.completion("wild/" + "x" * 507, MESSAGES)
    assert reply.routing.target == "p1/" + "x" * 507


def test_ledger(router: Router, up: Upstream) -> None:
    """Every default, rename, drop, force and clamp stands in the ledger; what is sent agrees."""
    routing = router.completion("dropping", MESSAGES, seed=5, odd=1, max_length=9).routing
    steps = {(entry.param, entry.action) for entry in routing.params}
    assert steps == {
        ("max_tokens", "renamed"),
        ("seed", "dropped"),
        ("odd", "unsupported"),
        ("user", "forced"),
    }
    sent = up.seen[0].json
    assert (sent["max_tokens"], sent["user"]) == (9, "u")
    assert "seed" not in sent
    assert "odd" not in sent
    clamped = router.completion("bounded", MESSAGES, top_p=0.9).routing.params
    assert [(entry.param, entry.action, entry.value) for entry in clamped] == [("top_p", "clamped", 0.5)]


def test_target_that_cannot_carry_is_left_out(up: Upstream, two: Upstream) -> None:
    """A param that one wire cannot carry makes that target ineligible, not the request."""
    two.script(OK)
    providers: dict[str, Any] = {"p1": {"adapter": "bytez", "base_url": up.root, "api_key": "env:CANARY"}}
    providers["p2"] = {"adapter": "openai", "base_url": two.url}
    models = {"g": {"targets": ["p1/a/b", {"model": "p2/m", "weight": 0}]}}
    with open_router(up, two, providers=providers, models=models) as router:
        for _ in range(3):
            assert router.completion("g", MESSAGES, seed=1).routing.target == "p2/m"
    assert up.seen == []


def test_part_that_no_wire_can_carry(up: Upstream) -> None:
    """A message part that no target can carry is a 400 that names its place."""
    providers = {"p1": {"adapter": "bytez", "base_url": up.root, "api_key": "env:CANARY"}}
    messages = [{"role": "user", "content": [{"type": "hologram"}]}]
    opened = open_router(up, providers=providers, models={"g": "p1/a/b"})
    with opened as router, pytest.raises(errors.InvalidRequest, match="content") as caught:
        router.completion("g", messages)
    assert str(caught.value.param).startswith("messages[0]")


def test_only_an_unreachable_group_could_carry(up: Upstream, two: Upstream) -> None:
    """A group that only another failure leads to does not count: the param is named at once."""
    providers: dict[str, Any] = {"p1": {"adapter": "bytez", "base_url": up.root, "api_key": "env:CANARY"}}
    providers["p2"] = {"adapter": "openai", "base_url": two.url}
    models: dict[str, Any] = {
        "g": {"targets": ["p1/a/b"], "fallbacks": {"on_content_policy": ["h"]}},
        "e": {"targets": ["p1/a/b"], "fallbacks": {"on_error": ["h"]}},
        "h": "p2/m",
    }
    two.script(OK)
    with open_router(up, two, providers=providers, models=models) as router:
        with pytest.raises(errors.InvalidRequest, match="seed"):
            router.completion("g", MESSAGES, seed=1)
        assert router.completion("e", MESSAGES, seed=1).routing.target == "p2/m"


def test_messages_are_not_changed(router: Router) -> None:
    """The caller's messages and params stay as they were."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    params: dict[str, Any] = {"metadata": {"a": "b"}, "stop": ["x"]}
    router.completion("g", messages, **params)
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    assert params == {"metadata": {"a": "b"}, "stop": ["x"]}


def test_advice_is_given_only_where_it_helps(up: Upstream, two: Upstream) -> None:
    """A config that already drops what no target carries is not told to."""
    models = {"g": {"targets": ["p1/m", "p2/m"], "unsupported": "drop"}}
    providers = {
        "p1": {"adapter": "openai", "base_url": up.url, "passthrough": ["aa"]},
        "p2": {"adapter": "openai", "base_url": two.url, "passthrough": ["zz"]},
    }
    with (
        open_router(up, models=models, providers=providers) as router,
        pytest.raises(errors.InvalidRequest, match="aa, zz together; leave out what you need least"),
    ):
        router.completion("g", MESSAGES, zz=1, aa=2)


def test_ledger_tells_what_was_sent_and_what_was_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A param under another name on the wire, and one whose value asks for nothing, are told apart."""
    with EmulatorServer() as bytez:
        monkeypatch.setenv("BYTEZ_API_KEY", "ledger-key-1234")
        monkeypatch.setenv("BYTEZ_BASE_URL", bytez.base_url)
        with Router.from_yaml("version: 1\nmodels:\n  g: bytez/a/b\n") as router:
            reply = router.completion("g", MESSAGES, n=1, frequency_penalty=0, max_tokens=5, top_k=3)
        (sent,) = [item["body"] for item in bytez.requests()]
    steps = [(entry.param, entry.action, entry.value) for entry in reply.routing.params]
    assert sent["params"] == {"max_new_tokens": 5, "top_k": 3}
    assert steps == [
        ("n", "idle", 1),
        ("frequency_penalty", "idle", 0),
        ("max_tokens", "sent_as", "max_new_tokens"),
    ]

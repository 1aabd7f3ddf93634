"""The record that ``explain`` makes, in the lines of a decision log."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from router import Router, RouterOptions
from router.errors import RequestError, RouterError
from router.telemetry import decision_log
from router.tools.decision_log import read_logs
from tests.property.memory import Said, Upstreams, VirtualLoop, open_router

if TYPE_CHECKING:
    from pathlib import Path

_MESSAGES = [{"role": "user", "content": "tell me"}]
_CONFIG: dict[str, Any] = {
    "version": 1,
    "providers": {"a": {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}},
    "models": {
        "g": {
            "targets": [
                "a/x",
                {"model": "a/y", "tier": 2, "price": {"input_per_mtok": 1, "output_per_mtok": 2}},
            ],
            "params": {"max_tokens": 200, "temperature": 0.5},
            "retries": {"max": 2},
            "fallbacks": ["kept"],
        },
        "kept": {"targets": ["a/z"], "cache": {"ttl": "1h"}},
    },
}


def _logging(path: Path, *, decisions: bool = True) -> dict[str, Any]:
    return {**_CONFIG, "decision_log": {"path": str(path), "decisions": decisions}}


def _decisions(path: Path) -> list[Any]:
    return [json.loads(line)["decision"] for line in path.read_bytes().splitlines()]


def _plain(decision: object) -> Any:
    return json.loads(json.dumps(decision))


def test_the_log_has_the_record_that_explain_answers_and_a_reply_carries(tmp_path: Path) -> None:
    """Of each request as it came: after a failure, from what is kept, and as a reply carries it."""
    path = tmp_path / "log.jsonl"
    said: list[Any] = []

    async def ask(router: Router, model: str) -> None:
        options = RouterOptions(explain=True, caller="team")
        seen = router.explain(model, _MESSAGES, router=options, max_tokens=9, seed=3)
        reply = await router.acompletion(model, _MESSAGES, router=options, max_tokens=9, seed=3)
        said.append(_plain(reply.routing.to_dict()["decision"]))
        if len(said) < 4:  # Then a target cools by the loop's clock, and explain goes by the real one.
            assert _plain(seen.to_dict()["decision"]) == said[-1]

    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({"a/x": [Said(429, headers={"retry-after": "30"})]})) as router,
    ):
        for model in ("kept", "kept", "g", "g"):
            runner.run(ask(router, model))
    logged = _decisions(path)
    for one in said:
        if one["cache"] is not None:
            assert len(one["cache"]["key"]) == 12
            one["cache"]["key"] = None  # The log leaves it out.
    assert logged == said
    assert [one["first"] for one in logged] == ["a/z", "a/z", "a/x", "a/y"]
    assert [one["cache"] and one["cache"]["now"] for one in logged] == ["miss", "hit", None, None]


def test_texts_among_params_are_left_out(tmp_path: Path) -> None:
    """Numbers and reserved words stay; of all else its kind, and of a name that is none nothing."""
    path = tmp_path / "log.jsonl"
    params: dict[str, Any] = {"stop": ["canary"], "user": "canary", "top_p": 0.5, "reasoning_effort": "low"}
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
    ):
        runner.run(router.acompletion("g", _MESSAGES, **params, metadata={"canary": 1}))
        runner.run(router.acompletion("kept", _MESSAGES, **params, max_new_tokens=7))
    first, second = _decisions(path)
    sent = {one["param"]: one["value"] for one in first["chain"][0]["targets"][0]["params"]}
    assert sent == {
        "max_tokens": 200,
        "temperature": 0.5,
        "stop": {"is": "list"},
        "user": {"is": "text"},
        "top_p": 0.5,
        "reasoning_effort": "low",
        "metadata": {"is": "object"},
    }
    ledger = {one["action"]: one for one in second["chain"][0]["targets"][0]["ledger"]}
    assert (ledger["renamed"]["param"], ledger["renamed"]["value"]) == ("max_tokens", "max_new_tokens")
    assert "canary" not in path.read_text()


def test_a_name_that_is_none_is_nowhere(tmp_path: Path) -> None:
    """Neither among params, nor in a reason, nor among what a key is made of."""
    path = tmp_path / "log.jsonl"
    carried = {"a": {**_CONFIG["providers"]["a"], "passthrough": "any"}}
    for providers, defaults in ((carried, {}), (_CONFIG["providers"], {"unsupported": "drop"})):
        config = {**_logging(path), "providers": providers, "defaults": defaults}
        with (
            asyncio.Runner(loop_factory=VirtualLoop) as runner,
            open_router(config, Upstreams({})) as router,
        ):
            params: dict[str, Any] = {"a canary": 1}
            for model in ("g", "kept"):
                runner.run(router.acompletion(model, _MESSAGES, **params))
    assert len(_decisions(path)) == 4
    assert "canary" not in path.read_text()


def test_a_refused_request_has_its_decision(tmp_path: Path) -> None:
    """It says why nobody can carry it."""
    path = tmp_path / "log.jsonl"
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
        pytest.raises(RequestError) as refused,
    ):
        runner.run(router.acompletion("g", _MESSAGES, router=RouterOptions(tags=("eu",))))
    (decision,) = _decisions(path)
    assert decision["refused"] == str(refused.value)
    assert decision["first"] is None


def test_without_the_key_no_decision_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line has none, and nobody works for it; a reply that was asked with ``explain`` has its own."""
    path = tmp_path / "log.jsonl"
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path, decisions=False), Upstreams({})) as router,
    ):
        reply = runner.run(router.acompletion("g", _MESSAGES, router=RouterOptions(explain=True)))
        assert reply.routing.decision is not None
        monkeypatch.setattr("router.decision.decide", lambda *_, **__: pytest.fail("nobody wants to know"))
        reply = runner.run(router.acompletion("g", _MESSAGES))
        assert reply.routing.decision is None
    assert _decisions(path) == [None, None]


def test_a_reply_has_no_decision_for_the_log_s_sake(tmp_path: Path) -> None:
    """Who may not ask for it does not see it."""
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(tmp_path / "log.jsonl"), Upstreams({})) as router,
    ):
        assert runner.run(router.acompletion("g", _MESSAGES)).routing.decision is None


def test_a_line_that_would_be_too_long_is_written_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a replay needs is kept; and a replay reads lines with a decision."""
    path = tmp_path / "log.jsonl"
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
    ):
        runner.run(router.acompletion("g", _MESSAGES))
    monkeypatch.setattr(decision_log, "MAX_LINE_BYTES", 2_000)
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
    ):
        runner.run(router.acompletion("g", _MESSAGES))
    assert [decision is None for decision in _decisions(path)] == [False, True]
    monkeypatch.undo()
    assert [line.request.asked.model for line in read_logs([str(path)]).lines] == ["g", "g"]


def _counting(counts: list[int]) -> Any:
    def estimator(messages: Any) -> int:
        counts.append(len(messages))
        return 5

    return estimator


@pytest.mark.parametrize("tags", [(), ("eu",)])
@pytest.mark.parametrize("explain", [False, True])
@pytest.mark.parametrize("inputs", [0, 3])
def test_tokens_are_counted_once_a_request(
    tmp_path: Path, tags: tuple[str, ...], inputs: int, *, explain: bool
) -> None:
    """However many want to know, also of one refused: the estimator is asked at most twice."""
    counts: list[int] = []
    models = {"g": {"targets": [{"model": "a/x", "context_window": 100}], "limits": {"tpm": 1000}}}
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router({**_logging(tmp_path / "log"), "models": models}, Upstreams({})) as router,
    ):
        router._estimator = _counting(counts)
        options = RouterOptions(explain=explain, tags=tags)
        with contextlib.suppress(RouterError):
            if inputs:
                runner.run(router.aembedding("g", ["x"] * inputs, router=options))
            else:
                runner.run(router.acompletion("g", _MESSAGES, router=options))
    assert len(_decisions(tmp_path / "log")) == 1
    assert 1 <= len(counts) <= 2


def test_a_key_is_not_logged(tmp_path: Path) -> None:
    """By it equal requests could be told, and a guess at one be tried."""
    path = tmp_path / "log.jsonl"
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
    ):
        reply = runner.run(router.acompletion("kept", _MESSAGES, router=RouterOptions(explain=True)))
    assert reply.routing.decision is not None
    assert reply.routing.decision.cache is not None
    assert reply.routing.decision.cache.key is not None
    (logged,) = _decisions(path)
    assert logged["cache"]["key"] is None
    assert logged["cache"]["inputs"] == ["caller", "group", "messages"]


def _failing(*_args: Any, **_more: Any) -> Any:
    raise RuntimeError("a bug, or a host's estimator")


@pytest.mark.parametrize(
    "name", ["router.decision.decide", "router.account.trace_of", "router.starting.without_texts"]
)
def test_a_record_that_fails_costs_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It is for the log: the caller gets his answer, from an upstream or from what is kept."""
    path = tmp_path / "log.jsonl"
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
    ):
        monkeypatch.setattr(name, _failing)
        for _ in range(2):
            assert runner.run(router.acompletion("kept", _MESSAGES)).routing.target == "a/z"


@pytest.mark.parametrize(
    "name", ["router.decision.decide", "router.arrival.trace_of", "router.arrival.shape_of"]
)
def test_a_record_that_fails_hides_no_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A request that nobody can carry is told so."""
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(tmp_path / "log"), Upstreams({})) as router,
    ):
        monkeypatch.setattr(name, _failing)
        with pytest.raises(RequestError, match="eu"):
            runner.run(router.acompletion("g", _MESSAGES, router=RouterOptions(tags=("eu",))))


def test_what_a_caller_asked_for_fails_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``explain`` the record is his: nothing is missing from his answer in silence."""
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(tmp_path / "log"), Upstreams({})) as router,
    ):
        monkeypatch.setattr("router.decision.decide", _failing)
        with pytest.raises(RuntimeError, match="a bug"):
            runner.run(router.acompletion("g", _MESSAGES, router=RouterOptions(explain=True)))


def test_a_refused_request_has_nothing_kept(tmp_path: Path) -> None:
    """Its record claims no key, and that nothing is read or kept."""
    with open_router(_logging(tmp_path / "log"), Upstreams({})) as router:
        seen = router.explain("kept", _MESSAGES, router=RouterOptions(tags=("eu",)))
    assert seen.decision is not None
    cache = seen.decision.cache
    assert cache is not None
    assert (cache.now, cache.reads, cache.keeps, cache.key, cache.inputs) == (
        "bypass",
        False,
        False,
        None,
        (),
    )
    assert (cache.why, seen.cache) == ("the request is refused", "bypass")


def test_a_record_of_another_release_is_no_reason_not_to_read_a_line(tmp_path: Path) -> None:
    """A replay makes nothing of it, whatever it holds."""
    path = tmp_path / "log.jsonl"
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_logging(path), Upstreams({})) as router,
    ):
        runner.run(router.acompletion("g", _MESSAGES))
    line = json.loads(path.read_text())
    path.write_text(json.dumps({**line, "decision": {"of": ["another", 1]}}) + "\n")
    (read,) = read_logs([str(path)]).lines
    assert (read.request.asked.model, read.request.decision) == ("g", None)

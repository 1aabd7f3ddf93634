"""Kept answers: invariants 34, 35, 36 and 38."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import assume, event, example, given
from hypothesis import strategies as st

from router import RouterOptions, errors
from router.adapters.params import KNOWN_CHAT
from router.cache.key import Keys
from router.core.needs import estimated_tokens
from router.keeping import prepare
from router.request import Ask, checked_request
from router.server.app import create_app
from router.types import FailureClass
from tests.library.upstream import DONE, chunk, completion
from tests.property.memory import Listening, Said, Upstreams, VirtualLoop, keeping, open_router, serve

if TYPE_CHECKING:
    from router import Router
    from router.engine import Engine
    from router.request import Request

SECRET = b"s" * 32
PROVIDER = {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}
BYTEZ = {"base_url": "http://127.0.0.1:1", "api_key": "env:BYTEZ_API_KEY"}
MESSAGES = [{"role": "user", "content": "x"}]

# --- 34: keys

POOL: dict[str, list[Any]] = {
    "temperature": [0, 0.0, 1, 1.0, True, "1", None],
    "max_tokens": [5, 6, None],
    "max_completion_tokens": [5, 6],
    "seed": [1, 2],
    "user": ["a", "b"],
    "stop": ["a", ["a"], ["b"]],
    "tools": [
        [{"type": "function", "function": {"name": "f", "parameters": {}}}],
        [{"function": {"parameters": {}, "name": "f"}, "type": "function"}],
        [{"type": "function", "function": {"name": "f", "parameters": None}}],
    ],
    "stream_options": [{"include_usage": True}, {"include_usage": False}],
    "top_a": [0, 1],
}
SETTLED = ("temperature", "user", "top_a", "max_tokens")
SAYS = [{}, {"name": None}, {"name": "n"}, {"content": "y"}, {"content": [{"type": "text", "text": "x"}]}]


@dataclass(frozen=True)
class Asked:
    """One request: edits of the plainest."""

    params: dict[str, Any]
    message: dict[str, Any]
    tags: tuple[str, ...] = ()
    caller: str | None = None
    stream: bool = False

    def ask(self) -> Ask:
        options = RouterOptions(caller=self.caller, tags=self.tags)
        return Ask("g", [{**MESSAGES[0], **self.message}], self.params, self.stream, options)


PARAMS = st.lists(st.sampled_from(sorted(POOL)), unique=True, max_size=3).flatmap(
    lambda names: st.fixed_dictionaries({name: st.sampled_from(POOL[name]) for name in names})
)
ASKED = st.builds(
    Asked,
    params=PARAMS,
    message=st.sampled_from(SAYS),
    tags=st.sampled_from([(), (), ("eu",), ("eu", "eu")]),
    caller=st.sampled_from([None, None, "a"]),
    stream=st.booleans(),
)


HOW = st.sampled_from(["force", "drop", "half"])
LIKE_ONE = [1, 1.0, True, "1", None]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Asked, Asked, dict[str, str]]:
    """Two requests that are the same but for an edit or two, and what the config settles."""
    one, other = draw(ASKED), draw(ASKED)
    settled = draw(st.dictionaries(st.sampled_from(SETTLED), HOW, max_size=2))
    kinds = ["params", "settled", "like one", "message", "tags", "caller", "stream", "order"]
    edits = draw(st.sets(st.sampled_from(kinds), min_size=1, max_size=2))
    changed: dict[str, Any] = {
        name: getattr(other, name) for name in ("message", "tags", "caller", "stream") if name in edits
    }
    params = dict(one.params)
    if "params" in edits or "settled" in edits:
        some = [*POOL] if "params" in edits or not settled else [*settled]
        name = draw(st.sampled_from(some))
        params[name] = draw(st.sampled_from(POOL[name]))
    if "like one" in edits:
        name = draw(st.sampled_from(["temperature", "top_a"]))
        one.params[name], params[name] = draw(st.permutations(LIKE_ONE))[:2]
    if "order" in edits:
        params = dict(reversed(params.items()))
    return one, replace(one, params=params, **changed), settled


def config_of(settled: dict[str, str]) -> dict[str, Any]:
    """Targets of every wire, of which each settles some params: one group with one fallback."""
    group: dict[str, Any] = {"cache": {}, "targets": [], "fallbacks": ["h"], "tags": ["eu"]}
    forced = {name: 3 for name, how in settled.items() if how == "force"}
    dropped = [name for name, how in settled.items() if how == "drop"]
    group |= {"force": forced, "drop": dropped}
    half = {"drop": dropped + [name for name, how in settled.items() if how == "half"]}
    group["targets"] = [{"model": "a/x", **half}, "a/y", "bytez/o/n"]
    group["params"] = {"temperature": 0.5}
    group["bounds"] = {"max_tokens": {"max": 5}}
    fallback = {"targets": ["a/z"], "tags": ["eu"], "params": {"seed": 1}}
    return {
        "version": 1,
        "providers": {"a": {**PROVIDER, "passthrough": "any"}, "bytez": BYTEZ},
        "models": {"g": group, "h": fallback},
    }


def form(value: Any) -> Any:
    """JSON by the specification's words: types told apart, the order of keys not."""
    if isinstance(value, dict):
        return ("map", frozenset((key, form(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(form, value)))
    return (type(value).__name__, value)


def specified(asked: Asked, settled: dict[str, str]) -> Any:
    """What the key goes by: the request as merged, without what is outside of it."""
    outside = {"stream_options", *(name for name, how in settled.items() if how != "half")}
    params = {
        {"max_completion_tokens": "max_tokens"}.get(name, name): value
        for name, value in asked.params.items()
        if value is not None
    }
    kept = {name: value for name, value in params.items() if name not in outside}
    return form(kept), form(asked.message), frozenset(asked.tags), asked.caller


def sent(engine: Engine, asked: Asked) -> dict[str, Any]:
    """What goes up to each target that can carry the request, as if it were no stream."""
    params = {name: value for name, value in asked.params.items() if name != "stream_options"}
    ask = replace(asked.ask(), params=params, stream=False)
    request: Request = checked_request(engine.routes, engine.adapters, ask, estimator=estimated_tokens)
    found = {}
    for g, row in enumerate(request.able.targets):
        for t in [t for t, able in enumerate(row) if able]:
            wire = request.wire(g, t, engine.adapters)
            made = wire.prepare(request.call(g, t, engine.adapters))
            body = orjson.dumps(orjson.loads(made.body), option=orjson.OPT_SORT_KEYS)
            found[request.route.groups[g].targets[t].id] = (made.method, made.url, body)
    return found


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYTEZ_API_KEY", "sk-0123456789abcdef")


@given(case=cases())
@example(case=(Asked({}, {}), Asked({"user": "a"}, {}), {"user": "half"}))
def test_invariant_34_equal_keys_equal_bytes(case: tuple[Asked, Asked, dict[str, str]]) -> None:
    """One key, for each target the same bytes up to the order of keys; other requests, other keys."""
    *pair, settled = case
    with open_router(config_of(settled), Upstreams({})) as router:
        engine = router.engine
        uses = []
        for asked in pair:
            try:
                uses.append(prepare(engine, asked.ask(), estimated_tokens).use)
            except errors.InvalidRequest:
                assume(False)
        one, other = uses
        assert one is not None
        assert other is not None
        same = one.key == other.key
        assert same == (specified(pair[0], settled) == specified(pair[1], settled))
        if same:
            assert sent(engine, pair[0]) == sent(engine, pair[1])
    kind = "equal" if pair[0] == pair[1] else "unlike"
    event(f"{kind} requests, {'one key' if same else 'two keys'}")


@pytest.mark.parametrize("param", sorted(KNOWN_CHAT - {"stream_options", "n"}))
def test_invariant_34_each_param_is_in_the_key(param: str) -> None:
    """With it, without it and with another value: three keys. (Answers to ``n`` above 1 are not kept.)"""
    config = {
        "version": 1,
        "providers": {"a": {**PROVIDER, "passthrough": "any"}},
        "models": {"g": {"targets": ["a/x"], "cache": {}, "tags": ["eu"]}},
    }
    with open_router(config, Upstreams({})) as router:
        said: list[dict[str, Any]] = [{}, {param: 1}, {param: 2}]
        uses = [prepare(router.engine, Asked(params, {}).ask(), estimated_tokens).use for params in said]
    assert None not in uses
    assert len({use.key for use in uses if use is not None}) == 3


# --- 35: hits

CALLERS = {name: f"sk-{name}-0123456789abcdef0123456789" for name in ("a", "b", "c")}
TEXTS = st.text(st.sampled_from('aé😀\u2028"\\ \n'), min_size=1, max_size=4)
GAPS = st.sampled_from(["", " ", "\n ", "\t"])


@dataclass(frozen=True)
class Request35:
    """One request at the gateway."""

    who: str
    group: str
    stream: bool
    text: str
    answer: str
    gap: str

    def said(self) -> Said:
        """What the upstream would say, spaced as no serialiser of ours would."""
        if not self.stream:
            spaced = json.dumps(
                completion(self.answer), separators=("," + self.gap, ":" + self.gap), ensure_ascii=False
            )
            return Said(body=spaced.encode())
        told = chunk({"content": self.answer}).replace(b": ", b":" + self.gap.strip("\n").encode() + b"  ")
        return Said(body=told + chunk({}, "stop") + DONE)


@given(
    requests=st.lists(
        st.builds(
            Request35,
            who=st.sampled_from([*CALLERS, "nobody"]),
            group=st.sampled_from(["own", "shared"]),
            stream=st.booleans(),
            text=st.sampled_from(["x", "x", "y"]),
            answer=TEXTS,
            gap=GAPS,
        ),
        min_size=2,
        max_size=8,
    ),
)
def test_invariant_35_a_hit_is_the_stored_answer_and_nobody_elses(requests: list[Request35]) -> None:
    """Byte for byte in its own form, after the guard alone, and within its scope."""
    digests = {
        name: "sha256:" + hashlib.sha256(value.encode()).hexdigest() for name, value in CALLERS.items()
    }
    callers = [{"name": name, "key": digest} for name, digest in digests.items()]
    callers[2]["groups"] = ["own"]  # type: ignore[assignment]  # c may not ask for the shared ones
    config = {
        "version": 1,
        "providers": {"a": PROVIDER},
        "models": {
            "own": {"targets": ["a/x"], "cache": {}},
            "shared": {"targets": ["a/x"], "cache": {"scope": "group"}},
        },
        "callers": callers,
    }
    weather: list[Said] = []
    upstreams = Upstreams({"a/x": weather})
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, open_router(config, upstreams) as router:
        calls = runner.run(_check_35(router, weather, requests))
    assert upstreams.calls.total() == calls


async def _check_35(router: Router, weather: list[Said], requests: list[Request35]) -> int:
    """Ask one after another; how many calls there must have been."""
    app = create_app(router)
    kept: dict[Any, dict[bool, bytes]] = {}  # By what the answer may serve, what was sent in each form.
    for one in requests:
        body = {"model": one.group, "messages": [{"role": "user", "content": one.text}], "stream": one.stream}
        weather[:] = [one.said()]
        bearer = f"Bearer {CALLERS.get(one.who, 'sk-nobody')}".encode()
        got = await serve(app, json.dumps(body).encode(), [(b"authorization", bearer)])
        cache = dict(got.headers).get(b"x-router-cache")
        if one.who == "nobody" or (one.who, one.group) == ("c", "shared"):
            event("kept out")
            assert got.status in (401, 404)
            assert cache is None
            continue
        scope = (one.group, one.text, None if one.group == "shared" else one.who)
        assert got.status == 200
        assert cache == (b"hit" if scope in kept else b"miss")
        told = kept.setdefault(scope, {})
        event(f"{cache.decode()}, {'the same form' if one.stream in told else 'its form for the first time'}")
        assert got.body == told.setdefault(one.stream, got.body)
    return len(kept)


# --- 36: what is stored, and for how long

GOOD, EMPTY, FILTERED, BROKEN, CUT = "good", "empty", "filtered", "broken", "cut"
TTL_S, STALE_S = 10.0, 5.0


@dataclass(frozen=True)
class Step36:
    """One request: how long after the one before, what it may do, and what the upstream would do."""

    after_s: float
    cache: str | None
    stream: bool
    weather: str


STEPS = st.lists(
    st.builds(
        Step36,
        after_s=st.sampled_from([0.0, 3.0, 9.0, 10.0, 14.0, 15.0]),
        cache=st.sampled_from([None, None, None, "off", "refresh"]),
        stream=st.booleans(),
        weather=st.sampled_from([GOOD, GOOD, EMPTY, FILTERED, BROKEN, BROKEN, CUT]),
    ),
    min_size=2,
    max_size=8,
)


def _said(step: Step36, number: int) -> Said:
    """What the upstream says; the answer is the number of the step."""
    text = "" if step.weather == EMPTY else str(number)
    reason = "content_filter" if step.weather == FILTERED else "stop"
    if step.weather == BROKEN:
        return Said(500, body=b"{}")
    if step.stream:
        pieces = [chunk({"content": text}), chunk({}, reason), DONE]
        return Said(body=b"".join(pieces[:1] if step.weather == CUT else pieces))
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    body = json.dumps(completion(choices=[choice])).encode()
    return Said(body=body[:20] if step.weather == CUT else body)


@given(steps=STEPS)
def test_invariant_36_what_must_not_be_stored_is_not(steps: list[Step36]) -> None:
    """An answer is served within its time, or while the chain fails in the time after; nothing else is."""
    config = {
        "version": 1,
        "providers": {"a": PROVIDER},
        "defaults": {"retries": 0, "ejection": False, "cache": {"ttl": "10s", "stale_if_error": "5s"}},
        "models": {"g": "a/x"},
    }
    weather: list[Said] = []
    with keeping(config, Upstreams({"a/x": weather})) as (runner, router):
        runner.run(_check_36(router, weather, steps))


async def _check_36(router: Router, weather: list[Said], steps: list[Step36]) -> None:
    now, kept_at, kept = 0.0, float("-inf"), ""
    for number, step in enumerate(steps):
        await asyncio.sleep(step.after_s)
        now += step.after_s
        weather[:] = [_said(step, number)]
        answered = step.weather in (GOOD, EMPTY, FILTERED)
        text = "" if step.weather == EMPTY else str(number)
        expected = ("bypass" if step.cache else "miss", text) if answered else ("failed", "")
        if step.cache is None and now < kept_at + TTL_S:
            expected = ("hit", kept)
        elif step.cache is None and not answered and now < kept_at + TTL_S + STALE_S:
            expected = ("stale", kept)
            if step.stream and step.weather == CUT:
                expected = ("failed", "")  # Content was delivered.
        elif step.cache != "off" and step.weather == GOOD:
            kept_at, kept = now, text
        event(expected[0])
        assert await _told_36(router, step) == expected


async def _told_36(router: Router, step: Step36) -> tuple[str, str]:
    """How the request ended, and the text."""
    options = RouterOptions(cache=step.cache)  # type: ignore[arg-type]  # one of its values
    try:
        answer: Any = await router.acompletion("g", MESSAGES, stream=step.stream, router=options)
        if not step.stream:
            return answer.routing.cache, answer.choices[0].message.content
        chunks = [item async for item in answer]
    except errors.UpstreamError:
        return "failed", ""
    text = "".join(choice.delta.content or "" for item in chunks for choice in item.choices)
    return answer.routing.cache, text


# --- 38: equal requests at once

LONG_S = 1.0


@dataclass(frozen=True)
class Caller38:
    """One request: when it comes, after how long its caller leaves or gives up."""

    at: float
    leaves_s: float | None
    timeout_s: float | None


CROWDS = st.lists(
    st.builds(
        Caller38,
        at=st.sampled_from([0.0, 0.1, 0.2, 0.3, 0.8]),
        leaves_s=st.sampled_from([None, None, 0.05, 0.25, 0.45]),
        timeout_s=st.sampled_from([None, None, None, 0.35]),
    ),
    min_size=1,
    max_size=8,
)
CONFIG_38 = {
    "version": 1,
    "providers": {"a": PROVIDER},
    "defaults": {"timeout": "8s", "retries": 0, "ejection": False},
    "models": {"g": {"targets": ["a/x"], "cache": {}}},
}


@given(crowd=CROWDS, stream=st.booleans())
def test_invariant_38_equal_requests_at_once_make_one_call(crowd: list[Caller38], stream: bool) -> None:
    """One call while anybody waits for it, whoever leaves; nobody waits past his deadline."""
    crowd = [replace(one, timeout_s=None) for one in crowd]
    upstreams = Upstreams({"a/x": [Said(after_s=LONG_S)]})
    ends = _play_38(crowd, upstreams, stream=stream)
    calls, expected = _expected_38(crowd)
    event(f"{calls} calls for {min(len(crowd), 4)} or more requests")
    assert sorted(ends) == sorted(expected)
    assert upstreams.calls.total() == calls


def _expected_38(crowd: list[Caller38]) -> tuple[int, list[str]]:
    """How many calls there must be, and how requests end.

    A new call only when nobody waits for one any more.
    """
    calls, until, answered_at = 0, float("-inf"), float("-inf")
    ends = []
    for one in sorted(crowd, key=lambda one: one.at):
        leaves_at = float("inf") if one.leaves_s is None else one.at + one.leaves_s
        if one.at > until:  # Who waited for the last call has left.
            calls, until, answered_at = calls + 1, leaves_at, one.at + LONG_S
        until = max(until, leaves_at)
        ends.append("cancelled" if leaves_at < answered_at else "ok")
    return calls, ends


IMPATIENT = st.lists(
    st.builds(
        Caller38,
        at=st.sampled_from([0.0, 0.1, 0.2, 0.8]),
        leaves_s=st.sampled_from([None, None, None, 0.25]),
        timeout_s=st.sampled_from([None, 0.35, 0.75]),
    ),
    min_size=2,
    max_size=6,
)


@given(
    crowd=IMPATIENT,
    stream=st.booleans(),
    weather=st.lists(
        st.sampled_from(
            [
                Said(after_s=LONG_S),
                Said(500, body=b"{}", after_s=0.5),
                Said(after_s=0.25, breaks=FailureClass.CONNECTION),
                Said(after_s=LONG_S, content_s=0.15, body=b"cut"),
                Said(after_s=100.0),
            ]
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_invariant_38_nobody_is_held_up_by_another(
    crowd: list[Caller38], stream: bool, weather: list[Said]
) -> None:
    """Whatever becomes of a shared call, each request ends by its own deadline, and each is told once."""
    upstreams = Upstreams({"a/x": weather})
    with Listening() as logged:
        ends = _play_38(crowd, upstreams, stream=stream)
    for end in ends:
        event(f"some request: {end}")
    records = [vars(line) for line in logged if line.getMessage() == "router.request_completed"]
    assert len(records) == len(crowd)
    assert sum(record["attempts"] for record in records) == upstreams.calls.total()
    assert sum(record["outcome"] == "cancelled" for record in records) == ends.count("cancelled")
    assert sum(record["outcome"] == "ok" for record in records) == ends.count("ok")


def _play_38(crowd: list[Caller38], upstreams: Upstreams, *, stream: bool) -> list[str]:
    """How each request ended; nothing is left of them."""
    with keeping(CONFIG_38, upstreams) as (runner, router):
        ends = runner.run(_all_38(router, crowd, stream=stream))
        assert len(router.engine.answers.flights) == 0
        assert router.engine.shared.loads.in_flight == {}
    return ends


async def _all_38(router: Router, crowd: list[Caller38], *, stream: bool) -> list[str]:
    ends = await asyncio.gather(*(_one_38(router, one, stream=stream) for one in crowd))
    await asyncio.sleep(0.01)  # The last call is being closed.
    return ends


async def _one_38(router: Router, one: Caller38, *, stream: bool) -> str:
    await asyncio.sleep(one.at)
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = asyncio.ensure_future(_asks_38(router, one, stream=stream))
    if one.leaves_s is not None:
        loop.call_later(one.leaves_s, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return "cancelled"
    finally:
        longest_s = 8.0 if one.timeout_s is None else one.timeout_s
        # A stream's deadline is that of its first content.
        assert loop.time() <= began + longest_s + (LONG_S if stream else 0.0) + 1e-9


async def _asks_38(router: Router, one: Caller38, *, stream: bool) -> str:
    options = RouterOptions(timeout=one.timeout_s)
    try:
        answer: Any = await router.acompletion("g", MESSAGES, stream=stream, router=options)
        if stream:
            assert [item async for item in answer]
    except errors.UpstreamError:
        return "failed"
    return "ok"


def test_invariant_38_keys_of_two_routers_have_nothing_in_common() -> None:
    """Each has a secret of its own."""
    assert Keys().key(("group", None), "d", {}) != Keys().key(("group", None), "d", {})

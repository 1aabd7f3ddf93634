"""What `explain` says of a request with a script of outcomes is what the driver then does."""

from __future__ import annotations

import asyncio
import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import event, given
from hypothesis import strategies as st

from router import errors
from router.adapters.base import ChatCall
from router.core.failure import Failure, FailureClass
from router.decision import decide
from router.request import Ask
from router.streams import AsyncChatStream
from router.tools.explain import Explanation, Weather, explained
from router.types import RouterOptions
from router.virtual import Reply
from tests.property.memory import Said, Upstreams, VirtualLoop, open_router

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from router import Router
    from router.telemetry.decisions import Decision
    from router.telemetry.events import AttemptRecord

_MESSAGES = [{"role": "user", "content": "tell me"}]
_TARGETS = ["a/x", "a/y", "b/x", "c/x"]

# Replies end at quarters of a second and hedges are due a 64th beside them, so that nothing falls together.
_SAYS = st.sampled_from(
    [
        Said(after_s=0.25),
        Said(after_s=8.0),
        Said(after_s=math.inf),
        Said(after_s=1.0, content_s=0.25),
        Said(after_s=1.0, content_s=0.5, breaks=FailureClass.CONNECTION),
        Said(after_s=0.5, breaks=FailureClass.CONNECTION),
        Said(500, body=b"{}", after_s=0.25),
        Said(500, body=b"{}", after_s=4.0),
        Said(429, {"retry-after": "1"}, b"{}", 0.25),
        Said(429, {"retry-after": "3"}, b"{}", 0.5),
        Said(429, body=b"{}"),
        Said(503, {"retry-after": "100"}, b"{}", 0.25),
        Said(401, body=b"{}"),
        Said(404, body=b"{}", after_s=0.25),
        Said(400, body=b"{}", after_s=0.5),
        Said(400, body=b'{"error": {"code": "content_policy_violation"}}'),
    ]
)
_HEDGES = st.sampled_from([False, {"after": "359.375ms"}, {"after": "1.015625s", "max": 2}])
_GROUP = st.fixed_dictionaries(
    {
        "targets": st.lists(
            st.builds(
                lambda name, tier, weight, tags: {
                    "model": name,
                    "tier": tier,
                    "weight": weight,
                    "tags": tags,
                    "supports": {"prefill": True},
                },
                st.sampled_from(_TARGETS),
                st.integers(1, 2),
                st.integers(0, 3),
                st.sampled_from([["eu"], ["us"], ["eu", "us"]]),
            ),
            min_size=1,
            max_size=3,
            unique_by=lambda item: item["model"],
        ),
        "retries": st.fixed_dictionaries(
            {"max": st.integers(0, 3), "max_wait": st.sampled_from(["5s", "500ms"])}
        ),
        "timeout": st.sampled_from(["32s", "2s"]),
        "max_attempts": st.sampled_from([8, 3]),
        "hedge": _HEDGES,
        "ejection": st.sampled_from([{"consecutive": 2, "base": "4s", "cap": "16s"}, False]),
        "strategy": st.sampled_from(["weighted", "least_busy", "fastest"]),
        "stream": st.sampled_from(
            [{}, {"on_break": "buffer"}, {"on_break": "continue"}, {"idle_timeout": "500ms"}]
        ),
    },
    optional={
        "attempt_timeout": st.just("1s"),
        "params": st.dictionaries(st.sampled_from(["max_tokens", "temperature", "seed"]), st.integers(0, 9)),
        "force": st.dictionaries(st.sampled_from(["max_tokens", "seed"]), st.integers(0, 9)),
        "bounds": st.just({"max_tokens": {"min": 2, "max": 5}}),
        "drop": st.lists(st.sampled_from(["user", "temperature"]), unique=True),
    },
)
_OPTIONS = st.builds(
    RouterOptions,
    tags=st.sampled_from([(), (), ("eu",)]),
    timeout=st.sampled_from([None, None, 1.5]),
    explain=st.just(value=True),
)
_KEPT = st.fixed_dictionaries(
    {},
    optional={
        "ttl": st.sampled_from(["1s", "20s"]),
        "fallback_ttl": st.sampled_from([False, "4s"]),
        "stale_if_error": st.sampled_from(["1s", "20s"]),
        "scope": st.just("group"),
        "when": st.just("deterministic"),
    },
)
_PARAMS = st.dictionaries(
    st.sampled_from(["max_completion_tokens", "temperature", "user"]), st.just(3), max_size=1
)


@dataclass(frozen=True)
class Asked:
    """One request, after a pause."""

    gap_s: float
    stream: bool
    options: RouterOptions
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Story:
    """A config, what each target answers in turn, and requests one after the other."""

    config: Mapping[str, Any]
    weather: Mapping[str, list[Said]]
    asks: list[Asked]
    draws: list[float]


@st.composite
def _stories(draw: st.DrawFn) -> Story:
    groups = {"g": draw(_GROUP), "h": draw(_GROUP)}
    groups["g"]["fallbacks"] = draw(st.sampled_from([[], ["h"]]))
    provider = {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}
    config = {"version": 1, "providers": dict.fromkeys(("a", "b", "c"), provider), "models": groups}
    gaps = st.sampled_from([0.0, 0.25, 2.0, 16.0])
    return Story(
        config,
        {name: draw(st.lists(_SAYS, min_size=1, max_size=4)) for name in _TARGETS},
        draw(st.lists(st.builds(Asked, gaps, st.booleans(), _OPTIONS, _PARAMS), min_size=1, max_size=5)),
        draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75]), min_size=1, max_size=3)),
    )


@st.composite
def _kept_stories(draw: st.DrawFn) -> Story:
    """The same of a group that keeps answers; most requests are alike, and upstreams often answer."""
    story = draw(_stories())
    story.config["models"]["g"]["cache"] = draw(_KEPT)
    good = Said(after_s=1.0, content_s=0.25)
    weather = {name: [good, *row] if draw(st.booleans()) else row for name, row in story.weather.items()}
    options = st.builds(
        RouterOptions,
        caller=st.sampled_from([None, None, None, "a"]),
        cache=st.sampled_from([None, None, None, None, "off", "refresh"]),
        timeout=st.sampled_from([None, None, 1.5]),
        explain=st.just(value=True),
    )
    params = st.sampled_from([{"temperature": 0}, {"temperature": 0}, {"temperature": 0}, {}, {"n": 1}])
    gaps = st.sampled_from([0.0, 0.25, 2.0, 16.0])
    asks = draw(st.lists(st.builds(Asked, gaps, st.booleans(), options, params), min_size=2, max_size=6))
    return Story(story.config, weather, asks, story.draws)


def _reply(router: Router, name: str, said: Said) -> Reply:
    """What *said* comes to, as the target's wire reads it; its streams stall after their content."""
    failure = Failure(said.breaks) if said.breaks is not None else None
    if failure is None and (said.status, said.body) != (200, None):
        call = ChatCall(model="m", messages=_MESSAGES, params={}, stream=False)
        (wire,) = router.engine.adapters[name[0]].wires("m")
        read = wire.parse(call, said.status, said.headers, said.whole())
        assert isinstance(read, Failure)
        failure = read
    return Reply(failure, said.after_s, said.content_s, stalls=True)


def _foretold(router: Router, story: Story, asked: Asked, upstreams: Upstreams, now: float) -> Explanation:
    """What `explain` says of the request, given what the upstreams will do."""
    groups = [story.config["models"][name] for name in ("g", *_fallbacks(story))]
    chain = {item["model"] for one in groups for item in one["targets"]}
    outcomes: dict[str, Sequence[Reply]] = {}
    for name in chain:
        row = story.weather[name]
        turn = upstreams.calls[name] % len(row)
        outcomes[name] = [_reply(router, name, said) for said in (row[turn:] + row[:turn]) * 8]
    ask = Ask("g", _MESSAGES, asked.params, asked.stream, asked.options)
    draw = itertools.cycle(story.draws).__next__
    return explained(router.engine, ask, Weather(outcomes, draw), now=now)


def _fallbacks(story: Story) -> list[str]:
    fallbacks: list[str] = story.config["models"]["g"]["fallbacks"]
    return fallbacks


async def _done(router: Router, story: Story, asked: Asked) -> tuple[Any, str]:
    """What the driver makes of the request: its routing, or its error, and the end in a word."""
    router.engine.draw = itertools.cycle(story.draws).__next__
    try:
        answer = await router.acompletion(
            "g", _MESSAGES, stream=asked.stream, router=asked.options, **asked.params
        )
        if asked.stream:
            assert isinstance(answer, AsyncChatStream)
            async for _ in answer:
                pass
    except (errors.UpstreamError, errors.RequestError) as error:
        return error, error.code
    return answer.routing, "ok"


def _attempts(records: Any) -> list[tuple[Any, ...]]:
    """The attempts but for their HTTP status, which no script of outcomes knows."""
    return [tuple(record._replace(status=None)) for record in records]


@given(story=_stories())
def test_what_explain_says_is_what_the_driver_does(story: Story) -> None:
    """Attempts with targets, times, waits and hedges, the end, its time, the params and what is kept.

    Health, turns, budgets and answers that earlier requests left behind are taken as they are.
    """
    _check(story)


@given(story=_kept_stories())
def test_what_explain_says_of_kept_answers_is_what_the_driver_does(story: Story) -> None:
    """Hits, stale answers, and requests that nobody looks up, with the same attempts at the same times."""
    _check(story)


def _check(story: Story) -> None:
    upstreams = Upstreams(story.weather)
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, open_router(story.config, upstreams) as router:
        loop = runner.get_loop()
        router.engine.answers.memory.clock = loop.time
        for asked in story.asks:
            runner.run(asyncio.sleep(asked.gap_s))
            told = _foretold(router, story, asked, upstreams, loop.time())
            before = loop.time()
            done, end = runner.run(_done(router, story, asked))
            event(f"end: {end}")
            if isinstance(done, errors.RequestError):
                assert told.routing.decision is not None
                assert told.routing.decision.refused == str(done)
                continue
            assert (told.outcome, _attempts(told.routing.attempts)) == (end, _attempts(done.attempts))
            assert told.seconds is not None
            assert math.isclose(told.seconds, loop.time() - before, abs_tol=0.03)
            event(f"attempts: {len(done.attempts)}, hedged: {any(item.hedge for item in done.attempts)}")
            event(f"waited: {any(item.wait_s for item in done.attempts)}")
            if end == "ok":
                event(f"cache: {done.cache}")
                assert (told.routing.target, told.routing.params) == (done.target, done.params)
                assert told.routing.cache == done.cache


_LIMITS = st.sampled_from(
    [
        {"concurrency": 1},
        {"concurrency": 2},
        {"rpm": 2},
        {"concurrency": 1, "rpm": 3},
        {"concurrency": "adaptive"},
    ]
)
_LIMITED = st.builds(
    lambda targets, limits, wait: {
        "targets": targets,
        "timeout": "100s",
        "limits": {**limits, "max_wait": wait},
    },
    st.lists(st.sampled_from(_TARGETS), min_size=1, max_size=2, unique=True),
    _LIMITS,
    st.sampled_from(["0s", "3s", "80s"]),
)


@given(
    groups=st.tuples(_LIMITED, _LIMITED),
    shared=st.none() | _LIMITS,
    others=st.lists(
        st.tuples(st.sampled_from(["g", "h"]), st.sampled_from([0.0, 0.25, 2.0])), min_size=2, max_size=6
    ),
    takes_s=st.sampled_from([8.0, 1.0, 0.0]),
    falls=st.booleans(),
)
def test_what_explain_says_while_others_hold_room_is_no_falsehood(
    groups: tuple[dict[str, Any], dict[str, Any]],
    shared: dict[str, Any] | None,
    others: list[tuple[str, float]],
    takes_s: float,
    *,
    falls: bool,
) -> None:
    """The first target is the one that is asked, a refusal comes; where it hangs on others, it does wait."""
    provider = {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"}
    limited = provider if shared is None else {**provider, "limits": shared}
    config = {
        "version": 1,
        "providers": {"a": limited, "b": provider, "c": provider},
        "models": {"g": {**groups[0], "fallbacks": ["h"] if falls else []}, "h": groups[1]},
    }

    async def ask(router: Router) -> None:
        loop = asyncio.get_running_loop()
        router.engine.draw = lambda: 0.5
        running = []
        for model, gap_s in others:
            running.append(asyncio.ensure_future(router.acompletion(model, _MESSAGES)))
            await asyncio.sleep(gap_s + 0.01)
        began = loop.time()
        told = decide(router.engine, Ask("g", _MESSAGES, {}), now=began)
        try:
            reply = await router.acompletion("g", _MESSAGES)
        except errors.UpstreamError as error:
            attempts, end = error.attempts, error.code
        else:
            attempts, end = reply.routing.attempts, "ok"
        _holds(told, attempts[0] if attempts else None, end, loop.time() - began)
        await asyncio.gather(*running, return_exceptions=True)

    upstreams = Upstreams({}, Said(after_s=takes_s))
    with asyncio.Runner(loop_factory=VirtualLoop) as runner, open_router(config, upstreams) as router:
        runner.run(ask(router))


def _holds(told: Decision, first: AttemptRecord | None, end: str, seconds: float) -> None:
    """Whether what was *told* is so."""
    if told.expected.why.startswith("it waits"):
        event("it hangs on others")
        assert (told.first, told.expected.seconds) == (None, None)
        assert seconds > 0 if first is None else first.wait_s > 0
    elif told.first is None:
        event("it is refused")
        assert told.expected.why == f"it would be refused: {end}"
        assert first is None
    else:
        event(f"it is asked, after a wait: {first is not None and first.wait_s > 0}")
        assert first is not None
        assert first.target == told.first

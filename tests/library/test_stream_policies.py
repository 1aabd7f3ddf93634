"""What a caller gets of a stream that breaks, by on_break, over sockets."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from router import RouterOptions, errors
from tests.library.upstream import (
    DONE,
    END,
    HANG,
    MESSAGES,
    ROLE,
    SSE,
    Upstream,
    chunk,
    completion,
    framed,
    open_router,
    raw,
    reply,
    stream,
)

if TYPE_CHECKING:
    from router import Router

USAGE = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
HEL = chunk({"content": "hel"})
LO = chunk({"content": "lo"}, id="c2", model="other")
BROKEN = stream(ROLE, HEL, end="fin")  # A reset could overtake the data.


def group(*upstreams: Upstream, on_break: str, **more: Any) -> Router:
    """A router whose group ``g`` has a target for each upstream, all able to go on with streams."""
    able = {"supports": {"prefill": True}, "deterministic": True}
    targets = [{"model": f"p{tier}/m", "tier": tier, **able} for tier in range(1, len(upstreams) + 1)]
    settings = {"stream": {"on_break": on_break, **more.pop("stream", {})}, **more}
    return open_router(*upstreams, models={"g": {"targets": targets, **settings}})


async def read(answer: Any) -> tuple[str, list[Any]]:
    """The whole text, and all chunks."""
    chunks = [piece async for piece in answer]
    return "".join(one.delta.content or "" for piece in chunks for one in piece.choices), chunks


async def outcomes(router: Router, text: str, **params: Any) -> list[tuple[str, str]]:
    """How the attempts of a stream ended that must come to *text*."""
    answer = await router.acompletion("g", MESSAGES, stream=True, **params)
    assert (await read(answer))[0] == text
    return [(attempt.target, attempt.outcome) for attempt in answer.routing.attempts]


async def interrupted(asked: Router, text: str, **params: Any) -> errors.StreamInterrupted:
    """The error of a stream that must break after *text*."""
    answer = await asked.acompletion("g", MESSAGES, stream=True, **params)
    got: list[str] = []
    with pytest.raises(errors.StreamInterrupted) as caught:
        await _read_into(got, answer)
    assert "".join(got) == text
    return caught.value


async def _read_into(got: list[str], answer: Any) -> None:
    async for piece in answer:
        got += [one.delta.content or "" for one in piece.choices]


def kinds(error: errors.UpstreamError) -> list[str]:
    return [attempt.outcome for attempt in error.attempts]


BOTH = pytest.mark.parametrize("on_break", ["continue", "splice"])


# --- fail


async def test_fail_is_what_is_built_in(up: Upstream, two: Upstream) -> None:
    """Without a policy a break after content is an error, and nobody else is asked."""
    up.script(BROKEN)
    async with open_router(up, two) as router:
        assert kinds(await interrupted(router, "hel")) == ["connection"]
    assert two.seen == []


# --- continue


async def test_continue(up: Upstream, two: Upstream) -> None:
    """Another target is given the text so far, and its text goes on from there."""
    up.script(BROKEN)
    two.script(stream(chunk({"role": "assistant", "content": ""}, id="c2"), LO, END, DONE))
    async with group(up, two, on_break="continue") as router:
        answer = await router.acompletion("g", MESSAGES, stream=True, temperature=0.5)
        text, chunks = await read(answer)
    assert text == "hello"
    assert {piece.id for piece in chunks} == {"c1"}
    assert [piece.model for piece in chunks] == ["up", "up", "other", "up"]
    assert [one.delta.role for piece in chunks for one in piece.choices if one.delta.role] == ["assistant"]
    assert [one.finish_reason for piece in chunks for one in piece.choices][-1] == "stop"
    routing = answer.routing
    assert [(item.target, item.outcome) for item in routing.attempts] == [
        ("p1/m", "connection"),
        ("p2/m", "ok"),
    ]
    assert routing.target == "p2/m"
    asked = two.seen[0].json
    assert asked["messages"] == [*MESSAGES, {"role": "assistant", "content": "hel"}]
    assert {name: asked[name] for name in asked if name != "messages"} == {
        "model": "m",
        "stream": True,
        "temperature": 0.5,
    }
    assert up.seen[0].json["messages"] == MESSAGES


async def test_continue_makes_no_usage_up(up: Upstream, two: Upstream) -> None:
    """No usage and no cost: the figures that are there are of parts."""
    up.script(stream(ROLE, chunk({"content": "hel"}, usage=USAGE), end="fin"))
    last = b'data: {"id": "c2", "choices": [], "usage": ' + json.dumps(USAGE).encode() + b"}\n\n"
    two.script(stream(LO, END, last, DONE))
    price = {"input_per_mtok": 1, "output_per_mtok": 1}
    targets = [{"model": "p1/m"}, {"model": "p2/m", "tier": 2, "supports": {"prefill": True}, "price": price}]
    models = {"g": {"targets": targets, "stream": {"on_break": "continue"}}}
    async with open_router(up, two, models=models) as router:
        answer = await router.acompletion("g", MESSAGES, stream=True, stream_options={"include_usage": True})
        text, chunks = await read(answer)
    assert text == "hello"
    assert [piece.usage for piece in chunks] == [None, USAGE, None, None]
    assert answer.routing.cost is None


async def test_continue_again_and_again(up: Upstream) -> None:
    """One target may go on with its own stream, each time with all the text so far."""
    up.script(
        BROKEN,
        stream(LO, chunk({"content": " w"}), end="fin"),
        stream(chunk({"content": "orld"}), END, DONE),
    )
    async with group(up, on_break="continue") as router:
        assert [kind for _, kind in await outcomes(router, "hello world")] == [
            "connection",
            "connection",
            "ok",
        ]
    assert [seen.json["messages"][-1]["content"] for seen in up.seen[1:]] == ["hel", "hello w"]


async def test_continue_with_nothing_to_add(up: Upstream, two: Upstream) -> None:
    """A further attempt that ends well without a word ends the answer well."""
    up.script(BROKEN)
    two.script(stream(ROLE, END, DONE))
    async with group(up, two, on_break="continue") as router:
        assert await outcomes(router, "hel") == [("p1/m", "connection"), ("p2/m", "ok")]


async def test_continue_only_where_it_is_declared(up: Upstream, two: Upstream) -> None:
    """A target without prefill is not asked to go on, though it answers whole requests."""
    up.script(BROKEN)
    targets = [
        {"model": "p1/m"},
        {"model": "p2/m", "tier": 2},
        {"model": "p1/n", "tier": 3, "supports": {"prefill": True}},
    ]
    models = {"g": {"targets": targets, "stream": {"on_break": "continue"}, "retries": 0}}
    async with open_router(up, two, models=models) as router:
        await interrupted(router, "hel")
    assert two.seen == []


@BOTH
@pytest.mark.parametrize(
    ("pieces", "params"),
    [
        ([chunk({"tool_calls": [{"index": 0, "id": "a"}]})], {}),
        ([HEL, chunk({"reasoning_content": "hm"})], {}),
        ([HEL, END], {}),
        ([HEL], {"n": 2}),
    ],
    ids=["tool call", "reasoning", "finished", "two answers"],
)
async def test_text_only(
    up: Upstream, two: Upstream, on_break: str, pieces: list[bytes], params: dict[str, Any]
) -> None:
    """A stream of which more than text was delivered breaks as with fail."""
    up.script(stream(ROLE, *pieces, end="fin"))
    async with group(up, two, on_break=on_break) as router:
        await interrupted(router, "hel" if HEL in pieces else "", **params)
    assert two.seen == []


@BOTH
async def test_nobody_can_go_on(up: Upstream, two: Upstream, on_break: str) -> None:
    """When the further attempts fail, the error is that of the stream, and every attempt is in it."""
    up.script(BROKEN, reply(500, b"{}"))
    two.script(reply(500, b"{}"))
    async with group(up, two, on_break=on_break, retries={"max": 2, "backoff": {"base": "10ms"}}) as router:
        error = await interrupted(router, "hel")
    assert kinds(error) == ["connection", "server_error", "server_error"]
    assert "the stream from p1/m broke after content was delivered: connection" in str(error)


@BOTH
async def test_the_further_attempt_s_time(up: Upstream, two: Upstream, on_break: str) -> None:
    """The request's own timeout bounds the time from the break to the next content."""
    up.script(BROKEN)
    two.script(HANG)
    async with group(up, two, on_break=on_break, retries=1) as router:
        began = time.monotonic()
        error = await interrupted(router, "hel", router=RouterOptions(timeout=0.3))
    assert kinds(error) == ["connection", "timeout"]
    assert 0.25 < time.monotonic() - began < 1


@BOTH
async def test_leaving_a_stream_that_another_goes_on_with(up: Upstream, two: Upstream, on_break: str) -> None:
    """A caller who is cancelled while the further attempt runs closes that too; nothing is left."""
    up.script(BROKEN)
    two.script(HANG)
    async with group(up, two, on_break=on_break) as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)
        reading = asyncio.ensure_future(read(answer))
        await asyncio.to_thread(two.asked.acquire, timeout=5)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await asyncio.to_thread(two.left.wait, 5)
        assert [attempt.outcome for attempt in answer.routing.attempts] == ["connection", "cancelled"]


@BOTH
async def test_closing_from_another_task(up: Upstream, two: Upstream, on_break: str) -> None:
    """A stream closed elsewhere while it is being taken up just ends for the one who reads it."""
    late = asyncio.Event()
    up.script(BROKEN)
    two.script(stream(late, HEL, LO, END, DONE))
    async with group(up, two, on_break=on_break) as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)
        reading = asyncio.ensure_future(read(answer))
        await asyncio.to_thread(two.asked.acquire, timeout=5)
        await answer.aclose()
        two.release(late)
        assert (await asyncio.wait_for(reading, 5))[0] == "hel"
        assert [attempt.outcome for attempt in answer.routing.attempts] == ["connection", "cancelled"]


def test_synchronous_streams_go_on_too(up: Upstream, two: Upstream) -> None:
    """The one driver serves both."""
    up.script(BROKEN)
    two.script(stream(ROLE, LO, END, DONE))
    with (
        group(up, two, on_break="continue") as router,
        router.completion("g", MESSAGES, stream=True) as answer,
    ):
        assert "".join(one.delta.content or "" for piece in answer for one in piece.choices) == "hello"


# --- splice


async def test_splice(up: Upstream, two: Upstream) -> None:
    """The same request goes to another target; what it repeats is swallowed; its usage is the answer's."""
    up.script(BROKEN)
    hello = [chunk({"content": text}, id="c2") for text in ("he", "ll", "o")]
    two.script(stream(ROLE, *hello, chunk({}, "stop", usage=USAGE), DONE))
    async with group(up, two, on_break="splice") as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)
        text, chunks = await read(answer)
    assert text == "hello"
    assert {piece.id for piece in chunks} == {"c1"}
    assert chunks[-1].usage == USAGE
    assert two.seen[0].json == up.seen[0].json


@pytest.mark.parametrize(
    "other",
    [
        stream(ROLE, chunk({"content": "Hello"}), END, DONE),
        stream(ROLE, chunk({"content": "he"}), END, DONE),
        stream(ROLE, END, DONE),
    ],
    ids=["another text", "too short", "nothing"],
)
async def test_splice_that_differs(up: Upstream, two: Upstream, other: Any) -> None:
    """Any difference is an error at once: nobody else is asked, and no target's health suffers from it."""
    up.script(BROKEN, stream(ROLE, HEL, LO, END, DONE))
    two.script(other)
    async with group(up, two, on_break="splice", retries=3) as router:
        error = await interrupted(router, "hel")
        assert not router.engine.shared.health["p2/m"].failing
    assert (len(up.seen), len(two.seen)) == (1, 1)
    assert error.target == "p2/m"
    assert "differs" in error.provider_message


# --- buffer


async def test_buffer(up: Upstream, two: Upstream) -> None:
    """A break is not seen: another target answers, and only its answer is delivered, untouched."""
    up.script(BROKEN)
    two.script(stream(ROLE, LO, chunk({}, "stop", usage=USAGE), DONE))
    async with group(up, two, on_break="buffer") as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)
        assert [attempt.outcome for attempt in answer.routing.attempts] == ["connection", "ok"]
        text, chunks = await read(answer)
    assert (text, len(chunks)) == ("lo", 3)
    assert chunks[-1].usage == USAGE


async def test_buffer_goes_on_to_the_fallbacks(up: Upstream, two: Upstream) -> None:
    """The chain works until the stream has ended well; when all of it fails, the error is the chain's."""
    up.script(BROKEN)
    two.script(BROKEN)
    stream_policy = {"stream": {"on_break": "buffer"}, "retries": 0}
    models = {
        "g": {"targets": ["p1/m"], "fallbacks": ["h"], **stream_policy},
        "h": {"targets": ["p2/m"], **stream_policy},
    }
    async with open_router(up, two, models=models) as router:
        with pytest.raises(errors.ConnectionFailed) as caught:
            await router.acompletion("g", MESSAGES, stream=True)
    assert [attempt.target for attempt in caught.value.attempts] == ["p1/m", "p2/m"]


async def test_buffer_beyond_its_bound(up: Upstream, two: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than may be held is delivered as it comes, and breaks as with fail."""
    monkeypatch.setattr("router.attempt.HOLD_BYTES", 2000)
    pieces = [chunk({"content": f"{number} "}) for number in range(100)]
    up.script(stream(ROLE, *pieces, end="fin"))
    text = "".join(f"{number} " for number in range(100))
    async with group(up, two, on_break="buffer") as router:
        assert kinds(await interrupted(router, text)) == ["connection"]
    assert two.seen == []


@pytest.mark.parametrize(
    ("pieces", "settings"),
    [
        ((ROLE,), {"stream": {"first_chunk_timeout": "150ms"}}),
        ((ROLE, HEL), {"stream": {"idle_timeout": "150ms"}}),
        ((ROLE, HEL), {"attempt_timeout": "150ms"}),
        ((ROLE, HEL), {"timeout": "300ms"}),
    ],
    ids=["first chunk", "idle", "attempt", "timeout"],
)
async def test_buffer_times(
    up: Upstream, two: Upstream, pieces: tuple[bytes, ...], settings: dict[str, Any]
) -> None:
    """Before its end every time of a held stream leads to another target."""
    up.script(stream(*pieces, end="hang"))
    two.script(stream(ROLE, LO, END, DONE))
    async with group(up, two, on_break="buffer", **settings) as router:
        began = time.monotonic()
        assert await outcomes(router, "lo") == [("p1/m", "timeout"), ("p2/m", "ok")]
    assert 0.1 < time.monotonic() - began < 1


async def test_buffer_asks_bytez_for_the_whole_reply(up: Upstream, two: Upstream) -> None:
    """Its stream could not show an error: the reply comes whole, and is told in OpenAI's chunks."""
    output = {"role": "assistant", "content": [{"type": "text", "text": "hello"}]}
    usage = {"meter": "x"}
    up.script(reply(500, b"{}"), reply(200, {"error": None, "output": output, "usage": usage}))
    models = {
        "g": {
            "targets": ["bytez/org/name"],
            "stream": {"on_break": "buffer", "first_chunk_timeout": "10ms"},
        }
    }
    providers = {"bytez": {"base_url": up.root, "api_key": "env:CANARY"}}
    async with open_router(up, models=models, providers=providers) as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)
        text, chunks = await read(answer)
    assert text == "hello"
    assert [one.delta.role for piece in chunks for one in piece.choices] == ["assistant", None, None]
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert answer.routing.finish_reason == "assumed"
    assert [attempt.outcome for attempt in answer.routing.attempts] == ["server_error", "ok"]
    assert all(seen.json["stream"] is False for seen in up.seen)
    assert all(piece.object == "chat.completion.chunk" for piece in chunks)
    assert len({piece.id for piece in chunks}) == 1


async def test_buffer_of_a_plain_request(up: Upstream) -> None:
    """A request that is not streamed is as ever."""
    up.script(reply(200, completion("hello")))
    async with group(up, on_break="buffer") as router:
        answer = await router.acompletion("g", MESSAGES)
    assert answer.choices[0].message.content == "hello"


async def test_buffer_when_nothing_was_said(up: Upstream) -> None:
    """An answer without content is delivered as it is."""
    up.script(raw(SSE + framed(ROLE + END + DONE) + b"0\r\n\r\n", end="keep"))
    async with group(up, on_break="buffer") as router:
        assert await outcomes(router, "") == [("p1/m", "ok")]

"""Equal requests at once: one call, whoever leaves; nobody is held up by another's misfortune."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from router import RouterOptions, errors
from tests.faults.server import comes_true
from tests.library.caching import SAY, cached, text_of
from tests.library.upstream import (
    DONE,
    END,
    HANG,
    MESSAGES,
    OK,
    ROLE,
    Upstream,
    chunk,
    completion,
    open_router,
    reply,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from router import Router

BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])


def gated(gate: asyncio.Event, *, streamed: bool, then: Any = None) -> Callable[[Any], Any]:
    """An answer that comes when the gate opens; of a stream the first content comes before it."""

    async def script(exchange: Any) -> None:
        if streamed:
            await stream(ROLE, SAY, gate, chunk({"content": "!"}), END, DONE)(exchange)
            return
        await gate.wait()
        await (then or reply(200, completion("hi!")))(exchange)

    return script


async def asked(up: Upstream, times: int = 1) -> None:
    """Wait until the upstream was asked so often."""
    for _ in range(times):
        assert await asyncio.to_thread(up.asked.acquire, timeout=5)


async def answer(router: Router, *, streamed: bool, **options: Any) -> tuple[str, str]:
    """One request to its end: its text and what it says of the cache."""
    given = RouterOptions(**options)
    if not streamed:
        whole = await router.acompletion("g", MESSAGES, router=given)
        return whole.choices[0].message.content or "", whole.routing.cache
    told = await router.acompletion("g", MESSAGES, stream=True, router=given)
    return text_of([item async for item in told]), told.routing.cache


def begun(router: Router, count: int, *, streamed: bool) -> list[asyncio.Task[tuple[str, str]]]:
    """Requests that run at once; the first is the one that has the answer made."""
    return [asyncio.ensure_future(answer(router, streamed=streamed)) for _ in range(count)]


def idle(router: Router) -> bool:
    """Whether nothing is in the making, and no connection keeps a task."""
    kept = [task for connections in router._pools._by_loop.values() for task in connections._tasks]
    return len(router.engine.answers.flights) == 0 and not kept


@BOTH
async def test_equal_requests_at_once_make_one_call(up: Upstream, streamed: bool) -> None:
    """All get the whole answer; one of them made the call, and to the others it is a hit."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=streamed))
    router, _ = cached(up)
    async with router:
        tasks = begun(router, 10, streamed=streamed)
        await asked(up)
        await asyncio.sleep(0)
        up.release(gate)
        assert sorted(await asyncio.gather(*tasks)) == [("hi!", "hit")] * 9 + [("hi!", "miss")]
        assert len(up.seen) == 1
        assert idle(router)


async def test_a_late_reader_gets_the_stream_from_its_beginning(up: Upstream) -> None:
    """Who comes in the middle of a stream is told what came before, and then the rest."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=True))
    router, _ = cached(up)
    async with router:
        first = await router.acompletion("g", MESSAGES, stream=True)
        begin = [await anext(first), await anext(first)]
        late = await router.acompletion("g", MESSAGES, stream=True)
        assert (late.routing.cache, late.routing.target, late.routing.attempts) == ("hit", "p1/m", ())
        assert [await anext(late), await anext(late)] == begin
        up.release(gate)
        assert [item async for item in late] == [item async for item in first]
        assert len(up.seen) == 1


@BOTH
async def test_who_wants_something_else_makes_a_call_of_his_own(up: Upstream, streamed: bool) -> None:
    """Another caller, a request that may not take or keep, and a stream with other options."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=streamed))
    router, _ = cached(up)
    params = {"stream": True, "stream_options": {"include_usage": True}} if streamed else {"temperature": 1}
    async with router:
        tasks: list[asyncio.Task[Any]] = [
            asyncio.ensure_future(answer(router, streamed=streamed, **options))
            for options in ({}, {"caller": "a"}, {"cache": "off"}, {"cache": "refresh"})
        ]
        tasks.append(asyncio.ensure_future(router.acompletion("g", MESSAGES, **params)))
        await asked(up, 5)
        up.release(gate)
        await asyncio.gather(*tasks)


@BOTH
async def test_a_follower_that_leaves_disturbs_nobody(up: Upstream, streamed: bool) -> None:
    """The others are answered by the same call."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=streamed))
    router, _ = cached(up)
    async with router:
        tasks = begun(router, 3, streamed=streamed)
        await asked(up)
        tasks[1].cancel()
        await asyncio.wait([tasks[1]])
        up.release(gate)
        assert [await tasks[0], await tasks[2]] == [("hi!", "miss"), ("hi!", "hit")]
        assert len(up.seen) == 1


@BOTH
async def test_who_leads_and_leaves_hands_over(
    up: Upstream, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """The call goes on for those who wait, is kept, and is logged as the one of who left."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=streamed))
    router, _ = cached(up)
    caplog.set_level(logging.INFO, "router")
    async with router:
        tasks = begun(router, 3, streamed=streamed)
        await asked(up)
        tasks[0].cancel()
        await asyncio.wait([tasks[0]])
        assert tasks[0].cancelled()
        up.release(gate)
        assert await asyncio.gather(*tasks[1:]) == [("hi!", "hit")] * 2
        assert (await answer(router, streamed=streamed))[1] == "hit"
        assert len(up.seen) == 1
        lines = [vars(record) for record in caplog.records]
        outcomes = sorted((line["outcome"], line["attempts"]) for line in lines)
        assert outcomes == [("cancelled", 1), ("ok", 0), ("ok", 0), ("ok", 0)]


@BOTH
async def test_when_all_leave_the_call_is_stopped(up: Upstream, streamed: bool) -> None:
    """Its connection is closed, and nothing is left; the next one makes a new call."""
    up.script(stream(ROLE, SAY, end="hang") if streamed else HANG, OK)
    router, _ = cached(up)
    async with router:
        tasks = begun(router, 3, streamed=streamed)
        await asked(up)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert await comes_true(lambda: up.open == 0)
        assert idle(router)
        assert (await answer(router, streamed=False))[1] == "miss"


async def test_leaving_at_any_moment_leaves_nothing(up: Upstream) -> None:
    """Cancelled after any number of the loop's turns, one, two or three requests give back what they held."""
    up.script(OK)
    router, _ = cached(up)
    async with router:
        await answer(router, streamed=False, cache="off")  # A connection is open.
        for turns in range(25):
            for count in (1, 2, 3):
                router.engine.answers.forget()
                tasks = begun(router, count, streamed=False)
                for _ in range(turns):
                    await asyncio.sleep(0)
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks)
                assert await comes_true(lambda: idle(router))
                assert not router.engine.shared.loads.in_flight


@BOTH
async def test_after_a_failure_each_runs_its_own_chain(up: Upstream, streamed: bool) -> None:
    """Nobody gets another's error, and nobody waits for a third."""
    gate = asyncio.Event()
    up.script(
        gated(gate, streamed=False, then=reply(400, {"error": {"message": "no"}})),
        stream(ROLE, SAY, END, DONE) if streamed else OK,
    )
    router, _ = cached(up)
    async with router:
        tasks = begun(router, 4, streamed=streamed)
        await asked(up)
        await asyncio.sleep(0)
        up.release(gate)
        first, *others = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(first, errors.BadRequest)
        assert others == [("hi", "miss")] * 3
        assert len(up.seen) == 4
        assert (await answer(router, streamed=streamed))[1] == "hit"


async def test_a_stream_that_breaks_breaks_for_all_who_read_it(up: Upstream) -> None:
    """After content nobody can be given another answer; nothing is kept."""
    gate = asyncio.Event()
    up.script(stream(ROLE, SAY, gate, end="reset"))
    router, _ = cached(up)
    async with router:
        streams = [await router.acompletion("g", MESSAGES, stream=True) for _ in range(3)]
        up.release(gate)
        for told in streams:
            with pytest.raises(errors.StreamInterrupted):
                _ = [item async for item in told]
            assert await anext(told, None) is None
        assert len(up.seen) == 1
        assert await comes_true(lambda: idle(router))
        assert len(router.engine.answers.memory) == 0


async def test_nobody_waits_past_his_own_deadline(up: Upstream) -> None:
    """Who may wait less than the one that leads gives up by himself, and the other is answered."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=False))
    router, _ = cached(up)
    async with router:
        first = asyncio.ensure_future(answer(router, streamed=False))
        await asked(up)
        began = time.monotonic()
        with pytest.raises(errors.Timeout) as caught:
            await answer(router, streamed=False, timeout=0.05)
        assert time.monotonic() - began < 1
        assert caught.value.attempts == ()
        up.release(gate)
        assert await first == ("hi!", "miss")


async def test_the_time_of_who_follows_runs_from_his_arrival(up: Upstream) -> None:
    """When the one who leads fails, those who follow have what is left of their own time, and no more."""
    up.script(HANG)
    router, _ = cached(up)
    async with router:
        began = time.monotonic()
        first = asyncio.ensure_future(answer(router, streamed=False, timeout=0.2))
        await asked(up)
        with pytest.raises(errors.Timeout) as caught:
            await answer(router, streamed=False, timeout=0.5)
        assert time.monotonic() - began < 1.5
        assert len(caught.value.attempts) == 1
        with pytest.raises(errors.Timeout):
            await first


async def test_a_reader_who_does_not_read_holds_nobody_up(up: Upstream) -> None:
    """He is cut off when he is too far behind; the others read on, he gets an error."""
    piece = chunk({"content": "x" * 60_000})
    up.script(stream(ROLE, *[piece] * 100, END, DONE))
    router, _ = cached(up)
    async with router:
        first = await router.acompletion("g", MESSAGES, stream=True)
        slow = await router.acompletion("g", MESSAGES, stream=True)
        assert len(text_of([item async for item in first])) == 6_000_000
        with pytest.raises(errors.StreamInterrupted, match="too slowly"):
            _ = [item async for item in slow]
        assert len(router.engine.answers.memory) == 0
        assert len(up.seen) == 1


async def test_who_leads_is_never_cut_off(up: Upstream) -> None:
    """However late it reads, it reads the whole; the others wait for it."""
    piece = chunk({"content": "x" * 60_000})
    up.script(stream(ROLE, *[piece] * 100, END, DONE))
    router, _ = cached(up)
    async with router:
        first = await router.acompletion("g", MESSAGES, stream=True)
        fast = asyncio.ensure_future(answer(router, streamed=True))
        await asyncio.sleep(0.3)
        assert not fast.done()
        assert len(text_of([item async for item in first])) == 6_000_000
        assert len((await fast)[0]) == 6_000_000


def test_loops_share_a_call(up: Upstream) -> None:
    """One request in the background loop, one in a loop of its own: one call."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=True))
    router, _ = cached(up)
    with router:
        first = router.completion("g", MESSAGES, stream=True)
        opened = threading.Event()

        async def elsewhere() -> tuple[str, str]:
            told = await router.acompletion("g", MESSAGES, stream=True)
            begin = await anext(told)
            opened.set()
            return text_of([begin, *[item async for item in told]]), told.routing.cache

        got: list[Any] = []
        thread = threading.Thread(target=lambda: got.append(asyncio.run(elsewhere())))
        thread.start()
        assert opened.wait(5)
        up.release(gate)
        assert text_of(list(first)) == "hi!"
        thread.join(5)
    assert got == [("hi!", "hit")]
    assert len(up.seen) == 1


async def test_the_last_to_leave_stops_a_call_of_another_loop(up: Upstream) -> None:
    """Who led has left it to him; the upstream is closed from afar."""
    up.script(stream(ROLE, SAY, end="hang"))
    router, _ = cached(up)
    async with router:
        first = await router.acompletion("g", MESSAGES, stream=True)
        late = await asyncio.to_thread(router.completion, "g", MESSAGES, stream=True)
        assert late.routing.cache == "hit"
        await first.aclose()
        assert up.open == 1
        await asyncio.to_thread(late.close)
        assert await comes_true(lambda: up.open == 0)
        assert await comes_true(lambda: idle(router))


@BOTH
def test_a_loop_that_ends_takes_nobody_along(up: Upstream, streamed: bool) -> None:
    """When the loop that makes the answer is closed, who follows elsewhere makes a call of his own."""
    up.script(HANG, stream(ROLE, SAY, END, DONE) if streamed else OK)
    router, _ = cached(up)

    async def leading() -> None:
        task = asyncio.ensure_future(answer(router, streamed=streamed))
        await asked(up)
        follows.set()
        assert await comes_true(lambda: len(readers()) == 2)
        assert not task.done()  # asyncio.run cancels it.

    def readers() -> set[Any]:
        return {reader for cast in router.engine.answers.flights._by_key.values() for reader in cast._readers}

    follows = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(leading()))
    with router:
        thread.start()
        assert follows.wait(5)
        if streamed:
            told = router.completion("g", MESSAGES, stream=True)
            assert (text_of(list(told)), told.routing.cache) == ("hi", "miss")
        else:
            assert router.completion("g", MESSAGES).routing.cache == "miss"
        thread.join(5)
    assert len(up.seen) == 2


@BOTH
async def test_closing_the_router_ends_every_wait(up: Upstream, streamed: bool) -> None:
    """Who leads and who follow are told so at once."""
    up.script(HANG)
    router, _ = cached(up)
    tasks = begun(router, 3, streamed=streamed)
    await asked(up)
    await router.aclose()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(error, errors.RouterClosed)


async def test_stale_answers_for_all_who_waited(up: Upstream) -> None:
    """Each falls back on the kept answer when its own chain has failed too."""
    gate = asyncio.Event()
    up.script(OK)
    router, clock = cached(up, ttl="1s", stale_if_error="1h")
    async with router:
        await answer(router, streamed=False)
        clock.now += 2
        up.script(gated(gate, streamed=False, then=reply(400, {})), reply(500, {}))
        first, *others = begun(router, 3, streamed=False)
        await asked(up, 2)
        await asyncio.sleep(0)
        up.release(gate)
        with pytest.raises(errors.BadRequest):
            await first
        assert await asyncio.gather(*others) == [("hi", "stale")] * 2


async def test_an_answer_that_was_kept_meanwhile_is_a_hit(up: Upstream) -> None:
    """A plain request fails after a stream of the same was answered: nothing is stale about what it gets."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=False, then=reply(500, {})))
    router, _ = cached(up, ttl="1h")
    async with router:
        (first,) = begun(router, 1, streamed=False)
        await asked(up)
        up.script(stream(ROLE, SAY, END, DONE))
        assert await answer(router, streamed=True) == ("hi", "miss")
        up.script(reply(500, {}))
        up.release(gate)
        assert await first == ("hi", "hit")


async def test_a_request_that_comes_as_the_answer_is_kept_takes_it(up: Upstream) -> None:
    """Between the look into memory and the call it is looked once more."""
    up.script(OK)
    router, _ = cached(up)
    async with router:
        get = router.engine.answers.memory.get
        misses = [None]
        router.engine.answers.memory.get = (  # type: ignore[method-assign]  # the first look misses
            lambda key, **more: misses.pop() if misses else get(key, **more)
        )
        await answer(router, streamed=False)
        misses.append(None)
        assert (await answer(router, streamed=False))[1] == "hit"
        misses.append(None)
        assert await answer(router, streamed=True) == ("hi", "hit")
        assert len(up.seen) == 1


async def test_a_bug_is_told_to_who_met_it(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is no answer's reaches the one who leads; the others try for themselves."""
    gate = asyncio.Event()
    up.script(gated(gate, streamed=False), OK)
    router, _ = cached(up)
    async with router:
        first, second = begun(router, 2, streamed=False)
        await asked(up)
        await asyncio.sleep(0)
        bugs = [ZeroDivisionError("a bug")]
        parse = router.engine.adapters["p1"].parse  # type: ignore[attr-defined]  # the OpenAI adapter's

        def broken(*args: Any) -> Any:
            if bugs:
                raise bugs.pop()
            return parse(*args)

        monkeypatch.setattr(router.engine.adapters["p1"], "parse", broken)
        up.release(gate)
        with pytest.raises(ZeroDivisionError):
            await first
        assert await second == ("hi", "miss")


def test_a_held_stream_is_shared_too(up: Upstream) -> None:
    """With `on_break: buffer` all wait for the end, and get the whole at once."""
    up.script(stream(ROLE, SAY, END, DONE))
    with open_router(up, defaults={"cache": {}, "stream": {"on_break": "buffer"}}) as router:
        first = router.completion("g", MESSAGES, stream=True)
        assert text_of(list(first)) == "hi"
        again = router.completion("g", MESSAGES, stream=True)
        assert (text_of(list(again)), again.routing.cache) == ("hi", "hit")


async def test_a_stream_that_another_task_closes_just_ends(up: Upstream) -> None:
    """For who waits for its next piece, whether he leads or follows."""
    up.script(stream(ROLE, SAY, end="hang"))
    router, _ = cached(up)
    async with router:
        for _ in range(2):
            streams = [await router.acompletion("g", MESSAGES, stream=True) for _ in range(2)]
            for told in reversed(streams):
                waits = asyncio.ensure_future(_text(told))
                await asyncio.sleep(0.01)
                await told.aclose()
                assert await waits == "hi"
            assert await comes_true(lambda: idle(router))


async def _text(told: Any) -> str:
    return text_of([item async for item in told])


async def test_closing_the_router_ends_streams_too(up: Upstream) -> None:
    """Who reads is told so, and nobody waits on."""
    up.script(stream(ROLE, SAY, end="hang"))
    router, _ = cached(up)
    streams = [await router.acompletion("g", MESSAGES, stream=True) for _ in range(2)]
    waits = [asyncio.ensure_future(_text(told)) for told in streams]
    await asyncio.sleep(0.01)
    await router.aclose()
    for error in await asyncio.gather(*waits, return_exceptions=True):
        assert error == "hi" or isinstance(error, errors.RouterClosed | errors.StreamInterrupted)


def test_a_loop_that_dies_is_noticed(up: Upstream) -> None:
    """A stream whose loop nobody runs any more breaks after its group's own patience."""
    up.script(stream(ROLE, SAY, end="hang"))
    quick = {"cache": {}, "timeout": "300ms", "stream": {"idle_timeout": "100ms"}}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with open_router(up, defaults=quick) as router:
        opening = router.acompletion("g", MESSAGES, stream=True)
        first = asyncio.run_coroutine_threadsafe(opening, loop).result(5)
        told = router.completion("g", MESSAGES, stream=True)
        assert told.routing.cache == "hit"
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        tasks = asyncio.all_tasks(loop)
        with pytest.raises(errors.StreamInterrupted):
            list(told)
        loop.run_until_complete(first.aclose())
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.close()


def test_a_forked_child_begins_anew(up: Upstream) -> None:
    """Whatever its parent's threads were doing: what they held locked is not waited for."""
    up.script(OK)
    router, _ = cached(up)
    with router:
        router.completion("g", MESSAGES)
        held = router.engine.answers
        locks = (held.memory._lock, held.flights._lock)
        for lock in locks:
            lock.acquire()
        router.engine.process = -1
        assert router.completion("g", MESSAGES).routing.cache == "miss"
        assert router.completion("g", MESSAGES).routing.cache == "hit"

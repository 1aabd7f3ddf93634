from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from router import errors, loops
from tests.library.upstream import (
    DONE,
    END,
    HANG,
    KEY,
    MESSAGES,
    OK,
    ROLE,
    Upstream,
    chunk,
    config,
    open_router,
    reply,
    stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SAY = chunk({"content": "hel"})
GOOD = stream(ROLE, SAY, END, DONE)
ENDLESS = stream(ROLE, SAY, end="hang")


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.002)


def sync_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "router-sync"]


def sockets() -> int:
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return count


@pytest.fixture(autouse=True)
def no_leaks() -> Any:
    """No test leaves the background thread running."""
    yield
    gc.collect()
    until(lambda: not sync_threads())


# --- synchronous calls


def test_sync_call(up: Upstream) -> None:
    """A synchronous call answers like the asynchronous one."""
    up.script(OK)
    with open_router(up) as router:
        assert router.completion("g", MESSAGES).choices[0].message.content == "hi"


def test_sync_stream(up: Upstream) -> None:
    """A synchronous stream gives its chunks and closes twice without harm."""
    up.script(GOOD)
    with open_router(up) as router:
        with router.completion("g", MESSAGES, stream=True) as answer:
            assert [piece.choices[0].delta.content for piece in answer] == ["", "hel", None]
        answer.close()
        assert answer.routing.target == "p1/m"


def test_many_threads(up: Upstream) -> None:
    """Calls from many threads at once all answer, on one background thread, which goes with the router."""
    up.script(OK)
    results = []
    with open_router(up) as router:
        start = threading.Barrier(16)

        def ask() -> None:
            start.wait()
            results.append(router.completion("g", MESSAGES).choices[0].message.content)

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(sync_threads()) == 1
    assert results == ["hi"] * 16
    assert sync_threads() == []


async def test_sync_call_inside_a_running_loop(up: Upstream) -> None:
    """completion() works in the thread of a running loop; it blocks it, no more."""
    up.script(OK)
    router = open_router(up)
    assert router.completion("g", MESSAGES).choices[0].message.content == "hi"
    assert (await router.acompletion("g", MESSAGES)).choices[0].message.content == "hi"
    await router.aclose()


async def test_sync_call_inside_the_routers_own_loop(up: Upstream) -> None:
    """A call that would wait for itself says so."""
    up.script(OK)
    with open_router(up) as router:
        router.completion("g", MESSAGES)

        async def inside() -> None:
            router.completion("g", MESSAGES)

        with pytest.raises(RuntimeError, match="would wait for itself"):
            loops.background().run(inside())


def test_interrupt_cancels_upstream(up: Upstream) -> None:
    """Ctrl-C in a synchronous call closes the upstream connection."""
    up.script(HANG)
    with open_router(up) as router:

        def interrupt() -> None:
            until(lambda: up.seen)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            router.completion("g", MESSAGES)
        thread.join()
        assert up.left.wait(5)


# --- loops


def test_a_loop_per_call(up: Upstream) -> None:
    """asyncio.run again and again works with one router, and keeps no socket of a finished loop."""
    up.script(OK)
    before = sockets()
    with open_router(up) as router:
        for _ in range(3):
            assert asyncio.run(router.acompletion("g", MESSAGES)).choices[0].message.content == "hi"
            until(lambda: up.open == 0)
        assert len(router._pools._by_loop) == 1
    assert up.connections == 3
    assert sockets() <= before


def test_loop_closed_between_calls_is_forgotten(up: Upstream) -> None:
    """A loop that was closed without asyncio.run's care is dropped when the next one comes."""
    up.script(OK)
    with open_router(up) as router:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(router.acompletion("g", MESSAGES))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        asyncio.run(router.acompletion("g", MESSAGES))
        assert loop not in router._pools._by_loop


def test_close_while_a_loop_pauses(up: Upstream) -> None:
    """close() also closes what a loop holds that is not running just now."""
    up.script(OK)
    router = open_router(up)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(router.acompletion("g", MESSAGES))
    assert up.open == 1
    router.close()
    until(lambda: up.open == 0)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def test_close_inside_the_loop(up: Upstream) -> None:
    """close() inside a running loop closes its sockets at the loop's next turns."""
    up.script(OK)
    router = open_router(up)
    await router.acompletion("g", MESSAGES)
    assert up.open == 1
    router.close()
    await asyncio.to_thread(until, lambda: up.open == 0)


async def test_close_from_another_thread(up: Upstream) -> None:
    """close() in one thread closes what a loop running in another holds."""
    up.script(OK)
    router = open_router(up)
    await router.acompletion("g", MESSAGES)
    assert up.open == 1
    await asyncio.to_thread(router.close)
    await asyncio.to_thread(until, lambda: up.open == 0)


async def test_aclose_closes_every_loop(up: Upstream) -> None:
    """aclose() also closes what the background loop and a loop at rest hold."""
    up.script(OK)
    router = open_router(up)
    await router.acompletion("g", MESSAGES)
    await asyncio.to_thread(router.completion, "g", MESSAGES)
    assert up.open == 2
    await router.aclose()
    await asyncio.to_thread(until, lambda: up.open == 0)


@pytest.mark.parametrize("how", ["close", "aclose"])
async def test_a_busy_loop_does_not_hold_up_closing(
    up: Upstream, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that is blocked is not waited for for ever; its sockets go when it is free again."""
    monkeypatch.setattr(loops, "_CLOSE_S", 0.05)
    up.script(OK)
    router = open_router(up)
    blocked, free = threading.Event(), threading.Event()

    async def block() -> None:
        await router.acompletion("g", MESSAGES)
        blocked.set()
        free.wait(10)
        await asyncio.to_thread(until, lambda: up.open == 0)

    thread = threading.Thread(target=lambda: asyncio.run(block()))
    thread.start()
    await asyncio.to_thread(blocked.wait, 10)
    if how == "close":
        await asyncio.to_thread(router.close)
    else:
        await router.aclose()
    assert up.open == 1
    free.set()
    await asyncio.to_thread(thread.join, 10)
    assert up.open == 0


# --- dropped streams


async def test_stream_left_half_way(up: Upstream) -> None:
    """break closes the upstream connection as soon as the stream is forgotten."""
    up.script(ENDLESS)
    async with open_router(up) as router:
        async for _ in await router.acompletion("g", MESSAGES, stream=True):
            break
        assert await asyncio.to_thread(up.left.wait, 5)


async def test_stream_never_iterated(up: Upstream) -> None:
    """A stream that nobody reads is closed when it is forgotten."""
    up.script(ENDLESS)
    async with open_router(up) as router:
        await router.acompletion("g", MESSAGES, stream=True)
        assert await asyncio.to_thread(up.left.wait, 5)


async def test_stream_in_a_cycle(up: Upstream) -> None:
    """A stream that only the collector finds is closed by it."""
    up.script(ENDLESS)
    async with open_router(up) as router:
        answer: Any = await router.acompletion("g", MESSAGES, stream=True)
        cycle = [answer]
        cycle.append(cycle)
        del answer, cycle
        assert not up.left.is_set()
        gc.collect()
        assert await asyncio.to_thread(up.left.wait, 5)


async def test_stream_forgotten_in_another_thread(up: Upstream) -> None:
    """A stream whose last reference dies in another thread is closed in its own loop."""
    up.script(ENDLESS)
    async with open_router(up) as router:
        held: list[Any] = [await router.acompletion("g", MESSAGES, stream=True)]
        await asyncio.to_thread(held.clear)
        assert await asyncio.to_thread(up.left.wait, 5)


async def test_stream_closed_by_hand(up: Upstream) -> None:
    """aclose() ends it: nothing more comes, twice is fine, no task is left."""
    up.script(ENDLESS)
    async with open_router(up) as router:
        async with await router.acompletion("g", MESSAGES, stream=True) as answer:
            pass
        await answer.aclose()
        assert [piece async for piece in answer] == []
        assert await asyncio.to_thread(up.left.wait, 5)
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_stream_closed_while_it_is_read(up: Upstream) -> None:
    """Closed by one task while another waits for it, a stream simply ends."""
    up.script(ENDLESS)
    async with open_router(up) as router:
        answer = await router.acompletion("g", MESSAGES, stream=True)

        async def read() -> int:
            return len([piece async for piece in answer])

        task = asyncio.create_task(read())
        await asyncio.sleep(0.02)
        await answer.aclose()
        assert await task == 2


def test_sync_stream_dropped(up: Upstream) -> None:
    """A synchronous stream left half-way is closed when it is forgotten."""
    up.script(ENDLESS)
    with open_router(up) as router:
        for _ in router.completion("g", MESSAGES, stream=True):
            break
        assert up.left.wait(5)


def test_sync_stream_holds_its_router(up: Upstream) -> None:
    """A stream can be read to its end although the router was forgotten."""
    up.script(GOOD)
    answer = open_router(up).completion("g", MESSAGES, stream=True)
    gc.collect()
    assert len(list(answer)) == 3
    del answer


def test_stream_outlives_its_loop(up: Upstream) -> None:
    """A stream that is forgotten after asyncio.run has ended is no trouble."""
    up.script(ENDLESS)
    router = open_router(up)
    answer = asyncio.run(router.acompletion("g", MESSAGES, stream=True))
    assert up.left.wait(5)
    del answer
    router.close()


# --- closing


async def test_closed_router_refuses(up: Upstream) -> None:
    """After close every call raises RouterClosed; closing again is fine."""
    up.script(OK)
    router = open_router(up)
    router.close()
    await router.aclose()
    with pytest.raises(errors.RouterClosed):
        await router.acompletion("g", MESSAGES)
    with pytest.raises(errors.RouterClosed):
        router.completion("g", MESSAGES)
    with pytest.raises(errors.RouterClosed):
        router.completion("g", MESSAGES, stream=True)


async def test_closing_frees_everything(up: Upstream) -> None:
    """After aclose() sockets, threads and tasks are as before, whatever was going on."""
    up.script(ENDLESS)
    tasks, threads, before = asyncio.all_tasks(), threading.active_count(), sockets()
    router = open_router(up)
    streams = [await router.acompletion("g", MESSAGES, stream=True) for _ in range(3)]
    sync = await asyncio.to_thread(router.completion, "g", MESSAGES, stream=True)
    await router.aclose()
    assert asyncio.all_tasks() == tasks
    await asyncio.to_thread(until, lambda: up.open == 0)
    assert sync_threads() == []
    assert threading.active_count() <= threads + 2  # to_thread keeps its own, one for each call.
    await asyncio.to_thread(until, lambda: sockets() <= before)
    assert [piece async for piece in streams[0]] == []
    sync.close()
    with pytest.raises(errors.RouterClosed):
        next(sync)


async def test_requests_in_flight_when_closing(up: Upstream) -> None:
    """Requests that wait for an answer fail with RouterClosed when their router is closed."""
    up.script(HANG)
    router = open_router(up)
    task = asyncio.create_task(router.acompletion("g", MESSAGES))
    thread = asyncio.create_task(asyncio.to_thread(router.completion, "g", MESSAGES))
    await asyncio.to_thread(until, lambda: len(up.seen) == 2)
    await router.aclose()
    for waiting in (task, thread):
        with pytest.raises(errors.RouterClosed):
            await waiting


def test_sync_wait_is_ended_by_closing(up: Upstream) -> None:
    """A synchronous call that waits before its next attempt ends when the router is closed."""
    up.script(reply(429, b"{}", {"retry-after": "4"}))
    router = open_router(up)
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            router.completion("g", MESSAGES)
        except BaseException as exc:  # noqa: BLE001 - to be looked at in the test's own thread
            caught.append(exc)

    thread = threading.Thread(target=ask)
    thread.start()
    until(lambda: up.seen)
    router.close()
    thread.join(3)
    assert [type(exc) for exc in caught] == [errors.RouterClosed]


def test_two_routers_share_nothing(up: Upstream, two: Upstream) -> None:
    """Closing one router leaves the other's connections, turns and background loop alone."""
    up.script(OK)
    two.script(OK)
    one, other = open_router(up), open_router(two)
    assert one.engine.shared is not other.engine.shared
    one.completion("g", MESSAGES)
    other.completion("g", MESSAGES)
    one.close()
    other.completion("g", MESSAGES)
    assert two.connections == 1
    assert len(sync_threads()) == 1
    other.close()


def test_forgotten_router(up: Upstream) -> None:
    """A router that nobody closed frees its sockets and its thread when it is collected."""
    up.script(OK)
    router = open_router(up)
    router.completion("g", MESSAGES)
    watch = weakref.ref(router)
    del router
    gc.collect()
    assert watch() is None
    until(lambda: up.open == 0)


def test_close_races_with_first_calls(up: Upstream) -> None:
    """However closing and first calls meet, every call answers or is refused, and no thread stays."""
    up.script(OK)
    for _ in range(20):
        router = open_router(up)
        start = threading.Barrier(4)
        ended: list[str] = []

        def ask(router: Any = router, start: threading.Barrier = start, ended: list[str] = ended) -> None:
            start.wait()
            try:
                router.completion("g", MESSAGES)
            except errors.RouterClosed:
                ended.append("closed")
            else:
                ended.append("ok")

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        start.wait()
        router.close()
        for thread in threads:
            thread.join(5)
        assert len(ended) == 3
        assert sync_threads() == []


# --- fork


@pytest.mark.filterwarnings("ignore:[tT]his process")  # It gives way to httpx2; and Python warns of threads.
def test_fork(up: Upstream) -> None:
    """A forked child makes its own calls and ends well; the parent's go on."""
    up.script(OK)
    with open_router(up) as router:
        router.completion("g", MESSAGES)
        asyncio.run(router.acompletion("g", MESSAGES))
        child = os.fork()
        if child == 0:
            good = False
            try:
                good = router.completion("g", MESSAGES).choices[0].message.content == "hi"
                good = good and bool(asyncio.run(router.acompletion("g", MESSAGES)).choices)
                router.close()
                good = good and not sync_threads()
            finally:
                os._exit(0 if good else 1)
        status = _wait(child)
        assert status == 0
        assert router.completion("g", MESSAGES).choices[0].message.content == "hi"
    assert up.seen[-1].connection == 1  # The parent's own connection, untouched by the child.


@pytest.mark.filterwarnings("ignore:[tT]his process")  # It gives way to httpx2; and Python warns of threads.
def test_fork_while_locks_are_held(up: Upstream) -> None:
    """A child forked while another thread holds our locks is not stuck."""
    up.script(OK)
    with open_router(up) as router:
        router.completion("g", MESSAGES)
        held, done = threading.Event(), threading.Event()

        def hold() -> None:
            with router.engine.lock.lock, router._opening.lock, loops.background()._lock:
                held.set()
                done.wait(10)

        thread = threading.Thread(target=hold)
        thread.start()
        held.wait(10)
        child = os.fork()
        if child == 0:
            good = False
            try:
                router.completion("g", MESSAGES)
                router.close()
                del router
                gc.collect()
                good = True
            finally:
                os._exit(0 if good else 1)
        done.set()
        thread.join()
        assert _wait(child) == 0


def _wait(child: int) -> int:
    deadline = time.monotonic() + 10
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            pytest.fail("the child is stuck")
        time.sleep(0.005)


# --- whole programs


def program(up: Upstream, body: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """Run *body* in a fresh interpreter that shows every warning as an error."""
    head = f"""
    import asyncio, gc, logging, os, sys
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # Not its warnings of a slow machine.
    from router import Router
    from router.config import RouterConfig
    MESSAGES = {MESSAGES!r}
    def make(): return Router(RouterConfig(**{config(up)!r}))
    """
    source = textwrap.dedent(head) + textwrap.dedent(body)
    environment = {**os.environ, "CANARY": KEY}
    environment.pop("COVERAGE_PROCESS_CONFIG", None)  # Tracing takes twice the time, to show one line more.
    root = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, *flags, "-c", source],
        capture_output=True,
        text=True,
        env=environment,
        cwd=root,
        timeout=30,
        check=False,
    )


PROGRAMS = {
    "a loop per call": """
        with make() as router:
            for _ in range(3):
                asyncio.run(router.acompletion("g", MESSAGES))
        """,
    "streams dropped": """
        async def main():
            async with make() as router:
                async for _ in await router.acompletion("g", MESSAGES, stream=True): break
                await router.acompletion("g", MESSAGES, stream=True)
        asyncio.run(main())
        """,
    "router never closed": """
        router = make()
        router.completion("g", MESSAGES)
        asyncio.run(router.acompletion("g", MESSAGES))
        """,
    "stream never closed": """
        router = make()
        answer = router.completion("g", MESSAGES, stream=True)
        next(answer)
        async def main():
            global held
            held = await router.acompletion("g", MESSAGES, stream=True)
            await anext(held)
        asyncio.run(main())
        """,
    "router collected in a loop": """
        async def main():
            router = make()
            await router.acompletion("g", MESSAGES)
            del router
            gc.collect()
            await asyncio.sleep(0.02)
        asyncio.run(main())
        """,
    "cancelled": """
        async def main():
            async with make() as router:
                for turns in range(0, 60, 3):
                    task = asyncio.ensure_future(router.acompletion("g", MESSAGES, stream=True))
                    for _ in range(turns): await asyncio.sleep(0)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("body", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_programs_end_quietly(up: Upstream, body: str) -> None:
    """However a program uses and leaves a router, it prints nothing, exits with 0, in time."""

    async def script(exchange: Any) -> None:
        await (stream(ROLE, SAY, END, DONE) if exchange.seen.json.get("stream") else OK)(exchange)

    up.script(script)
    began = time.monotonic()
    ran = program(up, body, "-X", "dev", "-W", "error")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("leave", ["sys.exit(0)", "router.close(); sys.exit(0)", "os._exit(0)"])
def test_forked_program_ends_quietly(up: Upstream, leave: str) -> None:
    """A forked child that ends like any program says nothing either, but once that it fell back on httpx2.

    Without -X dev: what the child inherited and must not touch would count as unclosed. And without what
    Python 3.12 and newer say themselves of a fork of any program with threads.
    """
    up.script(OK)
    body = f"""
        router = make()
        router.completion("g", MESSAGES)
        if os.fork() == 0:
            router.completion("g", MESSAGES)
            {leave}
        assert os.wait()[1] == 0
        router.completion("g", MESSAGES)
        """
    ran = program(up, body, "-W", "ignore:This process (pid=:DeprecationWarning")
    assert (ran.returncode, ran.stdout) == (0, "")
    (warning, _line) = ran.stderr.splitlines()
    assert "RuntimeWarning: this process was forked" in warning


def test_import_is_cheap() -> None:
    """``import router`` loads none of the heavy libraries."""
    code = "import sys, router; print(sorted({'pydantic', 'httpx2', 'yaml', 'structlog'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"

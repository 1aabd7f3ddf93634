"""Lanes: numbered, reused, bounded, and broken off without touching any other socket."""

from __future__ import annotations

import asyncio
import gc
import itertools
import random
import socket
from typing import TYPE_CHECKING

import pytest

from router.transport import lanes as module
from router.transport import sockets
from router.transport.base import TransportSettings
from router.transport.lanes import Lane, Lanes, Numbers
from router.transport.pyreqwest import PyreqwestTransport
from tests.faults.server import comes_true, descriptors
from tests.library.upstream import HANG, OK, framed, raw
from tests.transport.kit import CHUNKED, asked, fails, in_use, post, soon, wait_until

if TYPE_CHECKING:
    from tests.library.upstream import Exchange, Upstream

PLAIN = TransportSettings(https=False, connect_timeout_s=1)


def test_numbers() -> None:
    """No two are alike until one is given back."""
    numbers = Numbers()
    assert [numbers.take() for _ in range(3)] == [1, 2, 3]
    numbers.give_back(2)
    assert [numbers.take(), numbers.take()] == [2, 4]


def test_a_dropped_lane_gives_its_number_back() -> None:
    """Numbers are bounded by the lanes alive."""
    first = Lane(PLAIN)
    number = first.number
    assert Lane(PLAIN).number != number
    del first
    assert number in {Lane(PLAIN).number for _ in range(len(module._NUMBERS._free) + 1)}


async def test_last_given_back_is_first_taken() -> None:
    """So that few connections stay warm; what is kept is bounded."""
    lanes = Lanes(PLAIN)
    taken = [await lanes.take(soon()) for _ in range(module._KEEP + 5)]
    for lane in taken:
        lanes.give_back(lane, kept=True)
    assert len(lanes._idle) == module._KEEP
    assert await lanes.take(soon()) is taken[module._KEEP - 1]
    assert len({lane.number for lane in taken}) == len(taken)


async def test_a_cancel_looks_at_few_descriptors(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks a request off on a kept connection costs the same however many descriptors are open."""
    up.script(OK, HANG)
    transport = PyreqwestTransport(PLAIN)
    await asked(transport, post(up.url))
    monkeypatch.setattr(sockets, "_walk", lambda: pytest.fail("it looked at all"))
    task = asyncio.create_task(transport.send(post(up.url), soon()))
    await asyncio.to_thread(wait_until, lambda: len(up.seen) == 2)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    monkeypatch.undo()
    assert await asyncio.to_thread(up.left.wait, 5)
    assert up.connections == 1
    await transport.aclose()


@pytest.mark.parametrize("guess", [0, 100_000])
async def test_a_connection_far_from_where_it_was_to_be(
    up: Upstream, guess: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found all the same, so that what breaks on it when it is kept is sent again."""
    monkeypatch.setattr(sockets, "next_descriptor", lambda: guess)
    monkeypatch.setattr(module, "_PLACES", sockets.Places())
    held = [socket.socket() for _ in range(sockets._NEAR)]
    up.script(OK, raw(b""), OK)
    transport = PyreqwestTransport(PLAIN)
    assert (await asked(transport, post(up.url)))[0] == 200
    assert (await asked(transport, post(up.url)))[0] == 200
    assert [seen.connection for seen in up.seen] == [1, 1, 2]
    await transport.aclose()
    for one in held:
        one.close()


async def test_a_connection_about_to_go_is_not_used(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that its upstream closed, which pyreqwest may not know: the request goes out once, elsewhere."""
    up.script(OK, raw(b""))
    transport = PyreqwestTransport(PLAIN)
    await asked(transport, post(up.url))
    (kept,) = transport._lanes._idle
    monkeypatch.setattr(sockets, "state", lambda _descriptor, _number: 8)
    await fails(transport, up.url)
    assert [seen.connection for seen in up.seen] == [1, 2]
    assert kept in transport._lanes._idle
    await transport.aclose()


class _Clock:
    """A loop's clock and its one timer."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[float] = []

    def time(self) -> float:
        return self.now

    def call_at(self, at: float, *_call: object) -> asyncio.TimerHandle | None:
        self.timers.append(at)
        return None


async def test_looks_grow_rarer() -> None:
    """A request left while it connected is looked for soon, then ever more seldom, and in the end no more."""
    lanes, clock = Lanes(PLAIN), _Clock()
    lane = await lanes.take(soon())
    lanes._leaving[lane.number] = module._Left(lane, until=6.0, at=0.0)
    while lanes._leaving:
        lanes._look(clock)  # type: ignore[arg-type] # It has what is used of a loop.
        clock.now = clock.timers[-1]
    gaps = [round(b - a, 3) for a, b in itertools.pairwise([0.0, *clock.timers])]
    assert gaps[:5] == [0.05, 0.1, 0.2, 0.4, 0.4]
    assert max(gaps) == 0.4
    assert 6.0 < clock.now < 6.5


async def test_random_cancels_leak_nothing(up: Upstream) -> None:
    """After hundreds of requests left at random moments: no connection, descriptor, task, lane or number."""
    draw = random.Random(7)

    async def script(exchange: Exchange) -> None:
        await draw.choice((OK, HANG, raw(CHUNKED + framed(b"x"), end="hang"), raw(b"HTTP/1.1 200")))(exchange)

    up.script(script)
    transport = PyreqwestTransport(PLAIN)
    await asked_once(transport, up, OK)
    gc.collect()
    before = descriptors()
    up.script(script)
    for _ in range(20):
        await leave_twenty(transport, up.url, draw)
    assert transport._lanes._busy == set()
    await asyncio.to_thread(wait_until, lambda: up.open <= len(transport._lanes._idle))
    assert await comes_true(lambda: transport._lanes._leaving == {})
    await asked_once(transport, up, OK)
    await transport.aclose()
    await asyncio.to_thread(wait_until, lambda: up.open == 0)
    assert await comes_true(lambda: descriptors() <= before), (before, descriptors())
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def leave_twenty(transport: PyreqwestTransport, url: str, draw: random.Random) -> None:
    tasks = [asyncio.create_task(asked(transport, post(url), whole=draw.random() < 0.5)) for _ in range(20)]
    for task in draw.sample(tasks, len(tasks)):
        await asyncio.sleep(draw.choice((0, 0, 0.001, 0.003)))
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def asked_once(transport: PyreqwestTransport, up: Upstream, script: object) -> None:
    up.script(script)  # type: ignore[arg-type] # A script of the upstream's.
    assert (await asked(transport, post(up.url)))[0] == 200


async def test_closing_cancelled(full_backlog: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled at any turn, it waits for pyreqwest's thread, without which Python may abort as it ends."""
    waits: list[None] = []
    monkeypatch.setattr(module, "_wait_for_thread", lambda: waits.append(None))
    for turns in range(1, 5):
        waits.clear()
        transport = PyreqwestTransport(PLAIN)
        asking = asyncio.create_task(transport.send(post(f"http://127.0.0.1:{full_backlog}"), soon()))
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(transport.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert waits == [None], turns
        assert in_use(transport) == (0, 0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_read_by_another_task(up: Upstream) -> None:
    """Closed while another task reads, the reading ends, and the connection with it."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    transport = PyreqwestTransport(PLAIN)
    response = await transport.send(post(up.url), soon())
    assert await response.next(soon()) == b"x"
    reading = asyncio.create_task(response.next(soon()))
    await asyncio.sleep(0.01)
    await response.aclose()
    assert await asyncio.to_thread(up.left.wait, 5)
    with pytest.raises(Exception, match="Error"):
        await reading
    assert await response.next(soon()) is None
    await transport.aclose()

"""Lanes: numbered, reused, bounded, and broken off without touching any other socket."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
from typing import TYPE_CHECKING

import pytest

from router.transport import lanes as module
from router.transport.base import TransportSettings
from router.transport.lanes import Lane, Lanes, Numbers, shut_down
from router.transport.pyreqwest import PyreqwestTransport
from tests.faults.server import comes_true, descriptors
from tests.library.upstream import HANG, OK, framed, raw
from tests.transport.kit import CHUNKED, asked, in_use, post, soon, wait_until

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


@pytest.mark.parametrize("blocking", [False, True])
def test_other_sockets_are_left_alone(blocking: bool) -> None:
    """Neither a socket with another number nor one of another kind is touched; nor is its mode."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one, other = (socket.create_connection(server.getsockname()) for _ in range(2))
        a, b = socket.socketpair()
        with one, other, a, b:
            one.setblocking(False)
            other.setblocking(blocking)
            for number, connected in ((7, one), (8, other)):
                connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000 + number)
            assert shut_down({7, 9}) == {7}
            assert shut_down({7, 9}) == set()
            with pytest.raises(BrokenPipeError):
                one.send(b"x")
            assert other.send(b"x") == 1
            assert a.send(b"x") == 1
            assert other.getblocking() is blocking


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

"""The alarm: many waits, one timer."""

from __future__ import annotations

import asyncio

import pytest

from router.transport.alarm import Alarm


@pytest.fixture
async def alarm() -> Alarm:
    return Alarm(asyncio.get_running_loop())


def soon(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_is_in_time(alarm: Alarm) -> None:
    """What the work gives is given on; one timer serves later deadlines."""
    assert await alarm.wait(asyncio.sleep(0, "x"), soon(1)) == "x"
    first = alarm._timer
    for more in range(3):
        assert await alarm.wait(asyncio.sleep(0, "y"), soon(2 + more)) == "y"
    assert alarm._timer is first
    alarm.stop()
    assert alarm._timer is None


async def test_too_late(alarm: Alarm) -> None:
    """The wait ends at its time with TimeoutError, also where the timer was set for an earlier one."""
    await alarm.wait(asyncio.sleep(0), soon(0.01))
    for within in (0.05, 0.02):
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            await alarm.wait(never(), soon(within))
        assert within - 0.002 < asyncio.get_running_loop().time() - began < within + 0.1
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_timer_without_a_wait(alarm: Alarm) -> None:
    """A timer that goes off between waits disturbs nobody."""
    await alarm.wait(asyncio.sleep(0), soon(0.01))
    await asyncio.sleep(0.03)
    assert alarm._timer is None


async def test_cancelled(alarm: Alarm) -> None:
    """Cancelled from outside, it is cancelled; also when the time is over at the same moment."""
    for ring in (False, True):
        task = asyncio.create_task(alarm.wait(never(), soon(5)))
        await asyncio.sleep(0)
        task.cancel()
        if ring:
            alarm._until = 0.0
            alarm._ring()
        with pytest.raises(asyncio.CancelledError):
            await task


async def swallows() -> str:
    """As pyreqwest does when a result is there at the moment of the cancellation."""
    try:
        await never()
    except asyncio.CancelledError:
        return "done"
    return "never"


async def test_swallowed_cancellation(alarm: Alarm) -> None:
    """A cancellation that the work swallowed is raised all the same; a time-out swallowed is none."""
    task = asyncio.create_task(alarm.wait(swallows(), soon(5)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await alarm.wait(swallows(), soon(0.01)) == "done"
    me = asyncio.current_task()
    assert me is not None
    assert me.cancelling() == 0

"""Getting a lane has the request's deadline, waits for nobody else's work, and leaks nothing."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from router.adapters.base import UpstreamRequest
from router.transport import lanes as module
from router.transport import prepared
from router.transport.base import TransportSettings
from router.transport.lanes import Lane
from router.transport.pyreqwest import PyreqwestTransport
from router.types import FailureClass
from tests.faults.server import comes_true
from tests.library.upstream import OK, Upstream
from tests.transport.kit import asked, fails, in_use, post, soon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.certificates import Certificate
    from tests.transport.kit import Made

HTTPS = TransportSettings(https=True)
CLOSED = "https://127.0.0.1:1/v1"


class Slow:
    """Lanes that are made only once the event is set.

    Attributes:
        numbers: what those have that were made.
    """

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.numbers: list[int] = []

    def __call__(self, settings: TransportSettings) -> Lane:
        assert self.go_on.wait(20)
        lane = Lane(settings)
        self.numbers.append(lane.number)
        return lane


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """How lanes are made in this test."""
    making = Slow()
    monkeypatch.setattr(module, "Lane", making)
    yield making
    making.go_on.set()


async def test_the_applications_threads_are_all_busy(
    make: Made, trusting: TransportSettings, certificate: Certificate
) -> None:
    """A request over https needs none of the loop's own threads."""
    done = threading.Event()
    loop = asyncio.get_running_loop()
    with Upstream(tls=certificate.context()) as up, ThreadPoolExecutor(1) as busy:
        up.script(OK)
        loop.set_default_executor(busy)
        blocking = loop.run_in_executor(None, done.wait, 20)
        transport = make(trusting)
        try:
            answers = await asyncio.gather(*(asked(transport, post(up.url)) for _ in range(3)))
            assert [status for status, _ in answers] == [200] * 3
        finally:
            done.set()
            await blocking
        await transport.aclose()


async def test_a_lane_that_is_not_made_in_time(slow: Slow) -> None:
    """It is a time-out, also for those that wait behind; what comes too late gives its number back."""
    transport = PyreqwestTransport(HTTPS)
    began = time.monotonic()
    failures = await asyncio.gather(*(fails(transport, CLOSED, 0.1) for _ in range(3 * module._MAKERS)))
    assert failures == [(FailureClass.TIMEOUT, "no connection in time")] * len(failures)
    assert in_use(transport) == (0, 0)
    assert time.monotonic() - began < 5
    slow.go_on.set()
    assert (await fails(transport, CLOSED))[0] is FailureClass.CONNECTION
    assert await comes_true(lambda: len(slow.numbers) == module._MAKERS + 1)
    (kept,) = transport._lanes._idle
    late = set(slow.numbers) - {kept.number}
    assert await comes_true(lambda: late <= set(module._NUMBERS._free)), late
    await transport.aclose()


async def test_closed_while_a_lane_is_made(slow: Slow) -> None:
    """Closing does not wait for it, and the request that does goes nowhere, nor does a later one."""
    transport = PyreqwestTransport(HTTPS)
    asking = asyncio.create_task(fails(transport, CLOSED))
    await asyncio.sleep(0)
    await transport.aclose()
    assert not slow.numbers
    slow.go_on.set()
    assert await asking == (FailureClass.CONNECTION, "the transport was closed")
    assert (await fails(transport, CLOSED))[0] is FailureClass.CONNECTION
    assert in_use(transport) == (0, 0)
    await transport.aclose()


async def test_more_addresses_than_are_kept_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request has its own address and headers, however many others came while it waited for a lane."""
    monkeypatch.setattr(prepared, "_MANY", 4)
    transport = PyreqwestTransport(HTTPS)
    failures = await asyncio.gather(*(fails(transport, f"{CLOSED}/{n}", 30) for n in range(20)))
    assert {kind for kind, _ in failures} == {FailureClass.CONNECTION}
    assert in_use(transport) == (0, 0)
    await transport.aclose()


async def test_a_request_that_cannot_be_made(up: Upstream) -> None:
    """Whatever goes wrong before it is sent, its lane is not busy any more."""
    transport = PyreqwestTransport(TransportSettings(https=False))
    with pytest.raises(ValueError, match="method"):
        await transport.send(UpstreamRequest("NO METHOD", up.url, (), b"{}"), soon())
    assert in_use(transport) == (0, 0)
    await transport.aclose()

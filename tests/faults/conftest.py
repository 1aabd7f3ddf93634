"""What every fault is held to: the request ends as the table says, the next ones succeed, nothing is left."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

from router import engine
from router.transport.base import TransportSettings
from router.transport.lanes import Lane
from tests.faults.server import FaultServer, comes_true, descriptors, healthy, in_use
from tests.faults.table import TABLE
from tests.transport.kit import KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from router import Router


@pytest.fixture(scope="session")
def shared_server() -> Iterator[FaultServer]:
    """One upstream that knows every fault of the table by its name."""
    with FaultServer({"healthy": healthy, **{case.model: case.fault for case in TABLE}}) as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The transport that every provider of the test gets, but those with a ``ca_file``."""
    name: str = request.param
    if name == "httpx":
        monkeypatch.setattr(engine, "fast_problem", lambda **_: ("it is httpx's turn", ""))
    return name


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    """What pyreqwest opens once for a process is no leak of a test's."""
    if "pyreqwest" in KINDS:
        Lane(TransportSettings(https=False))


@pytest.fixture
def server(shared_server: FaultServer, kind: str) -> FaultServer:
    shared_server.calls.clear()
    return shared_server


@pytest.fixture
async def opened() -> AsyncIterator[list[Router]]:
    """Routers put into this list are closed at the end, and must then have left nothing."""
    gc.collect()
    before = descriptors()
    routers: list[Router] = []
    yield routers
    for router in routers:
        assert await comes_true(lambda router=router: in_use(router) == (0, 0)), in_use(router)  # type: ignore[misc]
    here = {asyncio.current_task()}
    assert await comes_true(lambda: asyncio.all_tasks() == here), asyncio.all_tasks() - here
    for router in routers:
        await router.aclose()
    assert await comes_true(lambda: descriptors() <= before), (before, descriptors())

"""What the emulator's tests share: a client that speaks to a real socket."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx2 as httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from router.emulator.serve import EmulatorServer


@pytest.fixture
def client(bytez_emulator: EmulatorServer) -> Iterator[httpx.Client]:
    """A client at the emulator's root, with a good key."""
    with httpx.Client(
        base_url=bytez_emulator.base_url, headers={"authorization": "Key good"}, timeout=10, verify=False
    ) as client:
        yield client


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait for a condition that another thread makes true; fails after 10 s."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true"
            time.sleep(0.005)

    return wait

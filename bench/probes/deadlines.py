"""Is the caller answered in time?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bench.probes.base import Row, at_most, group, succeeded
from tests.faults.server import FaultServer, healthy, in_turn, open_router, provider, whole
from tests.library.upstream import SSE, drip, framed, raw

if TYPE_CHECKING:
    from tests.faults.server import Fault


async def _took(fault: Fault, *, stream: bool = False, **settings: Any) -> tuple[float, bool, int]:
    """Seconds until a lone target's request ended, whether it answered, and the calls it took."""
    with FaultServer({"m": fault}) as server:
        async with open_router({"p": provider(server.url)}, {"g": group("p/m", **settings)}) as router:
            began = time.monotonic()
            answered = await succeeded(router, "g", stream=stream)
            took = time.monotonic() - began
        return took, answered, server.calls["m"]


async def hanging(*, quick: bool) -> list[Row]:
    """An upstream that says nothing, or drips."""
    rows = []
    for what, fault, goal in (
        ("a hanging upstream", raw(b"", end="hang"), 1.05),
        ("dripping headers", drip(b"", b"H"), 2.05),
        ("a dripping body", drip(SSE, framed(b": x\n")), 1.05),
    ):
        for stream in (False,) if quick else (False, True):
            timeout = int(goal)
            took, _, _ = await _took(fault, stream=stream, timeout=f"{timeout}s", retries=3)
            probe = f"deadline {timeout} s, {what}, retries 3, {'stream' if stream else 'plain'}"
            rows.append(at_most(probe, took, goal, " s"))
    return rows


async def retry_after(*, quick: bool) -> list[Row]:  # noqa: ARG001 - the same either way
    """A lone target asks for three seconds."""
    busy = whole(429, {"error": "slow down"}, {"retry-after": "3"})
    took, answered, calls = await _took(in_turn(busy, healthy), retries=1, timeout="20s")
    good = answered and calls == 2 and 3 <= took <= 3.3
    still, _, _ = await _took(busy, retries=1, timeout="20s")
    return [
        Row(
            "429 Retry-After 3, then well, one target, one retry",
            "3 to 3.3 s, answered",
            f"{took:.2f} s, {'answered' if answered else 'failed'}, {calls} calls",
            good,
        ),
        Row(
            "429 Retry-After 3 for ever, one target, one retry",
            "waits once, <= 3.3 s",
            f"{still:.2f} s",
            still <= 3.3,
        ),
    ]

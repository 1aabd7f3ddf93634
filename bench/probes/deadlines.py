"""Is the caller answered in time?"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

from bench.probes.base import Row, at_most, group, succeeded
from router import RouterError, RouterOptions
from tests.faults.server import MESSAGES, FaultServer, healthy, in_turn, open_router, provider, whole
from tests.library.upstream import SSE, drip, framed, http, raw

if TYPE_CHECKING:
    from router import Router
    from tests.faults.server import Fault

SLOW: dict[str, Fault] = {
    "silent": raw(b"", end="hang"),
    "dripping-headers": drip(b"", b"H"),
    "half-headers": raw(b"HTTP/1.1 200 OK\r\ncontent-type: app", end="hang"),
    "half-body": raw(http(200, b"x" * 100)[:-50], end="hang"),
    "dripping-body": drip(SSE, framed(b": x\n")),
    "busy": whole(429, {"error": "slow down"}, {"retry-after": "1"}),
    "down": whole(500, {"error": "down"}),
}
AT_ONCE = 10
"""More at once would measure how the machine shares its cores."""


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


async def overshoot(*, quick: bool) -> list[Row]:
    """Seeded mixes of slow and failing targets, each request with a deadline of 100 to 400 ms."""
    many = 200 if quick else 1000
    late: list[float] = []
    groups = {
        f"g{number}": group(*(f"p/{name}" for name in _mix(number)), retries=number % 4)
        for number in range(40)
    }
    with FaultServer(SLOW) as server:
        async with open_router({"p": provider(server.url)}, groups, {"ejection": False}) as router:
            for begin in range(0, many, AT_ONCE):
                late += await asyncio.gather(
                    *(_late_s(router, seed) for seed in range(begin, begin + AT_ONCE))
                )
    late.sort()
    p99, worst = late[int(len(late) * 0.99) - 1] * 1000, late[-1] * 1000
    note = f" (worst {worst:.1f} ms)"
    return [at_most(f"{many} deadlines over seven slow faults: overshoot, p99", p99, 50, " ms", note)]


def _mix(seed: int) -> list[str]:
    rng = random.Random(seed)  # noqa: S311 - cases, not secrets
    return rng.sample(sorted(SLOW), rng.randint(1, 3))


async def _late_s(router: Router, seed: int) -> float:
    """Seconds between a request's deadline and its error; 0 when it ended before."""
    rng = random.Random(seed)  # noqa: S311 - cases, not secrets
    timeout_s = rng.uniform(0.1, 0.4)
    stream = rng.random() < 0.5
    began = time.monotonic()
    try:
        await router.acompletion(
            f"g{seed % 40}", MESSAGES, stream=stream, router=RouterOptions(timeout=timeout_s)
        )
    except RouterError:
        return max(0.0, time.monotonic() - began - timeout_s)
    raise AssertionError("a slow fault was taken for an answer")

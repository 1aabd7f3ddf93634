"""Does anything stay behind?"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import random
from typing import TYPE_CHECKING

from bench.probes.base import DOWN, Row, failures, group, memory_kib, succeeded
from router import RouterError
from tests.faults.server import (
    FaultServer,
    ask,
    comes_true,
    descriptors,
    healthy,
    in_use,
    open_router,
    provider,
)

if TYPE_CHECKING:
    from tests.library.upstream import Exchange

WORKERS = 20


async def _slow(exchange: Exchange) -> None:
    await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - jitter
    await healthy(exchange)


async def cancels(*, quick: bool) -> list[Row]:
    """Calls are cancelled at random; then others are made."""
    seconds = 3 if quick else 30
    gc.collect()
    before, cancelled = descriptors(), 0
    draw = random.Random(7)  # noqa: S311 - seeded
    with FaultServer({"slow": _slow, "healthy": healthy}) as server:
        router = open_router({"p": provider(server.url)}, {"g": group("p/slow"), "h": group("p/healthy")})
        clock = asyncio.get_running_loop().time
        until = clock() + seconds

        async def work() -> None:
            nonlocal cancelled
            while clock() < until:
                task = asyncio.create_task(ask(router, "g", stream=draw.random() < 0.5))
                await asyncio.sleep(draw.random() * 0.03)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, RouterError):
                    await task
                cancelled += task.cancelled()

        await asyncio.gather(*(work() for _ in range(WORKERS)))
        failed = await failures(succeeded(router, "h", stream=bool(n % 2)) for n in range(100))
        clean = await comes_true(lambda: in_use(router) == (0, 0))
        slots, tasks = sum(in_use(router)), len(asyncio.all_tasks()) - 1
        await router.aclose()
    closed = await comes_true(lambda: descriptors() <= before)
    left = f"{slots} slots, {tasks} tasks, {max(0, descriptors() - before)} descriptors left"
    here = f"{cancelled} cancelled; {failed} of 100 fail; {left}"
    good = not failed and clean and not tasks and closed and cancelled > 0
    return [Row(f"{seconds} s of random cancels, then calls", "all succeed, nothing left", here, good)]


async def many_routers(*, quick: bool) -> list[Row]:  # noqa: ARG001 - the same either way
    """110 routers are built and closed; ejection still works, memory is flat."""
    with FaultServer({"down": DOWN, "healthy": healthy}) as server:
        providers = {"p": provider(server.url)}
        models = {"g": group("p/down", "p/healthy")}
        early = 0
        for number in range(110):
            async with open_router(providers, models) as router:
                await succeeded(router, "g")
            if number == 29:
                gc.collect()
                early = memory_kib()
        gc.collect()
        grown = (memory_kib() - early) / 1024
        server.calls.clear()
        async with open_router(providers, models) as router:
            failed = sum([not await succeeded(router, "g") for _ in range(200)])
        dead = server.calls["down"]
    return [
        Row(
            "110 routers built and closed, then 200 requests, one target dead",
            "0 fail, dead asked <= 6, + <= 4 MiB",
            f"{failed} fail, dead asked {dead}, {grown:+.1f} MiB over the last 80",
            failed == 0 and dead <= 6 and grown <= 4,
        )
    ]

"""Ask each group four times at once, and see who waited, who went elsewhere and who was turned away."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from typing import Any

from router import RateLimited, Router

QUESTION = [{"role": "user", "content": "Hello!"}]


async def main() -> None:
    async with Router.from_file("router.yaml") as router:

        async def four(model: str) -> list[Any]:
            asked = [router.acompletion(model=model, messages=QUESTION) for _ in range(4)]
            return await asyncio.gather(*asked, return_exceptions=True)

        replies = await four("patient")
        waits = [reply.routing.attempts[0].wait_s for reply in replies]
        print(f"one at a time: {len(replies)} answers, {waits.count(0)} of them without a wait")

        replies = await four("elsewhere")
        by = Counter(reply.routing.target for reply in replies)
        print("elsewhere:", ", ".join(f"{count} by {target}" for target, count in sorted(by.items())))

        replies = await four("hasty")
        refused = [reply for reply in replies if isinstance(reply, RateLimited)]
        seconds = math.ceil(refused[0].retry_after or 0)
        print(f"two a minute: {4 - len(refused)} answers, {len(refused)} told to come back in {seconds} s")
        print("   ", refused[0])


asyncio.run(main())

"""Ask twelve times at once, four times for each of three users, and see who answered whom."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict

from router import Router

QUESTION = [{"role": "user", "content": "Hello!"}]
USERS = ["alice", "dave", "grace"] * 4


async def main(config: str) -> None:
    async with Router.from_file(config) as router:
        asked = [router.acompletion(model="chat", messages=QUESTION, user=user) for user in USERS]
        replies = await asyncio.gather(*asked)
    answered = defaultdict(list)
    for user, reply in zip(USERS, replies, strict=True):
        answered[reply.routing.target].append(user)
    for target, users in sorted(answered.items(), key=lambda item: str(item[0])):
        print(f"{target:27} {len(users):2}  {', '.join(sorted(set(users)))}")


asyncio.run(main(sys.argv[1]))

"""Is a broken stream ever passed off as whole, or its content given twice?"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

from bench.probes.base import Row, group
from router import Router, errors
from tests.faults.server import MESSAGES, FaultServer, answer_events, events, open_router, provider
from tests.library.upstream import SSE, framed

if TYPE_CHECKING:
    from tests.library.upstream import Exchange

WORDS = [f"w{number} " for number in range(40)]
TEXT = "".join(WORDS)
WHOLE = SSE + b"".join(framed(piece) for piece in answer_events(*WORDS)) + b"0\r\n\r\n"
SPARE = "another answer"
AT_ONCE = 16


async def _cut(exchange: Exchange) -> None:
    """The stream up to a byte that the request's seed chooses, sent in pieces, then FIN or RST."""
    draw = random.Random(exchange.seen.json["seed"])  # noqa: S311 - a seeded fault
    data = WHOLE[: draw.randrange(len(WHOLE))]
    while data:
        size = draw.randrange(1, 2000)
        await exchange.send(data[:size])
        data = data[size:]
        await asyncio.sleep(0)
    if draw.random() < 0.5:
        exchange.reset()
    else:
        exchange.fin()


async def _verdict(router: Router, seed: int) -> str:
    """What the caller of a stream cut by *seed* got."""
    text, broke = "", False
    try:
        async with await router.acompletion("g", MESSAGES, stream=True, seed=seed) as stream:
            async for chunk in stream:
                text += "".join(choice.delta.content or "" for choice in chunk.choices)
    except errors.StreamInterrupted:
        broke = True
    if broke:
        assert text, "interrupted before any content: another target should have answered"
        return "error event after a prefix" if TEXT.startswith(text) else "duplicated"
    if text in (TEXT, SPARE):
        return "whole" if text == TEXT else "answered elsewhere"
    return "silently truncated" if TEXT.startswith(text) or SPARE.startswith(text) else "duplicated"


async def cuts(*, quick: bool) -> list[Row]:
    """A stream cut at seeded points."""
    many = 400 if quick else 10_000
    found: Counter[str] = Counter()
    models = {"g": group("p/cut", {"model": "p/spare", "tier": 2}, ejection=False)}
    with FaultServer({"cut": _cut, "spare": events(*answer_events(SPARE))}) as server:
        async with open_router({"p": provider(server.url)}, models) as router:
            for first in range(0, many, AT_ONCE):
                seeds = range(first, min(first + AT_ONCE, many))
                found.update(await asyncio.gather(*(_verdict(router, seed) for seed in seeds)))
    bad = (found["duplicated"], found["silently truncated"])
    rest = ", ".join(f"{count} {what}" for what, count in found.most_common())
    return [
        Row(
            f"stream cut at {many:,} points: duplicated / truncated",
            "0 / 0",
            f"{bad[0]} / {bad[1]} ({rest})",
            bad == (0, 0),
        )
    ]

"""Is a broken stream ever passed off as whole, or its content given twice?"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.probes.base import Row, group
from router import Router, errors
from tests.faults.server import MESSAGES, FaultServer, answer_events, events, open_router, provider
from tests.library.upstream import SSE, framed

if TYPE_CHECKING:
    from tests.faults.server import Fault
    from tests.library.upstream import Exchange

TEXT = "".join(f"w{number} " for number in range(40))
SPARE = "another answer"
AT_ONCE = 16
ABLE = {"supports": {"prefill": True}, "deterministic": True}
POLICIES = ("fail", "buffer", "continue", "splice")


def _answer(exchange: Exchange) -> bytes:
    """The whole stream's bytes: all of TEXT, or what follows the text that the request begins with."""
    last = exchange.seen.json["messages"][-1]
    begun = last["content"] if last["role"] == "assistant" else ""
    assert TEXT.startswith(begun)
    left = TEXT[len(begun) :]
    pieces = answer_events(*(left[at : at + 3] for at in range(0, len(left), 3)))
    return SSE + b"".join(framed(piece) for piece in pieces) + b"0\r\n\r\n"


def _cut(which: str) -> Fault:
    """Streams up to a byte that *which* and the request's seed choose, sent in pieces, then FIN or RST."""

    async def fault(exchange: Exchange) -> None:
        draw = random.Random(f"{which} {exchange.seen.json['seed']}")  # noqa: S311 - a seeded fault
        whole = _answer(exchange)
        data = whole[: draw.randrange(len(whole))]
        while data:
            size = draw.randrange(1, 2000)
            await exchange.send(data[:size])
            data = data[size:]
            await asyncio.sleep(0)
        if draw.random() < 0.5:
            exchange.reset()
        else:
            exchange.fin()

    return fault


async def _good(exchange: Exchange) -> None:
    await exchange.send(_answer(exchange))


async def _verdict(router: Router, policy: str, seed: int) -> str:
    """What the caller of a stream cut by *seed* got."""
    text, broke = "", False
    try:
        async with await router.acompletion(policy, MESSAGES, stream=True, seed=seed) as stream:
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


def _models() -> dict[str, Any]:
    """By policy: two targets that are cut, then one that answers; for ``fail`` that says something else."""
    models: dict[str, Any] = {
        policy: group(
            *[
                {"model": f"p/{name}", "tier": tier, **ABLE}
                for tier, name in enumerate(("cut", "again", "good"), 1)
            ],
            ejection=False,
            stream={"on_break": policy},
        )
        for policy in POLICIES
    }
    return {**models, "fail": group("p/cut", {"model": "p/spare", "tier": 2}, ejection=False)}


async def cuts(*, quick: bool) -> list[Row]:
    """A stream cut at seeded points."""
    faults = {
        "cut": _cut("first"),
        "again": _cut("second"),
        "good": _good,
        "spare": events(*answer_events(SPARE)),
    }
    with FaultServer(faults) as server:
        async with open_router({"p": provider(server.url)}, _models()) as router:
            return [await _row(router, policy, _many(policy, quick=quick)) for policy in POLICIES]


def _many(policy: str, *, quick: bool) -> int:
    most = 10_000 if policy == "fail" else 1_000
    return most // 25 if quick else most


async def _row(router: Router, policy: str, many: int) -> Row:
    found: Counter[str] = Counter()
    for first in range(0, many, AT_ONCE):
        seeds = range(first, min(first + AT_ONCE, many))
        found.update(await asyncio.gather(*(_verdict(router, policy, seed) for seed in seeds)))
    bad = (found["duplicated"], found["silently truncated"])
    rest = ", ".join(f"{count} {what}" for what, count in found.most_common())
    return Row(
        f"stream cut at {many:,} points, on_break {policy}: duplicated / truncated",
        "0 / 0",
        f"{bad[0]} / {bad[1]} ({rest})",
        bad == (0, 0),
    )

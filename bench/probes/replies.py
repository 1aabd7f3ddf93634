"""Is a bad reply ever taken for an answer, and what does a bomb cost?"""

from __future__ import annotations

import gzip
import io
from typing import Any

from bench.probes.base import Row, at_most, forget_peak, group, memory_kib, succeeded
from tests.faults.server import FaultServer, ask, healthy, open_router, provider, whole
from tests.faults.table import GOOD, HTML
from tests.library.upstream import completion, http, raw

BAD = {
    "choices-empty": whole(200, {**completion(), "choices": []}),
    "html": whole(200, HTML, {"content-type": "text/html"}),
    "truncated": whole(200, GOOD[: len(GOOD) // 2]),
    "invalid": whole(200, b"{'a': nope}"),
    "reset": raw(http(200, GOOD)[:-9], end="reset"),
    "reset-at-once": raw(b"", end="reset"),
}


async def bad_replies(*, quick: bool) -> list[Row]:  # noqa: ARG001 - the same either way
    """Each bad reply, whole and asked as a stream: a failure, and the next target answers."""
    wrong = []
    with FaultServer({"healthy": healthy, **BAD}) as server:
        for name in BAD:
            models = {"g": group(f"p/{name}", {"model": "p/healthy", "tier": 2})}
            async with open_router({"p": provider(server.url)}, models) as router:
                for stream in (False, True):
                    text, routing = await ask(router, "g", stream=stream)
                    if text != "hi" or [item.outcome for item in routing.attempts][1:] != ["ok"]:
                        wrong.append(name)
    here = f"{2 * len(BAD) - len(wrong)} of {2 * len(BAD)}" + (f"; not {wrong}" if wrong else "")
    return [
        Row("choices [], HTML, truncated or invalid JSON, RST", "failures, next answers", here, not wrong)
    ]


def bomb_message(mebibytes: int) -> bytes:
    """A reply whose body unpacks to so many MiB of blanks."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as out:
        for _ in range(mebibytes):
            out.write(b" " * 1024 * 1024)
    return http(200, packed.getvalue(), {"content-encoding": "gzip", "content-type": "application/json"})


async def bomb(*, quick: bool) -> list[Row]:  # noqa: ARG001 - the same either way
    """A gzip bomb of 200 MiB in a reply."""
    settings: dict[str, Any] = {"retries": 0}
    rows = []
    with FaultServer({"healthy": healthy, "bomb": raw(bomb_message(200))}) as server:
        async with open_router(
            {"p": provider(server.url)}, {"g": group("p/bomb", **settings), "h": group("p/healthy")}
        ) as router:
            for stream in (False, True):
                await succeeded(router, "h", stream=stream)
                forget_peak()
                before = memory_kib("VmHWM")
                answered = await succeeded(router, "g", stream=stream)
                grown = (memory_kib("VmHWM") - before) / 1024
                after = await succeeded(router, "h", stream=stream)
                probe = f"a gzip bomb of 200 MiB in a reply, {'stream' if stream else 'plain'}: memory"
                row = at_most(probe, grown, 48, " MiB", "" if after and not answered else " but no failure")
                rows.append(Row(row.probe, row.goal, row.here, row.ok and after and not answered))
    return rows

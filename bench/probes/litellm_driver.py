"""Drives LiteLLM's Router through one probe. A program of its own: it needs litellm and nothing of ours.

Reads one JSON object from standard input: ``models`` (its model_list), ``settings`` (its Router's
arguments), ``asks`` (arguments of completions, taken in turn), ``how`` (``fresh``, ``sequence``,
``at_once``, ``steady`` or ``until``), ``many``, ``routers`` (built and dropped before). Prints another:
``failed`` of ``many``, ``seconds``, and ``peak_kib``, by how much the highest memory grew.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Run what standard input says."""
    job = json.load(sys.stdin)
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(run(litellm, job))))


async def run(litellm: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Do *job*; the routers of one probe live in one loop."""
    for _ in range(job.get("routers", 0)):
        make(litellm, job)
    router, before = make(litellm, job), peak_kib()
    how, many = job["how"], job["many"]
    began = time.monotonic()
    if how == "fresh":
        failed = sum([not await answered(make(litellm, job, turn), job) for turn in range(many)])
    elif how == "sequence":
        failed = sum([not await answered(router, job, turn) for turn in range(many)])
    elif how == "at_once":
        failed = (await asyncio.gather(*(answered(router, job, turn) for turn in range(many)))).count(False)
    elif how == "steady":
        failed = await steady(router, job)
    else:
        failed = await until_healed(router, job)
    took = time.monotonic() - began if how != "until" else job["took"]
    return {"failed": failed, "seconds": took, "peak_kib": peak_kib() - before}


def make(litellm: Any, job: dict[str, Any], turn: int = 0) -> Any:
    """A router; *turn* moves the models round, so that no place in the list is favoured."""
    turn %= len(job["models"])
    models = job["models"][turn:] + job["models"][:turn]
    return litellm.Router(model_list=models, **job["settings"])


async def answered(router: Any, job: dict[str, Any], turn: int = 0) -> bool:
    """Whether the request ended without an error."""
    ask = job["asks"][turn % len(job["asks"])]
    try:
        reply = await router.acompletion(**ask)
        if ask.get("stream"):
            async for _ in reply:
                pass
    except Exception:  # noqa: BLE001 - whatever it raises, the request failed
        return False
    return True


async def steady(router: Any, job: dict[str, Any]) -> int:
    """Twenty requests a second."""
    began, tasks = time.monotonic(), []
    for number in range(job["many"]):
        await asyncio.sleep(max(0.0, began + number / 20 - time.monotonic()))
        tasks.append(asyncio.ensure_future(answered(router, job)))
    return (await asyncio.gather(*tasks)).count(False)


async def until_healed(router: Any, job: dict[str, Any]) -> int:
    """Let everything be set aside, heal the upstream, and count failures up to the first answer."""
    for _ in range(30):
        await answered(router, job)
    healer = importlib.import_module("litellm").Router(model_list=job["heal"], num_retries=0)
    await healer.acompletion(model="heal", messages=job["asks"][0]["messages"])
    failed, began = 0, time.monotonic()
    while time.monotonic() < began + 60 and not await answered(router, job):
        failed += 1
        await asyncio.sleep(0.005)
    job["took"] = time.monotonic() - began
    return failed


def peak_kib() -> int:
    """This process's highest memory so far, in KiB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()

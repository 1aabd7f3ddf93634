"""What every probe uses: its result, a server that breaks on purpose, and counting."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router import RouterError
from tests.faults.server import ask, whole

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from router import Router

DOWN = whole(500, {"error": {"message": "down", "type": "server_error"}})


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        probe: what was done.
        goal: what must come of it.
        here: what came of it.
        ok: whether the goal was met.
    """

    probe: str
    goal: str
    here: str
    ok: bool


async def succeeded(router: Router, group: str, *, stream: bool = False) -> bool:
    """Whether *group* answered."""
    try:
        await ask(router, group, stream=stream)
    except RouterError:
        return False
    return True


async def failures(requests: Iterable[Awaitable[bool]]) -> int:
    """How many of *requests*, all at once, did not succeed."""
    return Counter(await asyncio.gather(*requests))[False]


def all_down(count: int, provider: str = "p") -> list[str]:
    """So many targets that answer with 500."""
    return [f"{provider}/down-{number}" for number in range(1, count + 1)]


def none_failed(probe: str, failed: int, of: int, note: str = "") -> Row:
    """The row of a probe in which nothing may fail."""
    return Row(probe, "0 fail", f"{failed} of {of} fail{note}", failed == 0)


def at_most(probe: str, value: float, goal: float, unit: str, note: str = "") -> Row:
    """The row of a probe whose *value* may not be above *goal*."""
    return Row(probe, f"<= {goal:g}{unit}", f"{value:.2f}{unit}{note}", value <= goal)


def memory_kib(field: str = "VmRSS") -> int:
    """This process's memory in KiB: ``VmRSS`` now, ``VmHWM`` at its highest."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise LookupError(field)


def forget_peak() -> None:
    """Let ``VmHWM`` begin anew (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def group(*targets: str | dict[str, Any], **settings: Any) -> dict[str, Any]:
    """A model group's config."""
    return {"targets": list(targets), **settings}

"""Calls in process: each subject in a process of its own, measured in turn with the others."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from bench import configs
from bench.measures import interleave
from bench.processes import PYTHON, NotRun, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.measures import Pace, Samples
    from bench.processes import Slice

_MANY_S = 2.0
_CANCELS_S = 1.5


@dataclass(frozen=True, slots=True)
class Called:
    """One subject: a class of ``bench`` and its options beside the upstream's port.

    *python*: the interpreter; "": it is said nowhere where that is.
    """

    subject: str
    options: Mapping[str, Any] = field(default_factory=dict)
    python: str = PYTHON
    needs_port: bool = True


@dataclass(frozen=True, slots=True)
class Scenario:
    """Subjects that are compared, so many calls of each at once."""

    name: str
    subjects: Mapping[str, Called]
    concurrency: int = 1
    seconds: float = 0.0


def scenarios(litellm: str | None) -> list[Scenario]:
    """All of them; *litellm* is an interpreter that has it, None: it is left out."""
    best = {"transport": configs.best_transport()}
    peers = {} if litellm is None else {"litellm": Called("peers:LiteLLMCall", python=litellm)}
    return [
        Scenario("library-alone", {**_over("Call"), **_synchronous()}),
        Scenario("library-32", {**_over("Call"), **peers}, 32),
        Scenario("library-stream", _over("Stream", route="s16"), 8),
        Scenario("library-chain", {**_over("Chain"), **_bare(route="plain", times=3)}, 32),
        Scenario(
            "library-hit", {"hit": Called("subjects:Hit", best), "sync": Called("subjects:SyncHit", best)}
        ),
        Scenario(
            "library-kept",
            {str(kept): Called("subjects:Hit", {**best, "kept": kept}) for kept in (10, 5_000)},
        ),
        Scenario(
            "library-groups",
            {
                str(groups): Called("subjects:ManyGroups", {**best, "groups": groups})
                for groups in (10, configs.MANY_GROUPS)
            },
        ),
        Scenario("library-cancels", _beside_cancels(), 32, _CANCELS_S),
        Scenario("library-2000", _over("Call", route="slow", only="pyreqwest"), 2_000, _MANY_S),
        Scenario(
            "core",
            {"limited": Called("core:Core", {"limited": True}, needs_port=False)}
            | {
                name: Called(f"core:{subject}", needs_port=False)
                for name, subject in (
                    ("core", "Core"),
                    ("key", "CacheKey"),
                    ("hash", "BodyHash"),
                    ("yardstick", "Yardstick"),
                )
            },
        ),
    ]


def _bare(**options: Any) -> dict[str, Called]:
    return {
        "bare-httpx": Called("subjects:BareHttpx", options),
        "bare-pyreqwest": Called("subjects:BarePyreqwest", options),
    }


def _over(subject: str, *, only: str = "", **options: Any) -> dict[str, Called]:
    """*subject* over each transport, beside the bare ones; *only* one of these."""
    found = _bare(route=options.get("route", "plain"))
    for transport in ("httpx", "pyreqwest"):
        found[transport] = Called(f"subjects:{subject}", {**options, "transport": transport})
    return {name: called for name, called in found.items() if only in name}


def _synchronous() -> dict[str, Called]:
    return {
        f"sync-{transport}": Called("subjects:Sync", {"transport": transport})
        for transport in ("httpx", "pyreqwest")
    }


def _beside_cancels() -> dict[str, Called]:
    """Calls beside which one in four is cancelled; over a router also the same calls without these."""
    found = {
        "bare-httpx": _beside("BareHttpx"),
        "bare-pyreqwest": _beside("BarePyreqwest"),
    }
    for transport in ("httpx", "pyreqwest"):
        found[transport] = _beside("Call", transport=transport)
        found[f"{transport}-none"] = _beside("Call", cancels=False, transport=transport)
    return found


def _beside(subject: str, *, cancels: bool = True, **options: Any) -> Called:
    return Called("cancels:Cancels", {"subject": subject, "options": options, "cancels": cancels})


def measure(samples: Samples, pace: Pace, *, scenario: Scenario, port: int) -> None:
    """Measure one scenario against the upstream at *port*."""
    if scenario.seconds:
        pace = replace(pace, slices=1, seconds=scenario.seconds)
    with ExitStack() as stack:
        workers = {}
        for name, called in scenario.subjects.items():
            options = {"port": port, **called.options} if called.needs_port else called.options
            worker = Worker(f"bench.{called.subject}", options, python=called.python)
            workers[name] = stack.enter_context(worker)
        runs: dict[str, Callable[[float], Slice]] = {}
        for name, worker in workers.items():  # They start at once, and are measured in turn.
            try:
                worker.ready()
            except NotRun as why:
                samples.miss(f"{scenario.name}/{name}", str(why))
            else:
                runs[name] = partial(worker.run, concurrency=scenario.concurrency)
        interleave(samples, scenario.name, runs, pace)

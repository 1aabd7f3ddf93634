"""What is simulated is what happens: the same config and faults, in virtual time and over sockets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from router import Router, UpstreamError
from router.emulator.scenario import load_scenario
from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings
from router.emulator.tiers import UNLIMITED
from router.tools.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path

ASK: list[dict[str, Any]] = [{"role": "user", "content": "Hello!"}]
REAL_S = 3.0
RATE = 40
"""Calls take 600 ms and more, so that what a busy machine adds is small beside it."""


@dataclass
class Seen:
    """What came of requests, one way or the other."""

    requests: int = 0
    attempts: int = 0
    seconds: list[float] = field(default_factory=list)
    answered_by: list[str] = field(default_factory=list)

    @property
    def success(self) -> float:
        return len(self.seconds) / self.requests

    def share(self, target: str) -> float:
        return self.answered_by.count(target) / len(self.answered_by)

    def percentile(self, part: float) -> float:
        return sorted(self.seconds)[int(part * len(self.seconds))]


@dataclass(frozen=True)
class Case:
    """A config, and the same upstreams in two words: for the emulator, and for the simulation.

    Attributes:
        outage: (model, seconds): from then on 503 for every call. It does not end: when an ejected target
            comes back depends on the lot, and so would the shares.
        same_time: whether the simulation must be as short as reality; else it may be longer, and exact.
    """

    config: str
    emulator: str
    targets: str
    models: tuple[str, ...] = ("chat",)
    outage: tuple[str, float] | None = None
    same_time: bool = False


FLAKY = Case(
    config="""
version: 1
defaults: {ejection: false}
models:
  chat: {targets: [{model: bytez/a/flaky, weight: 2}, bytez/a/slow]}
  alone: {targets: [bytez/a/alone], retries: 0}
""",
    emulator="""
version: 1
models:
  a/flaky: {faults: [{fault: "503", every: 5}, {fault: slow-600ms}]}
  a/slow: {faults: [{fault: slow-800ms}]}
  a/alone: {faults: [{fault: "500", every: 4}, {fault: slow-600ms}]}
""",
    targets="""
  bytez/a/flaky: {latency: 600ms, failures: [{fails: 503, share: 0.2}]}
  bytez/a/slow: {latency: 800ms}
  bytez/a/alone: {latency: 600ms, failures: [{fails: 500, share: 0.25}]}
""",
    models=("chat", "alone"),
)
OUTAGE = Case(
    config="""
version: 1
defaults: {ejection: {consecutive: 3, base: 500ms, cap: 500ms}}
models:
  chat: {targets: [bytez/a/first, {model: bytez/a/second, weight: 3}], fallbacks: [spare]}
  spare: bytez/a/spare
""",
    emulator="""
version: 1
models:
  a/first: {}  # Quick: an answer on its way when the outage begins would end a streak of failures.
  "*": {faults: [{fault: slow-600ms}]}
""",
    targets="""
  bytez/a/first: {latency: 10ms, outages: [{since: 1500ms, until: 1h, fails: 503}]}
  "*": {latency: 600ms}
""",
    outage=("a/first", 1.5),
    same_time=True,
)
HEDGED = Case(
    config="""
version: 1
models:
  chat:
    targets: [bytez/a/uneven, {model: bytez/a/spare, tier: 2}]
    hedge: {after: 1s}
""",
    emulator="""
version: 1
models:
  a/uneven: {faults: [{fault: slow-3000ms, every: 5}, {fault: slow-600ms}]}
  a/spare: {faults: [{fault: slow-600ms}]}
""",
    targets="""
  bytez/a/uneven: {latency: [600ms, 600ms, 600ms, 600ms, 3s]}
  bytez/a/spare: {latency: 600ms}
""",
)


@pytest.mark.parametrize("case", [FLAKY, OUTAGE, HEDGED], ids=["flaky", "outage", "hedged"])
def test_reality_agrees(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Success within 1 point, attempts for a request 5 %, shares 3 points, p50 and p95 15 %."""
    (tmp_path / "router.yaml").write_text(f"{case.config}  warm: bytez/a/warm\n")
    (tmp_path / "emulator.yaml").write_text(case.emulator)
    simulated = _simulated(case, tmp_path)
    for _ in range(
        3
    ):  # What else the machine does makes calls longer, never shorter: the quietest run counts.
        told = Settings(tier=UNLIMITED, scenario=load_scenario(tmp_path / "emulator.yaml"))
        with EmulatorServer(told) as server:  # The simulated upstreams have no limits either.
            monkeypatch.setenv("BYTEZ_BASE_URL", server.base_url)
            monkeypatch.setenv("BYTEZ_API_KEY", "any")
            real = asyncio.run(_real(case, tmp_path, server))
        assert simulated.total.latency is not None
        if real.percentile(0.95) <= simulated.total.latency.p95 * 1.15:
            break
    assert real.requests == RATE * REAL_S
    assert simulated.total.success == pytest.approx(real.success, abs=0.01)
    assert simulated.total.attempts_per_request == pytest.approx(real.attempts / real.requests, rel=0.05)
    for target, served in simulated.targets.items():
        assert served.share == pytest.approx(real.share(target), abs=0.03), target
    assert simulated.total.latency.p50 == pytest.approx(real.percentile(0.5), rel=0.15)
    assert simulated.total.latency.p95 == pytest.approx(real.percentile(0.95), rel=0.15)


def _simulated(case: Case, folder: Path) -> Any:
    mix = "".join(f"  - {{model: {model}}}\n" for model in case.models)
    duration = f"{REAL_S}s" if case.same_time else "200s"
    (folder / "scenario.yaml").write_text(
        f"version: 1\nduration: {duration}\narrivals: {{constant: {RATE}}}\n"
        f"requests:\n{mix}targets:{case.targets}"
    )
    return simulate(folder / "router.yaml", folder / "scenario.yaml").runs[0]


async def _real(case: Case, folder: Path, server: EmulatorServer) -> Seen:
    """The same requests over sockets, evenly spaced."""
    seen, loop = Seen(), asyncio.get_running_loop()
    async with Router.from_file(folder / "router.yaml") as router:
        await router.acompletion(model="warm", messages=ASK)  # What is loaded and opened once is there.
        began = loop.time()
        if case.outage is not None:
            model, since = case.outage
            loop.call_at(began + since, server.fail, model, "503")
        async with asyncio.TaskGroup() as group:
            for number in range(int(RATE * REAL_S)):
                await asyncio.sleep(began + number / RATE - loop.time())
                group.create_task(_ask(router, case.models[number % len(case.models)], seen))
    return seen


async def _ask(router: Router, model: str, seen: Seen) -> None:
    began = time.perf_counter()
    try:
        reply = await router.acompletion(model=model, messages=ASK)
    except UpstreamError as error:
        seen.attempts += len(error.attempts)
    else:
        seen.seconds.append(time.perf_counter() - began)
        seen.answered_by.append(reply.routing.target or "")
        seen.attempts += len(reply.routing.attempts)
    seen.requests += 1

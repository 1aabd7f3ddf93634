"""Requests over sockets: the floor and the gateways, driven by one load generator, in turn."""

from __future__ import annotations

import os
import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bench import configs, gateways
from bench.measures import interleave
from bench.processes import Load, NotRun, Slice
from bench.upstream import CHUNKS, SLOW_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from bench.gateways import Gateway
    from bench.measures import Pace, Samples

_SSE_CONNECTIONS = 8
_LATENCY_S = 20.0
_LATENCY_PER_S = 50
_REQUESTS = 50_000
_FIRST = 5_000
_WARM_UP = 1_000
_AGED_SLICE = 200  # Requests, in each of so many slices a round: a fresh gateway comes to 4,200 in all.
_AGED_SLICES = 16
_LONGEST_S = 600.0
_SETTLE_S = 2.0
_MANY_CORES = 8
_MANY_STREAMS = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One scenario: what the load generator sends. As ``bench.load.Job`` has it.

    *hang_up_s*: one client in four hangs up, within so many seconds; gateways are then also asked without
    these. *peers*: whether other routers are asked too. *cores*: as many the machine must have.
    """

    name: str
    route: str = "plain"
    size: int = 1_000
    connections: int = 32
    rate: float = 0.0
    seconds: float = 0.0
    hang_up_s: float = 0.0
    peers: bool = False
    cores: int = 1
    workers: int = 1

    @property
    def chunks(self) -> int:
        """Content chunks of a reply; 0: it is no stream."""
        return CHUNKS if self.route.startswith("s1") else 0


SCENARIOS = (
    Asked("gateway-1", connections=1),
    Asked("gateway-32", peers=True),
    Asked("gateway-256", connections=256),
    Asked("gateway-100kb", size=100_000, connections=8),
    Asked("gateway-2mb", size=2_000_000, connections=4),
    Asked("gateway-sse1", route="s1", connections=_SSE_CONNECTIONS),
    Asked("gateway-sse16", route="s16", connections=_SSE_CONNECTIONS),
    Asked("gateway-hit", route="hit"),
    Asked("gateway-hang-ups", route="slow", connections=96, seconds=1.5, hang_up_s=SLOW_S / 2),
    Asked("latency", connections=4, rate=_LATENCY_PER_S, seconds=_LATENCY_S),
    Asked("workers", connections=256, cores=_MANY_CORES, workers=4),
    Asked("streams", route="s16", connections=_MANY_STREAMS, cores=_MANY_CORES, seconds=10.0),
)

Starts = dict[str, "Callable[..., AbstractContextManager[Gateway]]"]


def starts(port: int, folder: Path, litellm: str | None, portkey: str | None) -> Starts:
    """How each gateway is started, for the upstream at *port*; peers only when they are asked for."""
    found: Starts = {
        "floor": partial(gateways.floor, port),
        "httpx": partial(gateways.ours, port, "httpx", folder),
        "pyreqwest": partial(gateways.ours, port, "pyreqwest", folder),
    }
    if litellm is not None:
        found["litellm"] = partial(gateways.litellm, port, litellm, folder)
    if portkey is not None:
        found["portkey"] = partial(gateways.portkey, port, portkey, folder)
    return found


OURS = ("floor", "httpx", "pyreqwest")


def measure(samples: Samples, pace: Pace, *, asked: Asked, how: Starts) -> None:
    """Measure one scenario with every gateway that can do it."""
    names = [name for name in how if asked.peers or name in OURS]
    cores = os.cpu_count() or 1
    if cores < asked.cores:
        for name in names:
            samples.miss(f"{asked.name}/{name}", f"needs {asked.cores} cores, this machine has {cores}")
        return
    if asked.seconds:
        pace = replace(pace, slices=1, seconds=asked.seconds)
    with ExitStack() as stack:
        load = stack.enter_context(Load())
        runs: dict[str, Callable[[float], Slice]] = {}
        for name in names:
            if asked.workers > 1 and name != "floor":
                continue
            try:
                if asked.route == "hit":
                    configs.check_cache()
                more = {"workers": asked.workers} if asked.workers > 1 else {}
                gateway = stack.enter_context(how[name](**more))
                run = partial(_run, load, gateway, asked)
                run(0.2)  # Warm, and whether it answers well.
            except NotRun as why:
                samples.miss(f"{asked.name}/{name}", str(why))
                continue
            runs[name] = run
            if asked.hang_up_s and name != "floor":
                runs[f"{name}-none"] = partial(_run, load, gateway, replace(asked, hang_up_s=0.0))
        interleave(samples, asked.name, runs, pace)


def _run(load: Load, gateway: Gateway, asked: Asked, seconds: float) -> Slice:
    """One slice; a stream counts as its chunks."""
    done = load.run(gateway, job(gateway, asked, seconds))
    return replace(done, done=done.done * max(1, asked.chunks))


def job(gateway: Gateway, asked: Asked, seconds: float, requests: int = 0) -> dict[str, Any]:
    """What the load generator is told."""
    return {
        "port": gateway.port,
        "path": gateway.path,
        "headers": dict(gateway.headers),
        "body": configs.body(gateway.model(asked.route), asked.size, stream=asked.chunks > 0),
        "connections": asked.connections,
        "seconds": seconds,
        "requests": requests,
        "rate": asked.rate,
        "hang_up_s": asked.hang_up_s,
        "chunks": asked.chunks,
    }


def starting(samples: Samples, pace: Pace, *, how: Starts) -> None:
    """Time from a gateway's start to its first answer, and its memory then."""
    for _ in range(pace.rounds):
        for name, start in how.items():
            if name == "floor" or f"start/{name}" in samples.why:
                continue
            try:
                with start() as gateway:
                    samples.add(f"start/{name}/ready_ms", 1000 * gateway.ready_s)
                    time.sleep(_SETTLE_S / 4)
                    samples.add(f"start/{name}/idle_mb", gateway.rss_mb())
            except NotRun as why:
                samples.miss(f"start/{name}", str(why))


def ageing(samples: Samples, pace: Pace, *, how: Starts) -> None:
    """What 50,000 requests leave behind: memory, and whether a request costs more than in a fresh gateway."""
    start = how[configs.best_transport()]
    try:
        for _ in range(pace.rounds):
            with start() as old, Load() as load:
                _age(samples, load, old)
                with start() as fresh:
                    _serve(load, fresh, _WARM_UP)
                    runs = {"old": partial(_some, load, old), "fresh": partial(_some, load, fresh)}
                    interleave(samples, "ageing", runs, replace(pace, rounds=1, slices=_AGED_SLICES))
                if samples.why.keys() & {"ageing/old", "ageing/fresh"}:
                    return
    except NotRun as why:
        for subject in ("gateway", "old", "fresh"):
            samples.miss(f"ageing/{subject}", str(why))


def _age(samples: Samples, load: Load, gateway: Gateway) -> None:
    """Let a new gateway serve 50,000 requests, and see how its memory grows."""
    time.sleep(_SETTLE_S / 4)
    idle_mb = gateway.rss_mb()
    _serve(load, gateway, _FIRST)
    samples.add("ageing/gateway/warm_mb", gateway.rss_mb() - idle_mb)
    _serve(load, gateway, _REQUESTS - _FIRST)
    time.sleep(_SETTLE_S)
    samples.add("ageing/gateway/grown_mb", gateway.rss_mb() - idle_mb)


def _some(load: Load, gateway: Gateway, _seconds: float) -> Slice:
    """A slice of so many requests, not seconds: a fresh gateway shall not have served many."""
    return _serve(load, gateway, _AGED_SLICE)


def _serve(load: Load, gateway: Gateway, requests: int) -> Slice:
    return load.run(gateway, job(gateway, Asked("ageing"), _LONGEST_S, requests))

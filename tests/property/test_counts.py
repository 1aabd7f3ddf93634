"""Counts: invariant 48."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import event, given
from hypothesis import strategies as st

from router import errors
from router.types import FailureClass
from tests.property.memory import Listening, Said, Upstreams, VirtualLoop, open_router

if TYPE_CHECKING:
    from router import Router

_CONFIG: dict[str, Any] = {
    "version": 1,
    "providers": {name: {"adapter": "openai", "base_url": "http://127.0.0.1:1/v1"} for name in ("a", "b")},
    "defaults": {"timeout": "8s", "retries": {"max": 2, "backoff": {"base": "250ms", "cap": "1s"}}},
    "models": {"g": {"targets": ["a/x", "b/y"], "fallbacks": ["h"]}, "h": "a/z"},
}
_MESSAGES = [{"role": "user", "content": "x"}]
_SAYS = st.sampled_from(
    [
        Said(after_s=0.5),
        Said(after_s=100.0),
        Said(after_s=1.0, content_s=0.25),
        Said(after_s=1.0, content_s=0.25, body=b"cut"),
        Said(500, body=b"{}", after_s=0.25),
        Said(429, {"retry-after": "1"}, b"{}"),
        Said(400, body=b"{}"),
        Said(after_s=0.25, breaks=FailureClass.CONNECTION),
    ]
)


@dataclass(frozen=True)
class _Caller:
    """One request to come: when, and when its caller leaves; *closes*: after the first chunk."""

    at: float
    stream: bool
    leaves_s: float | None
    closes: bool
    model: str


_CALLERS = st.lists(
    st.builds(
        _Caller,
        at=st.sampled_from([0.0, 0.1, 1.0, 5.0]),
        stream=st.booleans(),
        leaves_s=st.sampled_from([None, None, 0.0, 0.2, 0.3, 3.0]),
        closes=st.booleans(),
        model=st.sampled_from(["g"] * 6 + ["nobody"]),
    ),
    min_size=1,
    max_size=6,
)


_WEATHER = st.fixed_dictionaries(
    {name: st.lists(_SAYS, min_size=1, max_size=3) for name in ("a/x", "b/y", "a/z")}
)


@given(callers=_CALLERS, weather=_WEATHER)
def test_invariant_48_what_began_is_told_once(callers: list[_Caller], weather: dict[str, list[Said]]) -> None:
    """started = answered + failed + cancelled, one record each; attempts are the calls that upstreams saw."""
    upstreams = Upstreams(weather)
    with (
        Listening() as logged,
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(_CONFIG, upstreams) as router,
    ):
        ends = Counter(runner.run(_all(router, callers)))
    for end in ends:
        event(f"some request: {end}")
    started = len(callers) - ends["refused"]
    records = [vars(line) for line in logged if line.getMessage() == "router.request_completed"]
    told = Counter(record["outcome"] for record in records)
    assert sum(told.values()) == started == router.engine.shared.requests
    assert told["ok"] == ends["ok"]
    assert told["cancelled"] == ends["cancelled"]
    assert sum(told.values()) - told["ok"] - told["cancelled"] == ends["failed"]
    assert len({record["request_id"] for record in records}) == started
    assert sum(record["attempts"] for record in records) == upstreams.calls.total()
    assert router.engine.shared.loads.in_flight == {}
    event(f"attempts: {min(upstreams.calls.total(), 8)}")


async def _all(router: Router, callers: list[_Caller]) -> list[str]:
    return await asyncio.gather(*(_one(router, caller) for caller in callers))


async def _one(router: Router, caller: _Caller) -> str:
    """How one request ended, as its caller saw it."""
    await asyncio.sleep(caller.at)
    task = asyncio.ensure_future(_ask(router, caller))
    if caller.leaves_s is not None:
        asyncio.get_running_loop().call_later(caller.leaves_s, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return "cancelled"


async def _ask(router: Router, caller: _Caller) -> str:
    try:
        answer = await router.acompletion(caller.model, _MESSAGES, stream=caller.stream)
        if not caller.stream:
            return "ok"
        async for _ in answer:  # type: ignore[union-attr]  # A stream was asked for.
            if caller.closes:
                await answer.aclose()
                return "cancelled"
    except errors.UnknownModel:
        return "refused"
    except errors.UpstreamError:
        return "failed"
    return "ok"

"""Every fault of an upstream that answers, plain and streamed, through the library over real sockets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from router import Router, errors
from tests.faults.server import MESSAGES, ask, open_router, provider
from tests.faults.table import TABLE, Case

if TYPE_CHECKING:
    from router.telemetry.events import Routing
    from tests.faults.server import FaultServer

CELLS = [pytest.param(case, mode, id=f"{case.name}, {mode}") for case in TABLE for mode in case.modes]
SLOWEST = {
    "attempt_timeout": "250ms",
    "stream": {"first_chunk_timeout": "250ms", "idle_timeout": "150ms"},
    "params": {"max_tokens": 5},
}


def router_for(server: FaultServer, case: Case) -> Router:
    """Group ``g`` asks the faulty target, then a healthy one; ``same`` asks the faulty one's server."""
    bad = provider(server.url, max_reply="8MiB")
    if case.adapter == "bytez":
        bad = {"adapter": "bytez", "base_url": server.root, "api_key": "env:CANARY", "max_reply": "8MiB"}
    name = f"org/{case.model}" if case.adapter == "bytez" else case.model
    return open_router(
        {"bad": bad, "good": provider(server.url)},
        {
            "g": {"targets": [f"bad/{name}", {"model": "good/healthy", "tier": 2}]},
            "same": "bad/healthy" if case.adapter == "openai" else "good/healthy",
            "healthy": "good/healthy",
        },
        SLOWEST if case.outcome == "timeout" else {"params": {"max_tokens": 5}},
    )


@pytest.mark.parametrize(("case", "mode"), CELLS)
async def test_fault(
    server: FaultServer, opened: list[Router], case: Case, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Class, attempts, time; the next requests succeed; no slot, task or descriptor is left."""
    monkeypatch.setenv("CANARY", "a-key-of-no-use")
    router = router_for(server, case)
    opened.append(router)
    began = time.monotonic()
    outcomes = await _asked(router, case, stream=mode == "stream")
    elapsed = time.monotonic() - began
    expected = [case.outcome, "ok"] if case.comes == "elsewhere" else [case.outcome]
    assert outcomes == expected
    assert elapsed < case.within_s
    for group in ("healthy", "same"):
        text, _ = await ask(router, group, stream=mode == "stream")
        assert text == "hi"


async def _asked(router: Router, case: Case, *, stream: bool) -> list[str]:
    """Ask as *case* says and check what comes of it; the attempts' outcomes."""
    if case.comes in ("elsewhere", "ok"):
        text, routing = await ask(router, "g", stream=stream)
        assert text == ("hi" if case.comes == "elsewhere" else case.text)
        if case.comes == "elsewhere":
            first, second = routing.attempts
            assert second.wait_s == 0
            assert second.started_s - first.started_s - first.seconds < 0.05
    elif case.comes == "fails":
        with pytest.raises(errors.BadRequest) as failed:
            await ask(router, "g", stream=stream)
        return [record.outcome for record in failed.value.attempts]
    else:
        text, routing = await _broken(router, case)
        assert text == case.text
    return [record.outcome for record in routing.attempts]


async def _broken(router: Router, case: Case) -> tuple[str, Routing]:
    """Read a stream that must break; what it said before."""
    opened = await router.acompletion("g", MESSAGES, stream=True)
    said: list[str] = []

    async def read() -> None:
        async for chunk in opened:
            said.extend(choice.delta.content or "" for choice in chunk.choices)

    with pytest.raises(errors.StreamInterrupted, match=case.outcome):
        await read()
    return "".join(said), opened.routing

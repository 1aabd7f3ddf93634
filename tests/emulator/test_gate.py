"""The free tier: one call at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from router.emulator.exchange import Refused
from router.emulator.gate import Gate
from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

GEMMA = "/models/v2/google/gemma-3-4b-it"
STALL = "/models/v2/faulty/stream-stall"
ASK: dict[str, Any] = {"input": "Hello"}


def test_free_tier_allows_one_call_at_a_time(until: Callable[[Callable[[], bool]], None]) -> None:
    """While a stream is open its key gets 429, another key and autoScale do not; then it is free."""
    with EmulatorServer(Settings(tier="free")) as server, httpx.Client(base_url=server.base_url) as client:
        one, other = {"authorization": "Key one"}, {"authorization": "Key other"}
        with client.stream("POST", STALL, json={**ASK, "stream": True}, headers=one) as response:
            assert response.headers["ratelimit-limit"] == "1"
            assert response.headers["ratelimit-remaining"] == "0"
            refused = client.post(GEMMA, json=ASK, headers=one)
            assert refused.status_code == 429
            assert refused.json() == {
                "error": "Rate limit exceeded: the free tier allows one call at a time",
                "output": None,
            }
            assert refused.headers["ratelimit-remaining"] == "0"
            assert client.post(GEMMA, json=ASK, headers=other).status_code == 200
            assert client.post(GEMMA, json={**ASK, "autoScale": True}, headers=one).status_code == 200
            assert client.get("/models/v2/list/tasks", headers=one).status_code == 200
        until(lambda: client.post(GEMMA, json=ASK, headers=one).status_code == 200)


def test_unlimited_tier_only_counts(client: httpx.Client) -> None:
    """Without a tier nothing is refused, and the header says how many are open."""
    with client.stream("POST", STALL, json={**ASK, "stream": True}) as response:
        assert response.headers["ratelimit-remaining"] == "999"
        assert client.post(GEMMA, json=ASK).headers["ratelimit-remaining"] == "998"


def test_nothing_is_kept_of_keys_at_rest() -> None:
    """A place is given back whatever ends the call, and idle keys take no memory."""
    gate = Gate("free")
    with pytest.raises(ZeroDivisionError), gate.call("k", auto_scale=False):
        raise ZeroDivisionError
    with gate.call("k", auto_scale=False), pytest.raises(Refused), gate.call("k", auto_scale=False):
        pass
    assert gate._in_flight == {}

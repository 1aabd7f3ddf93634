"""Tiers, credits and autoScale."""

from __future__ import annotations

from contextlib import ExitStack
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from router.emulator import gate as gate_module
from router.emulator.catalogue import find
from router.emulator.exchange import Refused
from router.emulator.gate import Gate
from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings
from router.emulator.tiers import TIERS, UNLIMITED, Tier

if TYPE_CHECKING:
    from collections.abc import Callable

GEMMA = "/models/v2/google/gemma-3-4b-it"
CHAT = "/models/v2/openai/v1/chat/completions"
SEVEN = (
    *("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"),
    *("inference-meter", "inference-meter-price", "inference-time", "inference-cost"),
)
STALL = "/models/v2/faulty/stream-stall"
ASK: dict[str, Any] = {"input": "Hello"}
GEMMA_4B = find("google/gemma-3-4b-it")


@pytest.mark.parametrize("settings", [Settings(), Settings(tier="free")], ids=["default", "free"])
def test_a_new_key_is_allowed_one_call_at_a_time(
    settings: Settings, until: Callable[[Callable[[], bool]], None]
) -> None:
    """While a stream is open its key gets 429, another key and autoScale do not; then it is free."""
    with EmulatorServer(settings) as server, httpx.Client(base_url=server.base_url) as client:
        one, other = {"authorization": "Key one"}, {"authorization": "Key other"}
        with client.stream("POST", STALL, json={**ASK, "stream": True}, headers=one) as response:
            assert response.headers["ratelimit-limit"] == "1"
            assert response.headers["ratelimit-remaining"] == "0"
            refused = client.post(GEMMA, json=ASK, headers=one)
            assert refused.status_code == 429
            assert refused.json() == {
                "error": "Rate limit exceeded: this tier allows one call of this size at a time",
                "output": None,
            }
            assert refused.headers["ratelimit-limit"] == "1"
            assert refused.headers["ratelimit-remaining"] == "0"
            assert refused.headers["ratelimit-reset"] == "1"
            assert client.post(GEMMA, json=ASK, headers=other).status_code == 200
            assert client.post(GEMMA, json={**ASK, "autoScale": True}, headers=one).status_code == 200
            assert client.get("/models/v2/list/tasks", headers=one).status_code == 200
        until(lambda: client.post(GEMMA, json=ASK, headers=one).status_code == 200)


def test_unlimited_tier_only_counts() -> None:
    """Nothing is refused, and the header says how many are open."""
    gate = Gate(Settings(tier=UNLIMITED))
    with ExitStack() as calls:
        for remaining in range(999, 899, -1):
            place = calls.enter_context(gate.enter("k", GEMMA_4B, auto_scale=False))
            assert place.headers["ratelimit-limit"] == "1000"
            assert place.headers["ratelimit-remaining"] == str(remaining)


def test_by_default_a_tier_is_free_but_for_models_of_any_size() -> None:
    """Models of all sizes run, each size one call at a time; what autoScale buys takes no size away."""
    gate = Gate(Settings())
    with ExitStack() as calls:
        for size in (7, 15, 35, 70, 120):
            model = find(f"org/model-{size}B")
            calls.enter_context(gate.enter("k", model, auto_scale=False))
            with pytest.raises(Refused, match="one call of this size") as full:
                gate.enter("k", model, auto_scale=False)
            assert full.value.status == 429
        for _ in range(3):
            place = calls.enter_context(gate.enter("k", find("org/model-120B"), auto_scale=True))
            assert place.headers["ratelimit-limit"] == "4"


def test_place_is_given_back_whatever_ends_the_call() -> None:
    """An error in the call frees its place."""
    gate = Gate(Settings(tier="free"))
    with pytest.raises(ZeroDivisionError), gate.enter("k", GEMMA_4B, auto_scale=False):
        raise ZeroDivisionError
    with gate.enter("k", GEMMA_4B, auto_scale=False), pytest.raises(Refused, match="one call"):
        gate.enter("k", GEMMA_4B, auto_scale=False)
    with gate.enter("k", GEMMA_4B, auto_scale=False) as place:
        assert place.headers["ratelimit-remaining"] == "0"


@pytest.mark.parametrize("tier", TIERS, ids=lambda tier: tier.name)
def test_each_tier_holds_so_many_calls_and_so_large_models(tier: Tier) -> None:
    """One call more is a 429, one size more a 403; the next size counts its own calls."""
    gate = Gate(Settings(tier=tier.name))
    with ExitStack() as calls:
        for _ in range(tier.concurrent):
            place = calls.enter_context(gate.enter("k", GEMMA_4B, auto_scale=False))
        assert place.headers["ratelimit-limit"] == str(tier.concurrent)
        assert place.headers["ratelimit-remaining"] == "0"
        with pytest.raises(Refused) as full:
            gate.enter("k", GEMMA_4B, auto_scale=False)
        assert full.value.status == 429
        calls.enter_context(gate.enter("other", GEMMA_4B, auto_scale=False))
        if tier.up_to >= 35:
            calls.enter_context(gate.enter("k", find("google/gemma-3-27b-it"), auto_scale=False))
    for size in (7, 35, 70, 120):
        model = find(f"org/model-{size}B")
        if size <= tier.up_to:
            with gate.enter("k", model, auto_scale=False):
                pass
        else:
            with pytest.raises(Refused) as large:
                gate.enter("k", model, auto_scale=True)
            assert large.value.status == 403


@pytest.mark.parametrize("settings", [Settings(), Settings(tier="free")], ids=["default", "free"])
def test_closed_models_take_ten_calls_a_second_of_a_new_key(settings: Settings) -> None:
    """They have no size and no places; the eleventh call within a second is a 429, later it is not."""
    now = [0.0]
    gate = Gate(settings, lambda: now[0])
    model = find("anthropic/claude-sonnet-4-5")

    def call() -> None:
        with gate.enter("k", model, auto_scale=False):
            pass

    for _ in range(10):
        call()
    now[0] = 0.99
    with pytest.raises(Refused, match="10 calls a second"):
        call()
    now[0] = 1.0
    for _ in range(10):
        call()
    paid = Gate(Settings(tier="3"), lambda: 0.0)
    for _ in range(50):
        paid.enter("k", model, auto_scale=False)


@pytest.mark.parametrize("tier", ["50", "1000"])
@pytest.mark.parametrize(
    "model", ["meta-llama/Llama-3.1-405B-Instruct", "mistralai/Mixtral-8x22B-Instruct-v0.1", "org/big-1200b"]
)
def test_no_tier_of_bytez_holds_what_is_larger_than_its_table(tier: str, model: str) -> None:
    """Models above the largest size of the table are a 403 on every tier, but not by default."""
    with pytest.raises(Refused, match="up to 120B") as large:
        Gate(Settings(tier=tier)).enter("k", find(model), auto_scale=True)
    assert large.value.status == 403
    with Gate(Settings()).enter("k", find(model), auto_scale=False):
        pass


def test_headers_of_closed_models_show_their_own_limit() -> None:
    """Without credit ten calls a second and what is left of them, whatever open calls run; then no limit."""
    now = [0.0]
    gate = Gate(Settings(), lambda: now[0])
    model = find("anthropic/claude-sonnet-4-5")

    def shown(headers: dict[str, str]) -> tuple[str, str, str]:
        return headers["ratelimit-limit"], headers["ratelimit-remaining"], headers["ratelimit-reset"]

    assert shown(gate.headers("k", model)) == ("10", "10", "1")
    with gate.enter("k", GEMMA_4B, auto_scale=False) as place:
        assert shown(place.headers) == ("1", "0", "1")
        for remaining in range(9, -1, -1):
            closed = gate.enter("k", model, auto_scale=False)
            assert shown(closed.headers) == ("10", str(remaining), "1")
    assert shown(gate.headers("k", model)) == ("10", "0", "1")
    assert shown(gate.headers("k", GEMMA_4B)) == ("1", "1", "1")
    now[0] = 1.0
    assert shown(gate.headers("k", model)) == ("10", "10", "1")
    assert shown(gate.enter("k", model, auto_scale=False).headers) == ("10", "9", "1")
    paid = Gate(Settings(tier="3"), lambda: 0.0)
    with paid.enter("k", model, auto_scale=False) as place:
        assert shown(place.headers) == ("1000", "999", "1")


def test_closed_models_are_as_fast_as_the_tier_that_was_bought() -> None:
    """autoScale buys nothing for the limit of ten a second; what it bought for open calls lifts it."""
    gate = Gate(Settings(), lambda: 0.0)
    model = find("anthropic/claude-sonnet-4-5")
    for _ in range(10):
        gate.enter("k", model, auto_scale=True)
    with pytest.raises(Refused, match="10 calls a second") as refused:
        gate.enter("k", model, auto_scale=True)
    assert refused.value.status == 429
    with gate.enter("k", GEMMA_4B, auto_scale=False), gate.enter("k", GEMMA_4B, auto_scale=True):
        pass
    for _ in range(20):
        gate.enter("k", model, auto_scale=False)


def test_auto_scale_buys_the_next_tier_up_to_the_cap() -> None:
    """It buys row by row while the tier is full, stays there, and stops at the cap and at the table's end."""
    gate = Gate(Settings(tier="free", auto_scale_cap=10))
    with ExitStack() as calls:
        for limit in ("1", "4", "4", "4"):  # $3 and $10 both allow four.
            place = calls.enter_context(gate.enter("k", GEMMA_4B, auto_scale=True))
            assert place.headers["ratelimit-limit"] == limit
        with pytest.raises(Refused) as full:
            gate.enter("k", GEMMA_4B, auto_scale=True)
        assert full.value.status == 429
        assert "4 calls" in full.value.message
    top = Gate(Settings(tier="1000"))
    with ExitStack() as calls:
        for _ in range(400):
            calls.enter_context(top.enter("k", GEMMA_4B, auto_scale=True))
        with pytest.raises(Refused, match="400 calls"):
            top.enter("k", GEMMA_4B, auto_scale=True)


def test_credit_falls_and_runs_out() -> None:
    """Each call costs price times seconds; a call in flight ends, the next is a 402, autoScale buys more."""
    gate = Gate(Settings(tier="free", credits=Decimal("0.0001")))
    with gate.enter("k", GEMMA_4B, auto_scale=False) as place:
        place.bill(1)
    with gate.enter("k", GEMMA_4B, auto_scale=False) as place:
        place.bill(100)
    with pytest.raises(Refused) as broke:
        gate.enter("k", GEMMA_4B, auto_scale=False)
    assert broke.value.status == 402
    assert broke.value.body == {
        "status": 402,
        "error": "Payment Required",
        "message": "Insufficient credits to run this model",
    }
    with gate.enter("k", GEMMA_4B, auto_scale=True) as place:
        assert place.headers["ratelimit-limit"] == "4"
        place.bill(10_000)  # $0.72 of the $5 that the plan gives
    with gate.enter("k", GEMMA_4B, auto_scale=False):
        pass
    unlimited = Gate(Settings(tier=UNLIMITED, credits=Decimal(0)))
    with pytest.raises(Refused) as broke:
        unlimited.enter("k", GEMMA_4B, auto_scale=True)
    assert broke.value.status == 402


def test_accounts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many keys the one unused for longest begins anew."""
    monkeypatch.setattr(gate_module, "MAX_KEYS", 2)
    gate = Gate(Settings(credits=Decimal("0.0001")))
    for key in ("a", "b", "a", "c"):
        with gate.enter(key, GEMMA_4B, auto_scale=False) as place:
            if key != "c":
                place.bill(1)
    with pytest.raises(Refused):
        gate.enter("a", GEMMA_4B, auto_scale=False)
    with gate.enter("b", GEMMA_4B, auto_scale=False):
        pass


def test_refusals_have_the_seven_headers() -> None:
    """A run that is refused has all seven too, with no time and no cost."""
    with EmulatorServer(Settings(credits=Decimal(0))) as server, httpx.Client() as client:
        refused = client.post(server.base_url + GEMMA, json=ASK, headers={"authorization": "Key one"})
        assert refused.status_code == 402
        assert refused.headers["inference-cost"] == "0.000000"
        assert refused.headers["ratelimit-limit"] == "1"
        server.reset()
        missing = f"{server.base_url}/models/v2/missing/model"
        gone = client.post(missing, json=ASK, headers={"authorization": "Key one"})
        assert gone.status_code == 404
        assert gone.headers["inference-time"] == "0"


@pytest.mark.parametrize(
    ("path", "key", "body", "status", "has"),
    [
        (GEMMA, "good", b'{"inputs": "x"}', 400, True),
        (CHAT, "good", b'{"model": "Qwen/Qwen3-4B"}', 400, True),
        ("/run", "bad", b"{}", 400, True),
        (GEMMA, "bad", b'{"input": "x"}', 401, False),
        (CHAT, "bad", b'{"model": "Qwen/Qwen3-4B"}', 401, False),
        (GEMMA, "good", b"input", 400, False),
        (CHAT, "good", b"{}", 400, False),
        ("/models/v3/a/b", "good", b"{}", 404, False),
    ],
)
def test_which_refusals_have_the_seven_headers(
    client: httpx.Client, path: str, key: str, body: bytes, status: int, *, has: bool
) -> None:
    """Those of a run whose key and model are known; nothing is made up for the others."""
    headers = {"authorization": f"Key {key}", "content-type": "application/json"}
    response = client.post(path, content=body, headers=headers)
    assert response.status_code == status
    assert [name in response.headers for name in SEVEN] == [has] * 7


def test_streams_are_billed_too() -> None:
    """A stream costs what its plain answer costs."""
    with EmulatorServer(Settings(credits=Decimal("0.00007"))) as server, httpx.Client() as client:
        url, headers = server.base_url + GEMMA, {"authorization": "Key one"}
        for status in (200, 402):
            body = {**ASK, "stream": True}
            assert client.post(url, json=body, headers=headers).status_code == status
        server.reset()
        assert client.post(url, json=ASK, headers=headers).status_code == 200

"""Every fault, as a client sees it on a real socket."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest

from router.emulator.exchange import Refused
from router.emulator.faults import ERROR_TEXT, FAULTS, faults_table, find
from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings
from router.emulator.switch import MAX_MODELS, FaultSwitch
from router.emulator.tiers import UNLIMITED

if TYPE_CHECKING:
    from collections.abc import Callable

ASK: dict[str, Any] = {"input": "Hello"}
STREAM: dict[str, Any] = {"input": "Hello", "stream": True}

STATUSES = {
    "400": "Bad request",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "Model does not exist or has yet to be added to the Bytez catalog",
    "408": "Request timeout",
    "409": "Conflict",
    "413": "Payload too large",
    "422": "Unsupported params were passed to the api: [temperature]",
    "429": "Rate limit exceeded",
    "451": "Unavailable for legal reasons",
    "500": "Internal server error",
    "502": "Bad gateway",
    "503": "Service Unavailable",
    "504": "Gateway timeout",
    "529": "Overloaded",
}


def ask(client: httpx.Client, fault: str, body: dict[str, Any] = ASK) -> httpx.Response:
    return client.post(f"/models/v2/faulty/{fault}", json=body)


@pytest.mark.parametrize("body", [ASK, STREAM])
@pytest.mark.parametrize("name", sorted(STATUSES))
def test_status(client: httpx.Client, name: str, body: dict[str, Any]) -> None:
    """A status fault answers with it, in JSON with both keys, plain and streamed alike."""
    response = ask(client, name, body)
    assert response.status_code == int(name)
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.json() == {"error": STATUSES[name], "output": None}
    assert "retry-after" not in response.headers
    assert response.headers["inference-cost"] == "0.000000"


def test_payment_required(client: httpx.Client) -> None:
    """402 has Bytez's own body, without `output`."""
    response = ask(client, "402")
    assert response.status_code == 402
    assert response.json() == {
        "status": 402,
        "error": "Payment Required",
        "message": "Insufficient credits to run this model",
    }


@pytest.mark.parametrize(("name", "status", "seconds"), [("429", 429, 2), ("503", 503, 1_000_000_000)])
def test_retry_after(client: httpx.Client, name: str, status: int, seconds: int) -> None:
    """The number in the name is the Retry-After."""
    response = ask(client, f"{name}-retry-after-{seconds}s")
    assert response.status_code == status
    assert response.headers["retry-after"] == str(seconds)


@pytest.mark.parametrize("body", [ASK, STREAM])
def test_bodies_that_are_no_answer(client: httpx.Client, body: dict[str, Any]) -> None:
    """Errors hidden in a 200, HTML, broken and missing JSON come as they are."""
    response = ask(client, "200-with-error", body)
    assert response.status_code == 200
    assert response.json() == {"error": "The model failed to load", "output": None}
    for name, status in (("html", 200), ("html-502", 502)):
        response = ask(client, name, body)
        assert response.status_code == status
        assert response.headers["content-type"] == "text/html; charset=utf-8"
        assert response.text.startswith("<!doctype html>")
    for name in ("truncated-json", "invalid-json", "empty"):
        response = ask(client, name, body)
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
            response.json()
    assert ask(client, "empty", body).content == b""


def test_redirect(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """A client that follows shows itself: the redirect's target is recorded under its own path."""
    response = ask(client, "redirect")
    assert response.status_code == 302
    assert response.headers["location"] == "/models/v2/redirected/model"
    assert len(bytez_emulator.requests()) == 1


def test_slow(client: httpx.Client) -> None:
    """The usual answer comes, not before the time is over."""
    start = time.monotonic()
    response = ask(client, "slow-120ms")
    assert time.monotonic() - start >= 0.12
    assert response.json()["output"]["content"][0]["text"].startswith('You said: "Hello"')


@pytest.mark.parametrize("name", ["hang", "slow-600000ms"])
def test_silence(client: httpx.Client, name: str) -> None:
    """Nothing comes, not even headers, until the client gives up."""
    with pytest.raises(httpx.ReadTimeout):
        client.post(f"/models/v2/faulty/{name}", json=ASK, timeout=0.1)


@pytest.mark.parametrize("body", [ASK, STREAM])
def test_cut_before_an_answer(client: httpx.Client, body: dict[str, Any]) -> None:
    """The connection ends without a byte."""
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        ask(client, "cut", body)


def test_stream_cut(client: httpx.Client) -> None:
    """Half of the text arrives, then the connection ends without the end of the message."""
    parts: list[bytes] = []
    path = "/models/v2/faulty/stream-cut"
    with client.stream("POST", path, json=STREAM) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
            parts.extend(response.iter_raw())
    usual = ask(client, "slow-0ms", STREAM).text.replace("slow-0ms", "stream-cut")
    assert b"".join(parts).decode() == usual[: len(usual) // 2]


def test_stream_cut_of_a_short_answer(client: httpx.Client) -> None:
    """However short the answer, something arrives before the cut."""
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        ask(client, "stream-cut", {**STREAM, "params": {"max_new_tokens": 1}})


def test_stream_stall(client: httpx.Client) -> None:
    """Half of the text arrives, then silence."""
    parts: list[bytes] = []
    path = "/models/v2/faulty/stream-stall"
    with client.stream("POST", path, json=STREAM, timeout=0.2) as response:
        assert response.status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            parts.extend(response.iter_raw())
    assert b"".join(parts).startswith(b'You said: "Hello"')


def test_errors_in_the_text_of_a_stream(client: httpx.Client) -> None:
    """The error is text, first or last, and the stream ends well."""
    assert ask(client, "stream-error-first", STREAM).text == ERROR_TEXT
    text = ask(client, "stream-error-text", STREAM).text
    assert text.startswith('You said: "Hello"')
    assert text.endswith(f"\n{ERROR_TEXT}")
    assert ERROR_TEXT.startswith("Error: ")


@pytest.mark.parametrize("name", ["stream-cut", "stream-stall", "stream-error-text", "stream-error-first"])
def test_stream_faults_leave_plain_requests_alone(client: httpx.Client, name: str) -> None:
    """A request without `stream` gets the usual answer."""
    text = ask(client, name).json()["output"]["content"][0]["text"]
    assert text.startswith('You said: "Hello"')
    assert ERROR_TEXT not in text


def test_fails_then_works(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """The first N calls fail; healing starts the count anew; each id counts for itself."""
    assert [ask(client, "fails-2-then-works").status_code for _ in range(4)] == [500, 500, 200, 200]
    assert ask(client, "fails-1-then-works").status_code == 500
    bytez_emulator.heal("faulty/fails-2-then-works")
    assert ask(client, "fails-2-then-works").status_code == 500
    assert ask(client, "fails-0-then-works").status_code == 200


def test_flaky(client: httpx.Client) -> None:
    """Every other call fails, the first included."""
    assert [ask(client, "flaky").status_code for _ in range(4)] == [500, 200, 500, 200]


def test_mistakes_come_before_faults(client: httpx.Client) -> None:
    """A wrong body is told even to a client that asked for a fault."""
    response = ask(client, "503", {"input": "Hello", "max_tokens": 1})
    assert response.status_code == 400
    assert "max_tokens" in response.json()["error"]


def test_unknown_fault(client: httpx.Client) -> None:
    """A misspelt name is 404 with the nearest one; a number too large is told."""
    response = ask(client, "steam-cut")
    assert response.status_code == 404
    assert "did you mean 'stream-cut'?" in response.json()["error"]
    assert "did you mean" not in ask(client, "@@@").json().get("error", "")
    error = ask(client, "slow-600001ms").json()["error"]
    assert error == "in the fault slow-Nms N is at most 600000"


def test_table_is_complete() -> None:
    """Each row's name finds its effect, stands once in the table, and the table prints them all."""
    for fault in FAULTS:
        assert find(fault.name.replace("N", "1")) == fault.effect(1)
        assert f"faulty/{fault.name} " in faults_table()
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_numbers_are_plain_digits() -> None:
    """Digits of other scripts and signs are no numbers."""
    for name in ("slow-\u0661ms", "slow--1ms", "slow-ms", "slow-99999999999ms"):
        with pytest.raises(Refused):
            find(name)


def test_failing_and_healing_at_run_time(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """Any model can be made to fail, over HTTP and from Python, and healed; others are not touched."""
    model, control = "/models/v2/google/gemma-3-4b-it", "/emulator/faults/google/gemma-3-4b-it"
    assert client.put(control, json={"fault": "503"}).status_code == 204
    assert client.post(model, json=ASK).status_code == 503
    assert client.post("/models/v2/google/gemma-3-12b-it", json=ASK).status_code == 200
    assert client.get("/emulator/faults").json() == {"google/gemma-3-4b-it": "503"}
    assert client.delete(control).status_code == 204
    assert client.post(model, json=ASK).status_code == 200
    bytez_emulator.fail("google/gemma-3-4b-it", "fails-1-then-works")
    assert [client.post(model, json=ASK).status_code for _ in range(2)] == [500, 200]
    bytez_emulator.fail("google/gemma-3-4b-it", "fails-1-then-works")
    assert client.post(model, json=ASK).status_code == 500
    assert client.delete("/emulator/faults").status_code == 204
    assert client.get("/emulator/faults").json() == {}
    assert client.post(model, json=ASK).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b'{"fault": "50"}', 404, "no fault of this name"),
        (b'{"fault": 503}', 400, 'the body must be {"fault": name}'),
        (b'["503"]', 400, 'the body must be {"fault": name}'),
        (b"503,", 400, "not JSON"),
    ],
)
def test_control_mistakes(client: httpx.Client, content: bytes, status: int, words: str) -> None:
    """What is no fault is refused and changes nothing."""
    headers = {"content-type": "application/json"}
    response = client.put("/emulator/faults/google/gemma-3-4b-it", content=content, headers=headers)
    assert response.status_code == status
    assert words in response.json()["error"]
    assert client.get("/emulator/faults").json() == {}


def test_python_mistake(bytez_emulator: EmulatorServer) -> None:
    """An unknown fault is a ValueError with the nearest name."""
    with pytest.raises(ValueError, match=r"'hung': .*did you mean 'hang'"):
        bytez_emulator.fail("google/gemma-3-4b-it", "hung")


def test_number_of_models_with_a_fault_is_bounded() -> None:
    """One more than the limit is refused, changing one of them is not."""
    switch = FaultSwitch()
    for number in range(MAX_MODELS):
        switch.fail(f"org/{number}", "500")
    switch.fail("org/0", "503")
    with pytest.raises(Refused, match="heal one first"):
        switch.fail("org/more", "500")


def test_cuts_and_hangs_leave_no_trace(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    until: Callable[[Callable[[], bool]], None],
) -> None:
    """Neither a cut nor a client that leaves nor closing prints or logs an error."""
    before = threading.active_count()
    # Unlimited: the call that was given up may be under way still when the next one comes.
    with EmulatorServer(Settings(tier=UNLIMITED)) as server:
        with httpx.Client(base_url=server.base_url, headers={"authorization": "Key k"}) as client:
            for name in ("cut", "stream-cut"):
                with pytest.raises(httpx.RemoteProtocolError):
                    ask(client, name, STREAM)
            with pytest.raises(httpx.ReadTimeout):
                client.post("/models/v2/faulty/hang", json=ASK, timeout=0.05)
        hanging = threading.Thread(target=_expect_disconnect, args=(server.base_url,))
        hanging.start()
        until(lambda: len(server.requests()) == 4)
    hanging.join()
    assert threading.active_count() == before
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert capfd.readouterr() == ("", "")


def _expect_disconnect(base_url: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{base_url}/models/v2/faulty/hang", json=ASK, headers={"authorization": "Key k"})

"""What is recorded of the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from router.emulator import recorder as recorder_module
from router.emulator.exchange import Exchange, Message
from router.emulator.recorder import MAX_BODY_BYTES, MAX_REQUESTS, Recorder

if TYPE_CHECKING:
    import httpx2 as httpx
    import pytest

    from router.emulator.serve import EmulatorServer

GEMMA = "/models/v2/google/gemma-3-4b-it"


def an_exchange(path: str = "/x", headers: tuple[tuple[bytes, bytes], ...] = ()) -> Exchange:
    async def receive() -> Message:
        raise NotImplementedError

    async def send(message: Message) -> None:
        raise NotImplementedError

    scope = {"method": "POST", "path": path, "query_string": b"", "headers": headers}
    return Exchange(scope, receive, send)


def read(recorder: Recorder) -> list[dict[str, Any]]:
    value: list[dict[str, Any]] = orjson.loads(recorder.dump())
    return value


def test_requests_are_recorded_oldest_first(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """Method, path as sent, headers with keys masked and the parsed body; over HTTP and in Python."""
    client.get("/models/v2/list/models?modelId=google/gemma-3-4b-it")
    body = {"input": "Grüße", "params": {"top_k": 3}}
    client.post(GEMMA, json=body, headers={"provider-key": "pk-secret", "x-plain": "seen"})
    recorded = client.get("/emulator/requests").json()
    assert recorded == bytez_emulator.requests()
    listing, run = recorded
    assert (listing["method"], listing["path"], listing["body"]) == (
        "GET",
        "/models/v2/list/models?modelId=google/gemma-3-4b-it",
        None,
    )
    assert set(run) == {"method", "path", "headers", "body"}
    assert (run["method"], run["path"], run["body"]) == ("POST", GEMMA, body)
    assert run["headers"]["authorization"] == "Key ***"
    assert run["headers"]["provider-key"] == "***"
    assert run["headers"]["x-plain"] == "seen"
    assert run["headers"]["content-type"] == "application/json"


def test_refused_requests_are_recorded(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """A wrong key, path or body is what a test wants to see."""
    client.post(GEMMA, json={"input": "a"}, headers={"authorization": "Bearer bad"})
    client.post("/v1/chat/completions", json={"model": "a"})
    client.post(GEMMA, content=b"{", headers={"content-type": "application/json"})
    first, second, third = bytez_emulator.requests()
    assert first["headers"]["authorization"] == "Bearer ***"
    assert (second["path"], second["body"]) == ("/v1/chat/completions", {"model": "a"})
    assert (third["path"], third["body"]) == (GEMMA, None)


def test_hanging_requests_are_recorded(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """The record is made before the answer; the emulator's own routes are not in it."""
    with client.stream("POST", "/models/v2/faulty/stream-stall", json={"input": "a", "stream": True}):
        client.get("/emulator/faults")
        assert [request["path"] for request in bytez_emulator.requests()] == [
            "/models/v2/faulty/stream-stall"
        ]


def test_delete_clears(client: httpx.Client, bytez_emulator: EmulatorServer) -> None:
    """DELETE forgets, and so does clear()."""
    client.post(GEMMA, json={"input": "a"})
    response = client.delete("/emulator/requests")
    assert (response.status_code, response.content) == (204, b"")
    assert client.get("/emulator/requests").json() == []
    client.post(GEMMA, json={"input": "a"})
    bytez_emulator.clear()
    assert bytez_emulator.requests() == []


def test_keys_never_stay() -> None:
    """Every header that may hold a secret is masked; a bare key leaves nothing of itself."""
    recorder = Recorder()
    names = ("authorization", "provider-key", "x-api-key", "cookie", "x-auth-token", "my-secret")
    headers = tuple((name.encode(), b"topsecret") for name in names)
    recorder.add(an_exchange(headers=headers), b"", is_json=False)
    recorder.add(an_exchange(headers=((b"Authorization", b"Basic topsecret"),)), b"", is_json=False)
    assert b"topsecret" not in recorder.dump()
    first, second = read(recorder)
    assert first["headers"] == dict.fromkeys(names, "***")
    assert second["headers"] == {"authorization": "Basic ***"}


def test_repeated_headers_are_joined() -> None:
    """Nothing of a repeated header is lost."""
    recorder = Recorder()
    recorder.add(an_exchange(headers=((b"accept", b"a"), (b"Accept", b"b"))), b"", is_json=False)
    assert read(recorder)[0]["headers"] == {"accept": "a, b"}


def test_number_is_bounded() -> None:
    """The last thousand are kept."""
    recorder = Recorder()
    for number in range(MAX_REQUESTS + 5):
        recorder.add(an_exchange(f"/{number}"), b"1", is_json=True)
    recorded = read(recorder)
    assert len(recorded) == MAX_REQUESTS
    assert (recorded[0]["path"], recorded[-1]["path"]) == ("/5", f"/{MAX_REQUESTS + 4}")


def test_bytes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit is told and not kept; all together stay below the total."""
    recorder = Recorder()
    recorder.add(an_exchange(), b"1" * (MAX_BODY_BYTES + 1), is_json=True)
    (entry,) = read(recorder)
    assert entry["body"] is None
    assert entry["note"] == "a body of 1048577 bytes is not kept: over 1048576"
    recorder.clear()
    monkeypatch.setattr(recorder_module, "MAX_TOTAL_BYTES", 25)
    for number in range(5):
        recorder.add(an_exchange(f"/{number}"), b'"12345678"', is_json=True)
    assert [entry["path"] for entry in read(recorder)] == ["/3", "/4"]


def test_heads_are_bounded() -> None:
    """A head of any size is kept in part."""
    recorder = Recorder()
    headers = tuple((b"x-%d" % number, b"v" * 9_000) for number in range(300))
    recorder.add(an_exchange("/" + "p" * 9_000, headers), b"", is_json=False)
    assert len(recorder.dump()) < 250_000

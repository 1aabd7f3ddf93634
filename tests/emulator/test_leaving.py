"""A client that leaves gives its place back: the next call of its key is not refused for it."""

from __future__ import annotations

import socket
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest

from router import Router
from router.emulator.serve import EmulatorServer

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = {"authorization": "Key one"}
ASK = {"input": "Hello"}
GOOD = "/models/v2/Qwen/Qwen3-4B"
TIMES = 10


@pytest.fixture(scope="module")
def default() -> Iterator[httpx.Client]:
    """A client of an emulator as `router emulate` starts it: a key has one call at a time."""
    with (
        EmulatorServer() as server,
        httpx.Client(base_url=server.base_url, timeout=10, headers=KEY) as client,
    ):
        yield client


@contextmanager
def in_work(client: httpx.Client, model: str, body: bytes) -> Iterator[None]:
    """A call of *model* on a socket of its own, begun; its client leaves at the end."""
    url = urlsplit(str(client.base_url))
    head = (
        f"POST /models/v2/{model} HTTP/1.1\r\nhost: {url.netloc}\r\nauthorization: Key one\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(head.encode() + body)
        if b"stream" in body:
            assert connection.recv(16)
        deadline = time.monotonic() + 10
        while (
            client.post(GOOD, json={}).headers["ratelimit-remaining"] != "0"
        ):  # A 400, which takes no place.
            assert time.monotonic() < deadline, "the call did not begin"
        yield


def status_on_a_new_connection(client: httpx.Client) -> int:
    """By the standard library, whose connections are made faster than a client of httpx."""
    connection = HTTPConnection(client.base_url.host, client.base_url.port or 80, timeout=10)
    with closing(connection):
        connection.request("POST", GOOD, b'{"input": "Hello"}', {**KEY, "content-type": "application/json"})
        return connection.getresponse().status


@pytest.mark.parametrize(
    ("model", "body"),
    [
        ("faulty/slow-3000ms", b'{"input": "Hello"}'),
        ("faulty/hang", b'{"input": "Hello"}'),
        ("faulty/stream-stall", b'{"input": "Hello", "stream": true}'),
    ],
)
@pytest.mark.parametrize("kept", [True, False], ids=["a connection that stands", "a new connection"])
def test_who_has_left_is_not_in_the_way(default: httpx.Client, model: str, body: bytes, kept: bool) -> None:
    """The same key's next call is answered, however soon after a silent one, or half a stream, it comes."""
    for _ in range(TIMES):
        with in_work(default, model, body):
            pass
        if kept:
            assert default.post(GOOD, json=ASK).status_code == 200
        else:
            assert status_on_a_new_connection(default) == 200


def test_who_has_not_left_is(default: httpx.Client) -> None:
    """A second call beside one in work is a 429, and soon; when that has been left, none."""
    with in_work(default, "faulty/hang", b'{"input": "Hello"}'):
        for _ in range(3):
            start = time.monotonic()
            refused = default.post(GOOD, json=ASK)
            assert refused.status_code == 429
            assert refused.headers["ratelimit-remaining"] == "0"
            assert time.monotonic() - start < 1
    assert default.post(GOOD, json=ASK).status_code == 200


def test_a_fallback_on_the_same_key_is_answered(default: httpx.Client) -> None:
    """The everyday demonstration: a silent model is given up after its time, and the next one answers."""
    text = f"""
version: 1
providers:
  bytez: {{base_url: "{default.base_url}", api_key: env:HOME}}
defaults: {{attempt_timeout: 200ms, ejection: false}}
models:
  m: {{targets: [bytez/faulty/slow-5000ms, {{model: bytez/Qwen/Qwen3-4B, tier: 2}}]}}
"""
    with Router.from_yaml(text) as router:
        for _ in range(5):
            reply = router.completion("m", [{"role": "user", "content": "Hi"}])
            assert reply.routing is not None
            assert [attempt.outcome for attempt in reply.routing.attempts] == ["timeout", "ok"]

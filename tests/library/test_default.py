from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import pytest

import router as package
from router import ConfigError, default
from tests.library.upstream import DONE, END, KEY, MESSAGES, OK, Upstream, chunk, reply, stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NATIVE = reply(200, {"error": None, "output": {"role": "assistant", "content": "native"}})
MODEL = "bytez/google/gemma-3-4b-it"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has a process default of its own."""
    made = default._Default()
    monkeypatch.setattr(default, "_default", made)
    yield
    if made._router is not None:
        made._router.close()


@pytest.fixture
def bytez(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    monkeypatch.setenv("BYTEZ_API_KEY", KEY)
    monkeypatch.setenv("BYTEZ_BASE_URL", up.root + "/models/v2")
    up.script(NATIVE)
    return up


def test_without_a_file(bytez: Upstream) -> None:
    """Any Bytez model answers under its own name, with BYTEZ_API_KEY, on one router."""
    for _ in range(2):
        answer = package.completion(MODEL, MESSAGES)
        assert answer.choices[0].message.content == "native"
    assert bytez.connections == 1
    seen = bytez.seen[0]
    assert seen.target == "/models/v2/google/gemma-3-4b-it"
    assert seen.headers["authorization"] == f"Key {KEY}"


async def test_async_and_streams(bytez: Upstream) -> None:
    """acompletion and streams go through the same router."""
    assert (await package.acompletion(MODEL, MESSAGES)).choices[0].message.content == "native"
    bytez.script(reply(200, b"some text", {"content-type": "text/plain"}))
    streamed = await package.acompletion(MODEL, MESSAGES, stream=True)
    said = [piece.choices[0].delta.content async for piece in streamed]
    assert "".join(filter(None, said)) == "some text"
    assert streamed.routing.finish_reason == "assumed"
    assert len(list(package.completion(MODEL, MESSAGES, stream=True))) == 2


def test_no_key() -> None:
    """Without BYTEZ_API_KEY the error names it; nothing is remembered of the failure."""
    for _ in range(2):
        with pytest.raises(ConfigError, match="BYTEZ_API_KEY"):
            package.completion(MODEL, MESSAGES)


def test_environment_changes(bytez: Upstream, two: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed key or address makes a new router; the old one goes when it is forgotten."""
    two.script(NATIVE)
    package.completion(MODEL, MESSAGES)
    monkeypatch.setenv("BYTEZ_API_KEY", "another-key-0000")
    package.completion(MODEL, MESSAGES)
    assert bytez.seen[1].headers["authorization"] == "Key another-key-0000"
    monkeypatch.setenv("BYTEZ_BASE_URL", two.root)
    package.completion(MODEL, MESSAGES)
    assert len(two.seen) == 1
    gc.collect()


def test_replaced_while_a_stream_is_read(bytez: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of the old router is read to its end."""
    bytez.script(reply(200, b"one text", {"content-type": "text/plain"}), NATIVE)
    held = package.completion(MODEL, MESSAGES, stream=True)
    monkeypatch.setenv("BYTEZ_API_KEY", "another-key-0000")
    package.completion(MODEL, MESSAGES)
    gc.collect()
    said = [piece.choices[0].delta.content for piece in held]
    assert "".join(filter(None, said)) == "one text"


async def test_replaced_while_an_async_stream_is_read(
    bytez: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in the caller's own loop: what is open stays open while it is read."""
    gate = asyncio.Event()
    bytez.script(stream(b"one ", gate, b"text"), NATIVE)
    held = await package.acompletion(MODEL, MESSAGES, stream=True)
    monkeypatch.setenv("BYTEZ_API_KEY", "another-key-0000")
    await package.acompletion(MODEL, MESSAGES)
    gc.collect()
    bytez.release(gate)
    said = [piece.choices[0].delta.content async for piece in held]
    assert "".join(filter(None, said)) == "one text"


def test_router_config(up: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ROUTER_CONFIG names the file to serve; what it does not name is not reachable."""
    up.script(stream(chunk({"content": "x"}), END, DONE), OK)
    file = tmp_path / "router.yaml"
    file.write_text(
        f"version: 1\nproviders:\n  local: {{adapter: openai, base_url: {up.url}}}\nmodels: {{m: local/x}}\n"
    )
    monkeypatch.setenv("ROUTER_CONFIG", str(file))
    assert len(list(package.completion("m", MESSAGES, stream=True))) == 2
    answer = package.completion("m", MESSAGES, temperature=1)
    assert answer.routing.group == "m"
    with pytest.raises(package.RequestError):
        package.completion(MODEL, MESSAGES)

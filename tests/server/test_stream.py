"""Streams: the events as OpenAI sends them, and their two possible ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from tests.server.world import MESSAGES, chunk

if TYPE_CHECKING:
    from tests.server.world import GatewayThread, Upstream


def test_events(gateway: GatewayThread, upstream: Upstream) -> None:
    """Each chunk is one event, passed on byte for byte; the last event is [DONE]."""
    response = gateway.chat("stream", stream=True)
    deltas = ({"role": "assistant"}, {"content": "H"}, {"content": "i"})
    events = [chunk(delta) for delta in deltas] + [chunk({}, "stop"), b"[DONE]"]
    assert response.content == b"".join(b"data: " + event + b"\n\n" for event in events)


def test_headers(gateway: GatewayThread, upstream: Upstream) -> None:
    """The head says that it is a stream, that nobody may hold it back, and who answers."""
    headers = gateway.chat("stream", stream=True).headers
    assert headers["content-type"] == "text/event-stream; charset=utf-8"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"
    assert headers["x-router-target"] == "up/stream"
    assert headers["x-router-attempts"] == "1"


def test_event_of_several_lines(gateway: GatewayThread, upstream: Upstream) -> None:
    """An upstream's event of several lines leaves as one line, so that no client misreads it."""
    response = gateway.chat("up/many-lines", stream=True)
    lines = [line for line in response.text.split("\n") if line]
    assert all(line.startswith("data: ") for line in lines)
    assert orjson.loads(lines[3].removeprefix("data: "))["choices"][0]["delta"] == {"content": "!"}
    assert lines[-1] == "data: [DONE]"


@pytest.mark.parametrize(("model", "status"), [("up/500", 502), ("up/429", 429), ("up/400", 400)])
def test_failure_before_content(gateway: GatewayThread, upstream: Upstream, model: str, status: int) -> None:
    """What fails before the first content is an HTTP error of its own, not a stream."""
    response = gateway.chat(model, stream=True)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["attempts"][0]["outcome"] != "ok"


def test_break_in_the_middle(gateway: GatewayThread, upstream: Upstream) -> None:
    """A stream that breaks ends with one error event, properly, and never with [DONE]."""
    response = gateway.chat("up/break", stream=True)
    assert response.status_code == 200
    events = [event for event in response.content.split(b"\n\n") if event]
    error = orjson.loads(events[-1].removeprefix(b"data: "))["error"]
    assert error["code"] == "stream_interrupted"
    assert error["attempts"][0]["target"] == "up/break"
    assert b"[DONE]" not in response.content
    assert sum(b'"error"' in event for event in events) == 1


def test_bug_in_the_middle(
    gateway: GatewayThread, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even a bug of ours ends a stream with an error event, which says nothing of it."""

    async def fail(_run: object) -> None:
        raise ValueError("a prompt")

    monkeypatch.setattr("router.driver.Run.next_chunk", fail)
    response = gateway.chat("stream", stream=True)
    error = orjson.loads(response.content.removeprefix(b"data: "))["error"]
    assert error["code"] == "internal_error"
    assert response.headers["x-request-id"] in error["message"]
    assert "prompt" not in response.text


def test_usage_only_when_given(gateway: GatewayThread, upstream: Upstream) -> None:
    """Asking for usage goes up; none is invented when the upstream gives none."""
    response = gateway.chat("stream", stream=True, stream_options={"include_usage": True})
    assert upstream.bodies[0]["stream_options"] == {"include_usage": True}
    assert "usage" not in response.text


def test_messages_are_not_changed(gateway: GatewayThread, upstream: Upstream) -> None:
    """What the caller wrote goes up as it is."""
    gateway.chat("stream", stream=True)
    assert upstream.bodies[0]["messages"] == MESSAGES

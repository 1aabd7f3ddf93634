"""OpenAI's stream: good ends, cut ends, errors in every place, and odd servers."""

from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.adapters import openai_stream, sse
from router.adapters.base import ChatCall, Chunk, Decoder, StreamEnd, StreamItem, Upstream
from router.adapters.openai import OpenAIAdapter
from router.adapters.sse import encode
from router.core.failure import Failure
from router.types import ChatCompletionChunk

CALL = ChatCall("gemma", ({"role": "user", "content": "hi"},), {}, stream=True)
DONE = b"data: [DONE]\n\n"


def decoder() -> Decoder:
    return OpenAIAdapter(Upstream("local", "http://127.0.0.1/v1"), lambda: 1000.5).decoder(CALL, 200, {})


def decode(*pieces: bytes) -> list[StreamItem]:
    """All items of a stream, as the driver takes them: nothing is fed after the last."""
    reader = decoder()
    items: list[StreamItem] = []
    for piece in pieces:
        items += reader.feed(piece)
        if items and not isinstance(items[-1], Chunk):
            return items
    return items + reader.finish()


def both_ways(raw: bytes) -> list[StreamItem]:
    """The items of *raw* in one read, which must be those of a byte-by-byte read."""
    items = decode(raw)
    slowly = decode(*(raw[i : i + 1] for i in range(len(raw))))
    assert text(slowly) == text(items)
    assert slowly[-1] == items[-1]
    assert len(slowly) == len(items)
    return items


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "gemma-2",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
        **changes,
    }


def event(data: Any, name: str | None = None) -> bytes:
    return encode(orjson.dumps(data), name)


def text(items: list[StreamItem]) -> str:
    chunks = [item.data for item in items if isinstance(item, Chunk)]
    return "".join(choice["delta"].get("content") or "" for data in chunks for choice in data["choices"])


ROLE = event(chunk({"role": "assistant", "content": ""}))
LON = event(chunk({"content": "Lon"}))
DON = event(chunk({"content": "don"}))
STOP = event(chunk({}, "stop"))
USAGE = event(chunk(choices=[], usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}))
BAD = b"data: {not json\n\n"


def test_chunks_keep_their_bytes() -> None:
    """Chunks that are right are passed on with their own bytes; a role alone does not commit."""
    items = both_ways(ROLE + LON + STOP + USAGE + DONE)
    chunks = [item for item in items if isinstance(item, Chunk)]
    assert [item.raw for item in chunks] == [raw[6:-2] for raw in (ROLE, LON, STOP, USAGE)]
    assert [item.commits for item in chunks] == [False, True, False, False]
    assert items[-1] == StreamEnd()


@pytest.mark.parametrize(
    "raw",
    [
        ROLE + LON + DON + STOP + DONE,
        LON + DON + STOP,
        LON + DON + STOP + b"data: [DONE]",
        LON + DON + STOP[:-1],
        LON + event(chunk({"content": "don"}, "stop")) + DONE,
        LON + DON + STOP + USAGE + DONE + DONE,
        LON + DON + STOP + DONE + LON + b"junk",
        LON + DON + STOP + b"data: [DO",
        USAGE + LON + DON + STOP + DONE,
        b"\xef\xbb\xbf: hi\r\n\r\n" + (LON + DON + STOP + DONE).replace(b"\n", b"\r\n"),
        b"\n\n" + (LON + DON + STOP + DONE).replace(b"\n", b"\r"),
        LON + b"data:\n\n: ping\n\n" + DON + STOP + DONE,
        LON + b"event: ping\ndata: {}\n\nevent: ping\ndata: x\n\n" + DON + STOP + DONE,
        LON + b"event: message\n" + DON + STOP + DONE,
        LON + DON + event(chunk(choices=[{"index": 0, "finish_reason": None}])) + STOP + DONE,
    ],
)
def test_good_ends(raw: bytes) -> None:
    """A finish reason and then [DONE] or the end is a good end, in any framing."""
    items = both_ways(raw)
    assert text(items) == "London"
    assert items[-1] == StreamEnd()


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "without a finish reason"),
        (LON + DON, "without a finish reason"),
        (LON + DON + DONE, "without a finish reason"),
        (DONE, "without a finish reason"),
        (LON + STOP[:-10], "without a finish reason"),
        (b"just text\nas Bytez sends it", "without a finish reason"),
        (b": ping\n\n: ping\n\n", "without a finish reason"),
        (LON + event(chunk({}, "")) + DONE, "without a finish reason"),
        (LON + STOP + BAD, "last event is malformed"),
        (BAD, "last event is malformed"),
        (LON + BAD + BAD + STOP + DONE, "two events in a row"),
        (b"{not json", "neither events nor one JSON object"),
    ],
)
def test_broken_ends(raw: bytes, why: str) -> None:
    """A stream without its good end is a protocol failure."""
    last = both_ways(raw)[-1]
    assert isinstance(last, Failure)
    assert last.kind == "protocol"
    assert why in last.message


@pytest.mark.parametrize(
    "bad",
    [
        b"data: {not json\n\n",
        b"data: \xff\n\n",
        b"data: 5\n\n",
        event([]),
        event({}),
        event(chunk(choices=None)),
        event(chunk(choices=["x"])),
        event(chunk(choices=[{"delta": "x"}])),
        event(chunk({"content": 5})),
        event(chunk({"tool_calls": "x"})),
        event(chunk(choices=[{"index": 10**6, "delta": {"content": "x"}}])),
        event(chunk(choices=[{"index": "0", "delta": {"content": "x"}}])),
        event(chunk(choices=[{"index": 0, "delta": {"content": "x"}, "finish_reason": 5}])),
    ],
)
def test_one_malformed_event(bad: bytes) -> None:
    """One malformed event between good ones is skipped and counted."""
    items = both_ways(LON + bad + DON + STOP + DONE)
    assert text(items) == "London"
    assert items[-1] == StreamEnd(skipped=1)


def test_malformed_events_apart() -> None:
    """Malformed events with good ones between them are each skipped; [DONE] is a good one."""
    assert both_ways(BAD + LON + BAD + STOP + BAD + DONE)[-1] == StreamEnd(skipped=3)


@pytest.mark.parametrize(
    ("bad", "kind", "message"),
    [
        (event({"error": {"message": "busy", "type": "overloaded_error"}}), "overloaded", "busy"),
        (event({"error": "Rate limit exceeded"}), "rate_limited", "Rate limit exceeded"),
        (event({"object": "error", "message": "m", "code": 400}), "bad_request", "m"),
        (event({"detail": "gone"}), "server_error", "gone"),
        (event({"message": "m"}, "error"), "server_error", "m"),
        (b"event: error\ndata: out of memory\n\n", "server_error", "out of memory"),
        (event(chunk({"content": ""}, "error", error={"code": 502, "message": "m"})), "server_error", "m"),
    ],
)
def test_error_events(bad: bytes, kind: str, message: str) -> None:
    """An error event ends the stream as a classified failure, first or in the middle."""
    for before, said in ((b"", ""), (ROLE, ""), (LON, "Lon")):
        items = both_ways(before + bad + DON + STOP + DONE)
        last = items[-1]
        assert isinstance(last, Failure)
        assert (last.kind, last.message, last.status) == (kind, message, 200)
        assert text(items) == said


@pytest.mark.parametrize(
    ("delta", "commits"),
    [
        ({"content": "x"}, True),
        ({"reasoning_content": "x"}, True),
        ({"reasoning": "x"}, True),
        ({"refusal": "x"}, True),
        ({"audio": {"id": "1"}}, True),
        ({"tool_calls": [{"index": 0}]}, True),
        ({"function_call": {"name": "f"}}, True),
        ({"role": "assistant", "content": None, "tool_calls": [], "reasoning_content": ""}, False),
        ({}, False),
    ],
)
def test_commitment(delta: dict[str, Any], commits: bool) -> None:
    """Content of any kind commits; a role alone does not."""
    first = both_ways(event(chunk(delta)) + STOP + DONE)[0]
    assert isinstance(first, Chunk)
    assert first.commits is commits


def test_every_choice_must_finish() -> None:
    """With several choices the end is good only when each has finished."""
    one = event(chunk(choices=[{"index": 1, "delta": {"content": "x"}, "finish_reason": None}]))
    end = event(chunk(choices=[{"index": 1, "delta": {}, "finish_reason": "length"}]))
    late = event(chunk(choices=[{"index": 0, "delta": {}, "finish_reason": None}]))
    assert isinstance(both_ways(LON + one + STOP + DONE)[-1], Failure)
    assert both_ways(LON + one + STOP + end + late + DONE)[-1] == StreamEnd()


def test_container_chunks_are_put_right() -> None:
    """Chunks of Bytez's containers get the right object and what they lack, alike in each."""
    odd = [
        {"object": "chat.completion", "choices": [{"delta": {"content": "Lon"}, "finish_reason": ""}]},
        {"choices": [{"index": 0, "delta": {"content": "don"}, "finish_reason": "stop"}], "created": 5.5},
    ]
    items = both_ways(event(odd[0]) + event(odd[1]) + DONE)
    first, second = (item for item in items if isinstance(item, Chunk))
    assert first.raw is None
    assert first.data["id"] == second.data["id"]
    assert first.data == {
        "id": first.data["id"],
        "object": "chat.completion.chunk",
        "created": 1000,
        "model": "gemma",
        "choices": [{"index": 0, "delta": {"content": "Lon"}, "finish_reason": None}],
    }
    assert second.data["created"] == 5
    assert items[-1] == StreamEnd()


WHOLE: dict[str, Any] = {
    "object": "chat.completion",
    "choices": [
        {
            "message": {"role": "assistant", "content": "London", "tool_calls": [{"id": "a"}, "odd"]},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
}


def test_json_instead_of_events() -> None:
    """A whole completion in place of a stream is told as chunks."""
    items = both_ways(b" \n" + orjson.dumps(WHOLE))
    role, said, ended, end = items
    assert isinstance(role, Chunk)
    assert isinstance(said, Chunk)
    assert isinstance(ended, Chunk)
    assert said.commits
    assert ChatCompletionChunk.of(role.data).choices[0].delta == {"role": "assistant", "content": ""}
    assert ChatCompletionChunk.of(said.data).choices[0].delta == {
        "content": "London",
        "tool_calls": [{"index": 0, "id": "a"}, "odd"],
    }
    assert said.data["object"] == ended.data["object"] == "chat.completion.chunk"
    assert ended.data["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert ended.data["usage"] == WHOLE["usage"]
    assert end == StreamEnd()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "Rate limit exceeded", "output": None}, "rate_limited"),
        ({"choices": []}, "protocol"),
        ({"choices": [{"message": {"content": "x"}}]}, "protocol"),
        ({"output": "x"}, "protocol"),
    ],
)
def test_json_that_is_no_completion(body: Any, kind: str) -> None:
    """An error, or a completion without a finish reason, in place of a stream is a failure."""
    (last,) = both_ways(orjson.dumps(body))
    assert isinstance(last, Failure)
    assert last.kind == kind


def test_json_without_usage() -> None:
    """No usage is made up for a whole completion told as chunks."""
    ended = decode(orjson.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}))[2]
    assert isinstance(ended, Chunk)
    assert "usage" not in ended.data


def test_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """An oversized event and an oversized JSON reply are failures."""
    monkeypatch.setattr(openai_stream, "MAX_JSON_BYTES", 100)
    last = decode(b"{", b"x" * 200)[-1]
    assert isinstance(last, Failure)
    assert last.message == "(the reply is too large)"
    items = decode(LON + b"data: ", b"x" * (sse.MAX_EVENT_BYTES + 1))
    assert isinstance(items[-1], Failure)
    assert items[-1].message == "(an event of the stream is too large)"
    assert text(items) == "Lon"


EVENTS = st.lists(
    st.sampled_from(
        [
            ROLE,
            LON,
            DON,
            STOP,
            USAGE,
            DONE,
            BAD,
            b"data: x\n\n",
            b": ping\n\n",
            b"event: error\ndata: {}\n\n",
            b"\r",
            orjson.dumps(WHOLE),
        ]
    )
    | st.binary(max_size=4),
    max_size=8,
).map(b"".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # The machine is shared.
@given(EVENTS, st.lists(st.integers(0, 1200), max_size=8))
def test_any_split(raw: bytes, cuts: list[int]) -> None:
    """Any bytes in any split give the same content and the same one end, never an exception."""
    borders = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    items = decode(*(raw[a:b] for a, b in pairwise(borders)))
    whole = both_ways(raw)
    assert sum(not isinstance(item, Chunk) for item in whole) == 1
    assert text(items) == text(whole)
    assert items[-1] == whole[-1]

"""What upstreams send: invariants 9, 12 and 32."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import event, given
from hypothesis import strategies as st

from router.adapters.base import ChatCall, Chunk, Completion, StreamEnd, Upstream
from router.adapters.bytez_native import BytezNative
from router.adapters.openai import OpenAIAdapter
from router.adapters.sse import Event, Parser, encode
from router.core.failure import Failure
from router.core.hints import MAX_HINT_S, retry_hint
from tests.library.upstream import DONE, END, ROLE, chunk, completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.adapters.base import ChatWire, StreamItem

# --- hints

_NAMES = st.sampled_from(
    ["retry-after", "retry-after-ms", "ratelimit-reset", "ratelimit-remaining", "x-ratelimit-reset"]
    + [f"x-ratelimit-{word}-{kind}" for word in ("reset", "remaining") for kind in ("requests", "tokens")]
)
_VALUES = st.one_of(
    st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")),
    st.text("0123456789hms.:eE+-٣", max_size=80),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda date: date.strftime("%a, %d %b %Y %H:%M:%S GMT")),
)


@given(st.dictionaries(_NAMES, _VALUES), st.floats(), st.booleans())
def test_invariant_09_any_hint_is_none_or_bounded(
    headers: dict[str, str], now_wall: float, resets: bool
) -> None:
    """Any header values, at any time, give None or a number of seconds from 0 to a day; nothing raises."""
    hint = retry_hint(headers, now_wall, resets=resets)
    assert hint is None or (0 <= hint <= MAX_HINT_S and math.isfinite(hint))
    event(f"a hint: {'none' if hint is None else 'at a bound' if hint in (0, MAX_HINT_S) else 'between'}")


@given(
    date=st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive ones
    ago_s=st.integers(-100_000, 10**9),
)
def test_invariant_09_a_past_date_is_now(date: datetime, ago_s: int) -> None:
    """An HTTP-date that is over means 0; one to come, the seconds until then."""
    said = date.replace(tzinfo=UTC, microsecond=0)
    now_wall = (said + timedelta(seconds=ago_s)).timestamp()
    hint = retry_hint({"retry-after": format_datetime(said, usegmt=True)}, now_wall)
    assert hint == min(max(0.0, -float(ago_s)), MAX_HINT_S)
    event(f"over: {ago_s > 0}")


# --- what is no completion

_CALL = ChatCall("o/m", ({"role": "user", "content": "hi"},), {}, stream=False)
_OPENAI = OpenAIAdapter(Upstream("local", "http://127.0.0.1/v1"), lambda: 1000.5)
_BYTEZ = BytezNative(Upstream("bytez", "https://api.bytez.com/models/v2"), lambda: 1000.5)
_BARE = st.none() | st.booleans() | st.integers(-9, 9)
_WORDS = st.text(max_size=3)
_LISTS = st.lists(_BARE | _WORDS, max_size=2)
_MAPS = st.dictionaries(
    st.sampled_from(["message", "content", "text", "x"]), _BARE | _WORDS | _LISTS, max_size=2
)
_ANY = _BARE | _WORDS | _LISTS | _MAPS
_NO_LIST = _BARE | _WORDS | _MAPS
_NO_MAP = _BARE | _WORDS | _LISTS
_EMPTY: st.SearchStrategy[Any] = st.sampled_from([[], {}])
_ERROR = st.sampled_from(["boom", {"message": "boom"}])


_FLAWS = ["bad content", "cut", "an error", "no object"]
_OPENAI_FLAWS = st.sampled_from(["no choices", "bad choices", "a bad choice", "no message", *_FLAWS])
_BYTEZ_FLAWS = st.sampled_from(["no output", "bad output", "an error text", *_FLAWS])


@st.composite
def _openai_breaks(draw: st.DrawFn) -> tuple[str, bytes]:
    """A completion with one thing wrong, and what."""
    reply = completion()
    choice = reply["choices"][0]
    how = draw(_OPENAI_FLAWS)
    match how:
        case "no choices":
            del reply["choices"]
        case "bad choices":
            reply["choices"] = draw(_NO_LIST | st.just([]))
        case "a bad choice":
            reply["choices"].append(draw(_NO_MAP))
        case "no message":
            choice["message"] = draw(_NO_MAP | st.just({}))
        case "bad content":
            choice["message"]["content"] = draw(st.sampled_from([3, True, {"a": 1}, [3]]))
        case "an error":
            reply["error"] = draw(_ERROR)
        case "no object":
            return how, orjson.dumps(draw(_NO_MAP))
    raw = orjson.dumps(reply)
    return how, raw[: draw(st.integers(0, len(raw) - 1))] if how == "cut" else raw


@st.composite
def _bytez_breaks(draw: st.DrawFn) -> tuple[str, bytes]:
    reply: dict[str, Any] = {"error": None, "output": {"role": "assistant", "content": "hi"}}
    how = draw(_BYTEZ_FLAWS)
    match how:
        case "no output":
            del reply["output"]
        case "bad output":
            reply["output"] = draw(_BARE | _EMPTY)
        case "bad content":
            reply["output"]["content"] = draw(_BARE | _EMPTY)
        case "an error text":
            reply["output"]["content"] = "Error: " + draw(st.text(max_size=4))
        case "an error":
            reply["error"] = draw(_ERROR)
        case "no object":
            return how, orjson.dumps(draw(_NO_MAP))
    raw = orjson.dumps(reply)
    return how, raw[: draw(st.integers(0, len(raw) - 1))] if how == "cut" else raw


_BROKEN = _openai_breaks().map(lambda it: (_OPENAI, *it)) | _bytez_breaks().map(lambda it: (_BYTEZ, *it))


@given(broken=_BROKEN)
def test_invariant_12_what_is_no_completion_is_a_failure(broken: tuple[ChatWire, str, bytes]) -> None:
    """A good status with one thing wrong in its body is a failure on either wire."""
    wire, how, body = broken
    assert isinstance(wire.parse(_CALL, 200, {}, body), Failure)
    event(f"{type(wire).__name__}: {how}")


@given(
    body=st.one_of(
        _ANY.map(lambda value: {"choices": [{"message": value}]}),
        _ANY.map(lambda value: {"choices": [{"message": {"content": value}}]}),
        _ANY.map(lambda value: {"output": value, "error": None}),
        _ANY,
    ),
    status=st.sampled_from([200, 201, 204, 299, 199, 302, 404, 500]),
)
def test_invariant_12_a_success_reads_as_one(body: Any, status: int) -> None:
    """Whatever is taken for an answer has a 2xx, choices, and for each a message whose text is a text."""
    for wire in (_OPENAI, _BYTEZ):
        read = wire.parse(_CALL, status, {}, json.dumps(body).encode())
        event(f"{type(wire).__name__}: {type(read).__name__}")
        if isinstance(read, Completion):
            assert 200 <= status <= 299
            assert read.data["object"] == "chat.completion"
            assert read.data["choices"]
            for choice in read.data["choices"]:
                assert isinstance(choice["message"].get("content"), str | None)


_SAY = chunk({"content": "hé"})
_STREAM = ROLE + _SAY + _SAY
_FINISHED = len(_STREAM) + len(END.rstrip(b"\n"))


def _decoded(wire: ChatWire, pieces: Sequence[bytes], label: str = "text/plain") -> list[StreamItem]:
    """All items of a stream, as the driver takes them: nothing is fed after the last."""
    reader = wire.decoder(_CALL, 200, {"content-type": label})
    items: list[StreamItem] = []
    for piece in pieces:
        items += reader.feed(piece)
        if items and not isinstance(items[-1], Chunk):
            return items
    return items + reader.finish()


def _pieces(raw: bytes, cuts: Sequence[int]) -> list[bytes]:
    borders = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    return [raw[a:b] for a, b in pairwise(borders)]


_CUTS = st.lists(st.integers(0, 900), max_size=4)


@given(end=st.integers(0, len(_STREAM + END + DONE)), cuts=_CUTS, done=st.booleans())
def test_invariant_12_a_stream_that_stops_early_is_a_failure(end: int, cuts: list[int], done: bool) -> None:
    """Cut anywhere before its finish reason, a stream fails, with [DONE] or without; after it it is whole."""
    raw = (_STREAM + END + DONE)[:end]
    if done and end <= len(_STREAM):
        raw = raw[: raw.rfind(b"\n\n") + 2] + DONE
    items = _decoded(_OPENAI, _pieces(raw, cuts))
    assert all(isinstance(item, Chunk) for item in items[:-1])
    assert isinstance(items[-1], StreamEnd if end >= _FINISHED else Failure)
    event(
        f"{type(items[-1]).__name__} after {len(items) - 1} chunks{', [DONE]' if raw.endswith(DONE) else ''}"
    )


_NATIVE = st.sampled_from(
    [
        ("empty", "text/plain", b""),
        ("an error", "text/plain", b"Error: boom"),
        ("an error", "text/plain", b"  Error: Unauthorized"),
        ("a page", "text/html", b"<!DOCTYPE html><p>Sign in"),
        ("an error reply", "application/json", b'{"error": "boom", "output": null}'),
        ("half a reply", "application/json", b'{"error": null, "output": {"role"'),
        ("half a character", "text/plain", "caf\u00e9".encode()[:-1]),
        ("not UTF-8", "text/plain", b"caf\xe9 au lait"),
    ]
)


@given(said=_NATIVE, cuts=_CUTS)
def test_invariant_12_a_native_stream_without_an_answer_is_a_failure(
    said: tuple[str, str, bytes], cuts: list[int]
) -> None:
    """Bytez's bare text has no marks, so what cannot be an answer is told by what it is, in any split."""
    what, label, raw = said
    cuts = [cut % (len(raw) + 1) for cut in cuts]
    assert isinstance(_decoded(_BYTEZ, _pieces(raw, cuts), label)[-1], Failure)
    event(what)


# --- server-sent events

_LINES = st.lists(
    st.sampled_from(
        [
            b"data: x",
            b"",
            b"data:",
            b"",
            b"data",
            b"",
            b"event: e",
            b": c",
            b"id: 3",
            b"\xef\xbb\xbf",
            b"data: \xc3\xa9",
        ]
    ),
    min_size=2,
    max_size=30,
)
_ENDS = st.lists(st.sampled_from([b"\n", b"\r\n", b"\r"]), min_size=30, max_size=30)


def _parsed(*pieces: bytes) -> list[Event]:
    parser = Parser()
    return [item for piece in pieces for item in parser.feed(piece)]


@given(_LINES, _ENDS, st.lists(st.integers(0, 200), max_size=20))
def test_invariant_32_events_are_the_same_for_every_split(
    lines: list[bytes], ends: list[bytes], cuts: list[int]
) -> None:
    """Whatever the line ends, comments, byte order marks and lines of data: any split gives the same."""
    raw = b"".join(line + end for line, end in zip(lines, ends, strict=False))
    events = _parsed(raw)
    assert _parsed(*_pieces(raw, cuts)) == events == _parsed(*(raw[i : i + 1] for i in range(len(raw))))
    if b"\r\n" not in raw and b"\n\r" not in raw:
        assert _parsed(raw.replace(b"\r", b"\n")) == events
        event("line ends were exchanged")
    event(f"events: {min(len(events), 3)}{'+' * (len(events) > 2)}")


@given(st.lists(st.tuples(st.binary(max_size=50), st.none() | st.sampled_from(["error", "é"]))))
def test_invariant_32_what_is_written_is_read_back(events: list[tuple[bytes, str | None]]) -> None:
    """parse(serialize(e)) = e; of line ends in the data only the kind is lost."""
    raw = b"".join(encode(data, name) for data, name in events)
    expected = [
        Event(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), name or "") for data, name in events
    ]
    assert _parsed(raw) == expected
    event(f"with line ends: {any({10, 13} & set(data) for data, _ in events)}")
    event(f"events: {min(len(events), 3)}{'+' * (len(events) > 2)}")

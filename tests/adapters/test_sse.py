"""Server-sent events: the WHATWG rules and bounds. Any split, and the way back, is in tests/property."""

import time

import pytest

from router.adapters.sse import Event, Parser, encode


def parse(*pieces: bytes) -> list[Event]:
    parser = Parser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"data: a\n\n", [Event(b"a")]),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [Event(b"a"), Event(b"b")]),
        (b"data: a\r\rdata: b\r\r", [Event(b"a"), Event(b"b")]),
        (b"data:a\n\n", [Event(b"a")]),
        (b"data:  a\n\n", [Event(b" a")]),
        (b"data: a\ndata: b\n\n", [Event(b"a\nb")]),
        (b"data\n\ndata\ndata\n\ndata:", [Event(b""), Event(b"\n")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event(b"a")]),
        (b"data: a\n\n\xef\xbb\xbfdata: b\n\n", [Event(b"a")]),
        (b": keep-alive\n\n\n\n: more\n", []),
        (b"id: 1\nretry: 5\nwhatever\ndata: a\n\n", [Event(b"a")]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [Event(b"a", "error"), Event(b"b")]),
        (b"event: gone\n\ndata: b\n\n", [Event(b"b")]),
        (b"event: x\nevent\ndata: b\n\n", [Event(b"b")]),
        (b"data: cut off\n", []),
        (b" data: a\n\n", []),
        (b"", []),
        (b"data: a:b\n\n", [Event(b"a:b")]),
    ],
)
def test_rules(raw: bytes, expected: list[Event]) -> None:
    """Each rule of the format holds, in one read and byte by byte."""
    assert parse(raw) == expected
    assert parse(*(raw[i : i + 1] for i in range(len(raw)))) == expected


def test_flush_gives_an_event_without_its_empty_line() -> None:
    """An event that only lacks its empty line can be had at the end; a dispatched one not again."""
    for end in (b"", b"\n", b"\r", b"\r\n"):
        parser = Parser()
        assert parser.feed(b"data: a\n\ndata: b" + end) == [Event(b"a")]
        assert parser.flush() == [Event(b"b")]
        assert parser.flush() == []


def test_encode() -> None:
    """One event is its data lines and an empty line."""
    assert encode(b"{}") == b"data: {}\n\n"
    assert encode(b"{}", "error") == b"event: error\ndata: {}\n\n"
    assert encode(b"a\r\nb") == b"data: a\ndata: b\n\n"


@pytest.mark.parametrize(
    "pieces", [[b"data: " + b"x" * 200], [b"data: ", *[b"x" * 10] * 20], [b"data: xxx\n" * 40]]
)
def test_too_large(pieces: list[bytes]) -> None:
    """A line or an event over the limit ends the parsing; events before it stand."""
    parser = Parser(max_event_bytes=100)
    assert parser.feed(b"data: a\n\n") == [Event(b"a")]
    for piece in pieces:
        assert parser.feed(piece) == []
    assert parser.too_large
    assert parser.feed(b"\n\ndata: b\n\n") == []


def test_an_event_after_the_limit_in_one_read() -> None:
    """Within one read nothing after the oversized line is given."""
    parser = Parser(max_event_bytes=100)
    assert parser.feed(b"data: a\n\ndata: " + b"x" * 200 + b"\n\ndata: b\n\n") == [Event(b"a")]
    assert parser.too_large


def test_many_small_events_stay_under_the_limit() -> None:
    """The limit is for one event, not for the stream; comments hold nothing."""
    parser = Parser(max_event_bytes=100)
    for _ in range(100):
        assert parser.feed(b": comment comment comment\nevent: e\ndata: abc\n\n") == [Event(b"abc", "e")]
    for _ in range(100):
        assert parser.feed(b": comment comment comment\n") == []
    assert not parser.too_large


def test_linear_time() -> None:
    """A hundred thousand events in one read, and a long line in many, take no more than linear time."""
    began = time.perf_counter()
    assert len(parse(b"data: {}\n\n" * 100_000)) == 100_000
    long_line = [b"data: ", *[b"x" * 40] * 100_000, b"\n\n"]
    assert len(parse(*long_line)[0].data) == 4_000_000
    assert time.perf_counter() - began < 5

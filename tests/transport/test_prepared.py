"""What is prepared once is what goes out each time, on every transport, and it is bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from router.adapters.base import UpstreamRequest
from router.transport import prepared
from router.transport.base import TransportFailure
from router.transport.prepared import HeaderPairs, Prepared
from router.types import FailureClass, Secret
from tests.library.upstream import OK, Upstream
from tests.transport.kit import asked, post, soon

if TYPE_CHECKING:
    from router.transport.base import Transport


def test_made_once() -> None:
    """An address and the headers that requests share are made once, however many requests go out."""
    addresses: list[str] = []
    sets: list[HeaderPairs] = []

    def address(url: str) -> str:
        addresses.append(url)
        return url

    def encoded(headers: HeaderPairs) -> HeaderPairs:
        sets.append(headers)
        return headers

    kept = Prepared(address, encoded)
    headers = (("authorization", Secret("Bearer canary-123456")),)
    found = [kept.of(UpstreamRequest("POST", "http://a/v1", headers, b"%d" % n)) for n in range(3)]
    sent = [
        ("accept-encoding", "identity"),
        ("user-agent", "bytez-router"),
        ("authorization", "Bearer canary-123456"),
    ]
    assert found == [("http://a/v1", sent)] * 3
    assert (addresses, sets) == (["http://a/v1"], [sent])
    assert "canary" not in repr(kept)


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of addresses and headers only so many are kept; each request still gets its own."""
    monkeypatch.setattr(prepared, "_MANY", 4)
    kept = Prepared[str, HeaderPairs](str.upper, list)
    for number in range(20):
        address, headers = kept.of(post(f"a{number}", number=str(number)))
        assert (address, headers[-1]) == (f"A{number}", ("number", str(number)))
        assert len(kept._addresses) <= 4
        assert len(kept._headers) <= 4


async def test_every_request_its_own(
    up: Upstream, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests in turn, the same and others: each has its address, its headers and its length."""
    monkeypatch.setattr(prepared, "_MANY", 2)
    shared = [(("x-number", str(number)),) for number in range(3)]
    wanted = [(0, 0), (0, 0), (1, 0), (1, 1), (2, 1), (0, 2), (0, 0)]
    up.script(*[OK] * len(wanted))
    for path, number in wanted:
        body = b"x" * (1 + 10 * path + number)
        await asked(transport, UpstreamRequest("POST", f"{up.url}/{path}", shared[number], body))
    seen = [(one.target, one.headers["x-number"], one.headers["content-length"]) for one in up.seen]
    assert seen == [(f"/v1/{path}", str(number), str(1 + 10 * path + number)) for path, number in wanted]


async def test_no_body(up: Upstream, transport: Transport) -> None:
    """A request without a body says nothing of its length."""
    up.script(OK)
    await asked(transport, UpstreamRequest("GET", up.url, (), b""))
    assert "content-length" not in up.seen[0].headers


async def test_a_header_that_cannot_be_sent(transport: Transport, up: Upstream) -> None:
    """It fails the attempt, which names no value."""
    with pytest.raises(TransportFailure) as failed:
        await transport.send(post(up.url, authorization=Secret("two\r\nlines: of it")), soon())
    assert failed.value.kind is FailureClass.PROTOCOL
    assert "lines" not in str(failed.value)
    assert up.seen == []

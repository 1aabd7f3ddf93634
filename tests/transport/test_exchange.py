"""What goes out and what comes back, on every transport."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from router.adapters.base import UpstreamRequest
from router.transport.base import TransportFailure, TransportSettings
from router.types import FailureClass, Secret
from tests.library.upstream import OK, framed, http, raw, reply
from tests.transport.kit import CHUNKED, WHOLE, asked, fails, post, soon, wait_until

if TYPE_CHECKING:
    from router.transport.base import Transport
    from tests.library.upstream import Upstream
    from tests.transport.kit import Made


@WHOLE
async def test_whole_reply(up: Upstream, transport: Transport, whole: bool) -> None:
    """Status, lower-cased headers and body arrive; the request went out as prepared."""
    up.script(reply(418, b"teapot", {"X-Thing": "One"}))
    response = await transport.send(post(up.url + "/x?y=1", accept="*/*"), soon(), whole=whole)
    assert (response.status, response.headers["x-thing"]) == (418, "One")
    assert await response.read(soon()) == b"teapot"
    assert await response.next(soon()) is None
    await response.aclose()
    await response.aclose()
    seen = up.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/v1/x?y=1", b'{"a": 1}')
    assert seen.headers == {
        "host": f"127.0.0.1:{up.port}",
        "content-length": "8",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "bytez-router",
    }


async def test_configured_header_replaces_ours(up: Upstream, transport: Transport) -> None:
    """A configured user-agent is sent alone, not beside ours."""
    up.script(OK)
    request = UpstreamRequest("POST", up.url, (("user-agent", "mine"), ("accept-encoding", "gzip")), b"")
    await asked(transport, request)
    assert up.seen[0].headers["user-agent"] == "mine"
    assert up.seen[0].headers["accept-encoding"] == "gzip"


async def test_secret_only_on_the_wire(up: Upstream, transport: Transport) -> None:
    """A Secret header is revealed in the bytes sent and in no repr."""
    up.script(OK)
    request = post(up.url, authorization=Secret("Bearer canary-123456"))
    assert "canary" not in repr(request)
    await asked(transport, request)
    assert up.seen[0].headers["authorization"] == "Bearer canary-123456"


async def test_streamed_reading(up: Upstream, transport: Transport) -> None:
    """Each piece is handed over as it arrives, before the next one exists."""
    gate = asyncio.Event()

    async def script(exchange: Any) -> None:
        await exchange.send(CHUNKED + framed(b"one"))
        await gate.wait()
        await exchange.send(framed(b"two") + b"0\r\n\r\n")

    up.script(script)
    response = await transport.send(post(up.url), soon())
    assert await response.next(soon()) == b"one"
    up.release(gate)
    assert await response.next(soon()) == b"two"
    assert await response.next(soon()) is None
    await response.aclose()


@WHOLE
async def test_connection_is_reused(up: Upstream, transport: Transport, whole: bool) -> None:
    """A reply that was read to its end leaves its connection to the next request."""
    up.script(OK)
    for _ in range(3):
        await asked(transport, post(up.url), whole=whole)
    assert up.connections == 1


async def test_unread_reply_closes_its_connection(up: Upstream, transport: Transport) -> None:
    """A response closed before its end is not waited for; its connection is closed."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    response = await transport.send(post(up.url), soon())
    await response.aclose()
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_informational_replies_are_passed_over(up: Upstream, transport: Transport) -> None:
    """100 and 103 before the reply are no reply."""
    up.script(raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" + http(200, b"ok")))
    assert await asked(transport, post(up.url)) == (200, b"ok")


async def test_redirect_is_not_followed(up: Upstream, transport: Transport) -> None:
    """A redirect is handed over as it is; nobody else is asked."""
    up.script(reply(307, b"", {"location": up.root + "/elsewhere"}))
    response = await transport.send(post(up.url, authorization="x"), soon())
    assert response.status == 307
    await response.read(soon())
    await response.aclose()
    assert [seen.target for seen in up.seen] == ["/v1"]


async def test_cookies_are_not_kept(up: Upstream, transport: Transport) -> None:
    """A cookie set by one reply is in no later request."""
    up.script(reply(200, b"{}", {"set-cookie": "a=b"}))
    for _ in range(2):
        await asked(transport, post(up.url))
    assert "cookie" not in up.seen[1].headers


async def test_environment_is_ignored(up: Upstream, make: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY and its kin change nothing; only a configured proxy does."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    up.script(OK)
    transport = make(TransportSettings(https=False))
    await asked(transport, post(up.url))
    await transport.aclose()
    assert [seen.target for seen in up.seen] == ["/v1"], "straight to the upstream, not as to a proxy"


async def test_configured_proxy(up: Upstream, make: Made) -> None:
    """A configured proxy gets the request in absolute form."""
    up.script(OK)
    transport = make(TransportSettings(https=False, proxy=up.root))
    await asked(transport, post("http://far.example/v1"))
    await transport.aclose()
    assert up.seen[0].target == "http://far.example/v1"


async def test_header_that_would_break_the_message(up: Upstream, transport: Transport) -> None:
    """A header value with a line end is never sent."""
    up.script(OK)
    with pytest.raises(TransportFailure) as failed:
        await transport.send(post(up.url, **{"x-a": "a\r\nx-evil: 1"}), soon())
    assert failed.value.kind is FailureClass.PROTOCOL
    assert up.seen == []


@pytest.mark.parametrize("kind", ["pyreqwest"])
@WHOLE
async def test_address_that_is_too_long(up: Upstream, transport: Transport, whole: bool) -> None:
    """An address that pyreqwest cannot send is a failure that does not hold it; the next call works."""
    up.script(OK)
    kind, detail = await fails(transport, up.url + "/" + "x" * 70_000, whole=whole)
    assert (kind, detail) == (FailureClass.CONNECTION, "BuilderError")
    assert up.seen == []
    assert (await asked(transport, post(up.url), whole=whole))[0] == 200


async def test_body_that_is_no_text(up: Upstream, transport: Transport) -> None:
    """Any bytes go out as they are."""
    up.script(OK)
    await asked(transport, UpstreamRequest("POST", up.url, (), b"\xff\x00\xfe"))
    assert up.seen[0].body == b"\xff\x00\xfe"


async def test_header_that_is_not_ascii(up: Upstream, transport: Transport) -> None:
    """Bytes beyond ASCII in a response's header spoil nothing else of it."""
    up.script(raw(b"HTTP/1.1 200 OK\r\nx-a: one\r\nx-b: \xe9\xff\r\nx-a: two\r\ncontent-length: 2\r\n\r\nok"))
    response = await transport.send(post(up.url), soon())
    assert response.headers["x-a"] == "two"
    assert await response.read(soon()) == b"ok"


async def test_reply_that_ends_with_its_connection(up: Upstream, transport: Transport) -> None:
    """HTTP/1.0 without a length: the body ends where the connection does, and the next request opens one."""
    up.script(raw(b"HTTP/1.0 200 OK\r\n\r\nold"))
    for _ in range(2):
        assert await asked(transport, post(up.url)) == (200, b"old")
    assert up.connections == 2


async def test_closed_with_requests_in_flight(up: Upstream, make: Made) -> None:
    """Closing fails the requests in flight and closes their connections; nothing hangs."""
    up.script(raw(b"", end="hang"))
    transport = make(TransportSettings(https=False))
    tasks = [asyncio.create_task(transport.send(post(up.url), soon())) for _ in range(3)]
    await asyncio.to_thread(wait_until, lambda: len(up.seen) == 3)
    await transport.aclose()
    await asyncio.to_thread(wait_until, lambda: up.open == 0)
    for task in tasks:
        task.cancel()
    failures = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(failure, TransportFailure | asyncio.CancelledError) for failure in failures)

from __future__ import annotations

import asyncio
import contextlib
import gzip
import resource
import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from router.adapters.base import UpstreamRequest
from router.transport.base import TransportFailure, TransportSettings
from router.transport.httpx import HttpxTransport
from router.types import FailureClass, Secret
from tests.library.upstream import (
    HANG,
    OK,
    SSE,
    Upstream,
    drip,
    framed,
    http,
    raw,
    reply,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from router.transport.httpx import HttpxResponse

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def post(url: str, **headers: str | Secret) -> UpstreamRequest:
    return UpstreamRequest("POST", url, tuple(headers.items()), b'{"a": 1}')


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def in_use(transport: HttpxTransport) -> tuple[int, int]:
    """(requests, connections that are not idle) of the pool."""
    pool = transport._transport._pool
    busy = [connection for connection in pool.connections if not connection.is_idle()]
    return len(pool._requests), len(busy)


@pytest.fixture
async def transport() -> AsyncIterator[HttpxTransport]:
    made = HttpxTransport(TransportSettings(https=False, max_reply_bytes=1024 * 1024, connect_timeout_s=0.2))
    yield made
    assert in_use(made) == (0, 0)
    await made.aclose()
    assert made._transport._pool.connections == []


async def fails(transport: HttpxTransport, url: str, within: float = 5.0) -> tuple[FailureClass, str]:
    """The failure of a whole exchange; the response is closed."""
    response: HttpxResponse | None = None
    until = soon(within)
    try:
        response = await transport.send(post(url), until)
        await response.read(until)
    except TransportFailure as failure:
        return failure.kind, str(failure)
    else:
        pytest.fail("it did not fail")
    finally:
        if response is not None:
            await response.aclose()


async def test_whole_reply(up: Upstream, transport: HttpxTransport) -> None:
    """Status, lower-cased headers and body arrive; the request went out as prepared."""
    up.script(reply(418, b"teapot", {"X-Thing": "One"}))
    response = await transport.send(post(up.url + "/x?y=1"), soon())
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
        "accept-encoding": "identity",
        "user-agent": "bytez-router",
    }


async def test_configured_header_replaces_ours(up: Upstream, transport: HttpxTransport) -> None:
    """A configured user-agent is sent alone, not beside ours."""
    up.script(OK)
    request = UpstreamRequest("POST", up.url, (("user-agent", "mine"), ("accept-encoding", "gzip")), b"")
    response = await transport.send(request, soon())
    await response.read(soon())
    await response.aclose()
    assert up.seen[0].headers["user-agent"] == "mine"
    assert up.seen[0].headers["accept-encoding"] == "gzip"


async def test_secret_only_on_the_wire(up: Upstream, transport: HttpxTransport) -> None:
    """A Secret header is revealed in the bytes sent and in no repr."""
    up.script(OK)
    request = post(up.url, authorization=Secret("Bearer canary-123456"))
    assert "canary" not in repr(request)
    response = await transport.send(request, soon())
    await response.read(soon())
    await response.aclose()
    assert up.seen[0].headers["authorization"] == "Bearer canary-123456"


async def test_streamed_reading(up: Upstream, transport: HttpxTransport) -> None:
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


async def test_connection_is_reused(up: Upstream, transport: HttpxTransport) -> None:
    """A reply that was read to its end leaves its connection to the next request."""
    up.script(OK)
    for _ in range(3):
        response = await transport.send(post(up.url), soon())
        await response.read(soon())
        await response.aclose()
    assert up.connections == 1


async def test_unread_reply_closes_its_connection(up: Upstream, transport: HttpxTransport) -> None:
    """A response closed before its end is not waited for; its connection is closed."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    response = await transport.send(post(up.url), soon())
    await response.aclose()
    assert await asyncio.to_thread(up.left.wait, 5)


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 200 OK\r\nx-a: "),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b"x"),
        (CHUNKED, b"1\r\nx\r\n"),
    ],
    ids=["nothing whole", "headers", "sized body", "chunked body"],
)
async def test_dripping_does_not_stretch_the_deadline(
    up: Upstream, transport: HttpxTransport, head: bytes, piece: bytes
) -> None:
    """The deadline is absolute: bytes that keep coming do not move it."""
    up.script(drip(head, piece[:1] if not head else piece))
    began = time.monotonic()
    kind, _ = await fails(transport, up.url, within=0.2)
    assert kind is FailureClass.TIMEOUT
    assert 0.19 < time.monotonic() - began < 0.6
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_dripped_streaming_has_the_deadline_too(up: Upstream, transport: HttpxTransport) -> None:
    """Read piece by piece, the last piece comes before the deadline."""
    up.script(drip(CHUNKED, b"1\r\nx\r\n"))
    until = soon(0.2)
    response = await transport.send(post(up.url), until)
    assert await response.next(until)
    assert await response.next(until)
    with pytest.raises(TransportFailure, match="in time"):
        await response.read(until)
    await response.aclose()


async def test_silence(up: Upstream, transport: HttpxTransport) -> None:
    """An upstream that accepts and says nothing is a timeout, and its connection is closed."""
    up.script(HANG)
    assert await fails(transport, up.url, within=0.1) == (FailureClass.TIMEOUT, "no response in time")
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_reply_at_the_cap_passes(up: Upstream, transport: HttpxTransport) -> None:
    """Exactly max_reply bytes are fine."""
    up.script(reply(200, b"x" * 1024 * 1024))
    response = await transport.send(post(up.url), soon())
    assert len(await response.read(soon())) == 1024 * 1024
    await response.aclose()


@pytest.mark.parametrize(
    "sent",
    [
        http(200, b"x" * (1024 * 1024 + 1)),
        CHUNKED + framed(b"x" * 600_000) * 2 + b"0\r\n\r\n",
        http(200, gzip.compress(b"x" * (1024 * 1024 + 1)), {"content-encoding": "gzip"}),
    ],
    ids=["sized", "chunked", "gzip"],
)
async def test_reply_over_the_cap(up: Upstream, transport: HttpxTransport, sent: bytes) -> None:
    """One decoded byte too many is a failure."""
    up.script(raw(sent))
    kind, detail = await fails(transport, up.url)
    assert (kind, detail) == (FailureClass.PROTOCOL, "the reply is larger than max_reply")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
async def test_compression_bomb(up: Upstream, transport: HttpxTransport, encoding: str) -> None:
    """A bomb fails fast and costs no more memory than a few times the cap."""
    bomb = gzip.compress(bytes(200 * 1024 * 1024), compresslevel=1)
    if encoding == "deflate":
        bomb = bomb[10:-8]  # Raw deflate: the gzip header and trailer cut off.
    if encoding == "gzip, gzip":
        bomb = gzip.compress(bomb)
    up.script(raw(http(200, bomb, {"content-encoding": encoding})))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    kind, _ = await fails(transport, up.url)
    assert kind is FailureClass.PROTOCOL
    assert time.monotonic() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB


async def test_undecodable_reply(up: Upstream, transport: HttpxTransport) -> None:
    """A body that is not what content-encoding says is a protocol failure."""
    up.script(raw(http(200, b"not gzip", {"content-encoding": "gzip"})))
    assert await fails(transport, up.url) == (FailureClass.PROTOCOL, "DecodingError")


CUTS = {
    "before the reply": b"",
    "inside the headers": b"HTTP/1.1 200 OK\r\nx-a:",
    "after the headers": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
    "short content-length": b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
    "inside a chunk": CHUNKED + b"a\r\nabc",
    "missing last chunk": CHUNKED + framed(b"abc"),
}


@pytest.mark.parametrize("end", ["fin", "reset"])
@pytest.mark.parametrize("sent", CUTS.values(), ids=CUTS.keys())
async def test_cut_short(up: Upstream, transport: HttpxTransport, sent: bytes, end: str) -> None:
    """A connection cut at any stage is never a whole reply; it is a connection failure."""
    up.script(raw(sent, end=end))
    kind, _ = await fails(transport, up.url)
    assert kind is FailureClass.CONNECTION


@pytest.mark.parametrize(
    "sent",
    [
        b"hello, this is not HTTP\r\n\r\n",
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: minus\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 200_000 + b"\r\n\r\n",
        CHUNKED + b"zz\r\nabc\r\n",
    ],
    ids=["text", "status", "length", "huge header", "chunk size"],
)
async def test_invalid_http(up: Upstream, transport: HttpxTransport, sent: bytes) -> None:
    """What is not HTTP is a protocol failure."""
    up.script(raw(sent))
    kind, _ = await fails(transport, up.url)
    assert kind is FailureClass.PROTOCOL


async def test_informational_replies_are_passed_over(up: Upstream, transport: HttpxTransport) -> None:
    """100 and 103 before the reply are no reply."""
    up.script(raw(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\n\r\n" + http(200, b"ok")))
    response = await transport.send(post(up.url), soon())
    assert (response.status, await response.read(soon())) == (200, b"ok")
    await response.aclose()


async def test_redirect_is_not_followed(up: Upstream, transport: HttpxTransport) -> None:
    """A redirect is handed over as it is; nobody else is asked."""
    up.script(reply(307, b"", {"location": up.root + "/elsewhere"}))
    response = await transport.send(post(up.url, authorization="x"), soon())
    assert response.status == 307
    await response.read(soon())
    await response.aclose()
    assert [seen.target for seen in up.seen] == ["/v1"]


async def test_cookies_are_not_kept(up: Upstream, transport: HttpxTransport) -> None:
    """A cookie set by one reply is in no later request."""
    up.script(reply(200, b"{}", {"set-cookie": "a=b"}))
    for _ in range(2):
        response = await transport.send(post(up.url), soon())
        await response.read(soon())
        await response.aclose()
    assert "cookie" not in up.seen[1].headers


async def test_environment_is_ignored(up: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY and its kin change nothing; only a configured proxy does."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    up.script(OK)
    transport = HttpxTransport(TransportSettings(https=False))
    response = await transport.send(post(up.url), soon())
    await response.read(soon())
    await response.aclose()
    await transport.aclose()
    assert [seen.target for seen in up.seen] == ["/v1"], "straight to the upstream, not as to a proxy"


async def test_configured_proxy(up: Upstream) -> None:
    """A configured proxy gets the request in absolute form."""
    up.script(OK)
    transport = HttpxTransport(TransportSettings(https=False, proxy=up.root))
    response = await transport.send(post("http://far.example/v1"), soon())
    await response.read(soon())
    await response.aclose()
    await transport.aclose()
    assert up.seen[0].target == "http://far.example/v1"


async def test_refused(transport: HttpxTransport) -> None:
    """Nobody listens: a connection failure, at once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    began = time.monotonic()
    kind, _ = await fails(transport, f"http://127.0.0.1:{port}")
    assert kind is FailureClass.CONNECTION
    assert time.monotonic() - began < 0.2


async def test_unreadable_address(transport: HttpxTransport) -> None:
    """An address that cannot be one is a failure of the attempt, not an exception of httpx2's."""
    kind, _ = await fails(transport, "http://127.0.0.300/v1")
    assert kind is FailureClass.CONNECTION


@pytest.fixture
def full_backlog() -> Iterator[int]:
    """A port whose backlog is full: the next connection's SYN is never answered."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port: int = server.getsockname()[1]
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port


async def test_connect_timeout(transport: HttpxTransport, full_backlog: int) -> None:
    """Connecting has its own limit, and running into it is a connection failure."""
    began = time.monotonic()
    kind, detail = await fails(transport, f"http://127.0.0.1:{full_backlog}")
    assert (kind, detail) == (FailureClass.CONNECTION, "ConnectTimeout")
    assert 0.19 < time.monotonic() - began < 0.6


async def test_deadline_while_connecting(full_backlog: int) -> None:
    """The deadline holds while connecting, too."""
    transport = HttpxTransport(TransportSettings(https=False, connect_timeout_s=30))
    kind, _ = await fails(transport, f"http://127.0.0.1:{full_backlog}", within=0.1)
    assert kind is FailureClass.TIMEOUT
    assert in_use(transport) == (0, 0)
    await transport.aclose()


async def test_cancelled_while_connecting(transport: HttpxTransport, full_backlog: int) -> None:
    """A caller who leaves while we connect leaves nothing in use."""
    task = asyncio.create_task(transport.send(post(f"http://127.0.0.1:{full_backlog}"), soon()))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert in_use(transport) == (0, 0)


async def test_cancelled_while_waiting_for_headers(up: Upstream, transport: HttpxTransport) -> None:
    """A caller who leaves before the headers closes the connection."""
    up.script(HANG)
    task = asyncio.create_task(transport.send(post(up.url), soon()))
    await asyncio.to_thread(_until, lambda: len(up.seen) == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert in_use(transport) == (0, 0)
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_cancelled_while_reading(up: Upstream, transport: HttpxTransport) -> None:
    """A caller who leaves inside the body closes the connection."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    response = await transport.send(post(up.url), soon())
    assert await response.next(soon()) == b"x"
    task = asyncio.create_task(response.next(soon()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await response.aclose()
    assert in_use(transport) == (0, 0)
    assert await asyncio.to_thread(up.left.wait, 5)


async def test_cancelled_at_every_step(up: Upstream, transport: HttpxTransport) -> None:
    """After n turns of the loop, for any n, cancelling leaves no connection in use; later calls work."""
    up.script(OK)

    async def exchange() -> bytes:
        response = await transport.send(post(up.url), soon())
        try:
            return await response.read(soon())
        finally:
            await response.aclose()

    cancelled = 0
    for turns in range(40):
        task = asyncio.create_task(exchange())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        cancelled += task.cancelled()
        assert in_use(transport) == (0, 0)
    assert cancelled > 3
    assert b"hi" in await exchange()


async def test_cancelled_while_closing(up: Upstream, transport: HttpxTransport) -> None:
    """Cancelled at any turn of closing an unread reply, the connection goes all the same."""
    up.script(raw(CHUNKED + framed(b"x"), end="hang"))
    for turns in range(6):
        response = await transport.send(post(up.url), soon())
        task = asyncio.create_task(response.aclose())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await response.aclose()
        for _ in range(10):
            await asyncio.sleep(0)
        assert in_use(transport) == (0, 0), turns


def _until(condition: Any) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


# --- TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, key and certificate in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
    ]
    command += ["-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return folder


def server_context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


async def test_tls_with_its_authority(certificate: Path) -> None:
    """A certificate of the configured authority is accepted."""
    with Upstream(tls=server_context(certificate)) as up:
        up.script(OK)
        transport = HttpxTransport(TransportSettings(https=True, ca_file=str(certificate / "cert.pem")))
        response = await transport.send(post(up.url), soon())
        assert b"hi" in await response.read(soon())
        await response.aclose()
        await transport.aclose()


async def test_tls_of_an_unknown_authority(certificate: Path) -> None:
    """A certificate of nobody we know is refused; nothing is sent."""
    with Upstream(tls=server_context(certificate)) as up:
        up.script(OK)
        transport = HttpxTransport(TransportSettings(https=True))
        kind, _ = await fails(transport, up.url)
        assert kind is FailureClass.CONNECTION
        assert up.seen == []
        await transport.aclose()


async def test_tls_name_mismatch(certificate: Path) -> None:
    """A certificate for another name is refused."""
    with Upstream(tls=server_context(certificate)) as up:
        up.script(OK)
        transport = HttpxTransport(TransportSettings(https=True, ca_file=str(certificate / "cert.pem")))
        kind, _ = await fails(transport, up.url.replace("127.0.0.1", "localhost"))
        assert kind is FailureClass.CONNECTION
        await transport.aclose()


async def test_plain_http_on_a_tls_address() -> None:
    """A server that does not speak TLS is a connection failure, never a downgrade."""
    with Upstream(greeting=http(400, b"speak plainly")) as up:
        transport = HttpxTransport(TransportSettings(https=True))
        kind, _ = await fails(transport, up.url.replace("http:", "https:"))
        assert kind is FailureClass.CONNECTION
        assert up.seen == []
        await transport.aclose()


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
async def test_left_during_the_handshake(up: Upstream, how: str) -> None:
    """A deadline or a cancellation inside the TLS handshake closes the socket."""
    transport = HttpxTransport(TransportSettings(https=True))
    request = post(up.url.replace("http:", "https:"))
    task = asyncio.create_task(transport.send(request, soon(0.1 if how == "deadline" else 5)))
    await asyncio.to_thread(_until, lambda: up.open == 1)
    if how == "cancelled":
        await asyncio.sleep(0.02)
        task.cancel()
    with pytest.raises((TransportFailure, asyncio.CancelledError)):
        await task
    await asyncio.to_thread(_until, lambda: up.open == 0)
    assert in_use(transport) == (0, 0)
    await transport.aclose()


async def test_tls_that_breaks_inside_the_reply(certificate: Path) -> None:
    """Bytes that are no TLS, in the middle of a reply, are a connection failure."""

    async def script(exchange: Any) -> None:
        await exchange.send(SSE + framed(b"data: x\n\n"))
        plain = exchange.writer.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(plain.fileno())) as under:
            under.setblocking(True)
            under.send(b"this is no TLS record at all")
        await exchange.gone()
        exchange.fin()

    with Upstream(tls=server_context(certificate)) as up:
        up.script(script)
        transport = HttpxTransport(TransportSettings(https=True, ca_file=str(certificate / "cert.pem")))
        kind, _ = await fails(transport, up.url)
        assert kind is FailureClass.CONNECTION
        await transport.aclose()

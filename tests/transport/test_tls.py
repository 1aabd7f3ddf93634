"""Who is at the other end is verified, on every transport."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from router.transport.base import TransportFailure, TransportSettings
from router.transport.choice import open_transport
from router.types import FailureClass
from tests.faults import certificates
from tests.library.upstream import OK, SSE, Upstream, framed, http
from tests.transport.kit import asked, fails, in_use, post, soon, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.certificates import Certificate
    from tests.transport.kit import Made


@pytest.fixture
def expired(authority: Certificate, tmp_path: Path) -> Certificate:
    """One of the same authority, good until yesterday."""
    return certificates.make(tmp_path, days=-1, issuer=authority)


async def test_tls_with_its_authority(
    make: Made, trusting: TransportSettings, certificate: Certificate
) -> None:
    """A certificate of the configured authority is accepted."""
    with Upstream(tls=certificate.context()) as up:
        up.script(OK)
        transport = make(trusting)
        response = await transport.send(post(up.url), soon())
        assert b"hi" in await response.read(soon())
        await response.aclose()
        await transport.aclose()


async def test_tls_of_an_unknown_authority(make: Made, certificate: Certificate) -> None:
    """A certificate of nobody we know is refused; nothing is sent."""
    with Upstream(tls=certificate.context()) as up:
        up.script(OK)
        transport = make(TransportSettings(https=True))
        kind, _ = await fails(transport, up.url)
        assert kind is FailureClass.CONNECTION
        assert up.seen == []
        await transport.aclose()


async def test_tls_of_an_expired_certificate(
    make: Made, trusting: TransportSettings, expired: Certificate
) -> None:
    """A certificate that was good until yesterday is refused, though its authority is trusted."""
    with Upstream(tls=expired.context()) as up:
        up.script(OK)
        transport = make(trusting)
        failed, _ = await fails(transport, up.url)
        assert failed is FailureClass.CONNECTION
        assert up.seen == []
        await transport.aclose()


async def test_a_system_without_authorities(
    certificate: Certificate, authority: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyreqwest's finding none is a connection failure, and a warning says so; later ones work."""
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    with Upstream(tls=certificate.context()) as up:
        up.script(OK)
        transport = open_transport(TransportSettings(https=True, fast=True))
        with pytest.warns(RuntimeWarning, match="found no certificate authorities") as told:
            failed, said = await fails(transport, up.url)
        assert (failed, said) == (FailureClass.CONNECTION, str(told[0].message))
        assert in_use(transport) == (0, 0)
        assert up.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        assert (await asked(transport, post(up.url)))[0] == 200
        await transport.aclose()


async def test_tls_name_mismatch(make: Made, trusting: TransportSettings, certificate: Certificate) -> None:
    """A certificate for another name is refused."""
    with Upstream(tls=certificate.context()) as up:
        up.script(OK)
        transport = make(trusting)
        kind, _ = await fails(transport, up.url.replace("127.0.0.1", "localhost"))
        assert kind is FailureClass.CONNECTION
        await transport.aclose()


async def test_plain_http_on_a_tls_address(make: Made) -> None:
    """A server that does not speak TLS is a connection failure, never a downgrade."""
    with Upstream(greeting=http(400, b"speak plainly")) as up:
        transport = make(TransportSettings(https=True))
        kind, _ = await fails(transport, up.url.replace("http:", "https:"))
        assert kind is FailureClass.CONNECTION
        assert up.seen == []
        await transport.aclose()


@pytest.mark.parametrize("how", ["deadline", "cancelled"])
async def test_left_during_the_handshake(up: Upstream, make: Made, how: str) -> None:
    """A deadline or a cancellation inside the TLS handshake closes the socket."""
    transport = make(TransportSettings(https=True))
    request = post(up.url.replace("http:", "https:"))
    # Within it a first lane is made, which reads the system's authorities.
    task = asyncio.create_task(transport.send(request, soon(1 if how == "deadline" else 5)))
    await asyncio.to_thread(wait_until, lambda: up.open == 1)
    if how == "cancelled":
        await asyncio.sleep(0.02)
        task.cancel()
    with pytest.raises((TransportFailure, asyncio.CancelledError)):
        await task
    await asyncio.to_thread(wait_until, lambda: up.open == 0)
    assert in_use(transport) == (0, 0)
    await transport.aclose()


async def test_tls_that_breaks_inside_the_reply(
    make: Made, trusting: TransportSettings, certificate: Certificate
) -> None:
    """Bytes that are no TLS, in the middle of a reply, are a connection failure."""

    async def script(exchange: Any) -> None:
        await exchange.send(SSE + framed(b"data: x\n\n"))
        plain = exchange.writer.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(plain.fileno())) as under:
            under.setblocking(True)
            under.send(b"this is no TLS record at all")
        await exchange.gone()
        exchange.fin()

    with Upstream(tls=certificate.context()) as up:
        up.script(script)
        transport = make(trusting)
        kind, _ = await fails(transport, up.url)
        assert kind is FailureClass.CONNECTION
        await transport.aclose()


HTTP2 = """
const http2 = require("http2"), fs = require("fs");
const server = http2.createSecureServer(
  { key: fs.readFileSync(process.argv[1]), cert: fs.readFileSync(process.argv[2]), allowHTTP1: true });
server.on("request", (request, reply) => { reply.end(request.httpVersion); });
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


@pytest.fixture
def http2_server(certificate: Certificate) -> Iterator[str]:
    """The address of a server that offers HTTP/2 and answers with the version it was asked in."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    command = ["node", "-e", HTTP2, str(certificate.key), str(certificate.file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        yield f"https://127.0.0.1:{int(server.stdout.readline())}/v1"
        server.terminate()


async def test_http2(make: Made, kind: str, trusting: TransportSettings, http2_server: str) -> None:
    """Where an upstream offers HTTP/2 pyreqwest speaks it; httpx2 speaks HTTP/1.1."""
    transport = make(trusting)
    for whole in (True, False):
        spoken = await asked(transport, post(http2_server), whole=whole)
        assert spoken == (200, b"2.0" if kind == "pyreqwest" else b"1.1")
    await transport.aclose()

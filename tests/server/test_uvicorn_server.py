"""Bounds on a request's head."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from router.server import uvicorn_server

if TYPE_CHECKING:
    from tests.server.conftest import MakeGateway
    from tests.server.world import GatewayThread, Upstream


def _closed_by_peer(connection: socket.socket) -> bool:
    try:
        return connection.recv(65536) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET /healthz HT"])
def test_slow_head(make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    """A connection that brings no complete head in time is cut."""
    monkeypatch.setattr(uvicorn_server, "HEAD_S", 0.1)
    gateway = make_gateway()
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
        connection.sendall(begun)
        assert _closed_by_peer(connection)


def test_slow_second_head(make_gateway: MakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same holds for a later request on a kept connection; a good one is not cut short."""
    monkeypatch.setattr(uvicorn_server, "HEAD_S", 0.2)
    gateway = make_gateway()
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /healthz HT")
        assert _closed_by_peer(connection)


def test_large_head(gateway: GatewayThread) -> None:
    """A head without end is cut."""
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            connection.sendall((b"x-a: " + b"a" * 1_000 + b"\r\n") * 50_000)


def test_large_body_is_no_head(gateway: GatewayThread, upstream: Upstream) -> None:
    """The bound is on the head alone."""
    assert gateway.chat("chat", messages=[{"role": "user", "content": "a" * 1_000_000}]).status_code == 200

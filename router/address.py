"""Addresses that the gateway and the emulator listen on."""

from __future__ import annotations

import ipaddress
import socket

_MAX_PORT = 65_535


class CannotServe(Exception):
    """A server cannot start; the message says why and what to do."""


def is_loopback(host: str) -> bool:
    """Whether listening on *host* can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections queue until somebody takes them.

    Args:
        host: a name or address.
        port: 0 takes a free one.

    Raises:
        CannotServe: the address cannot be had.
    """
    if not 0 <= port <= _MAX_PORT:  # getaddrinfo would take it modulo 65,536.
        raise CannotServe(f"cannot listen on {host} port {port}: a port is a number from 0 to {_MAX_PORT}")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError) as error:
        raise CannotServe(f"cannot listen on {host} port {port}: {error}") from error


def url_of(listener: socket.socket) -> str:
    """The URL at which *listener* is reached."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

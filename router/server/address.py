"""Addresses to listen on."""

from __future__ import annotations

import ipaddress
import socket


class CannotServe(Exception):
    """The gateway cannot start; the message says why and what to do."""


def is_loopback(host: str) -> bool:
    """Whether listening on *host* can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; connections queue until a worker takes them.

    Args:
        host: a name or address.
        port: 0 takes a free one.

    Raises:
        CannotServe: the address cannot be had.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        raise CannotServe(f"cannot listen on {host} port {port}: {error}") from error


def url_of(listener: socket.socket) -> str:
    """The URL at which *listener* is reached."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

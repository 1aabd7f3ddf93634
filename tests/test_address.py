"""Addresses to listen on: the one home of what the gateway and the emulator need to know of them."""

from __future__ import annotations

import re

import pytest

from router.address import CannotServe, is_loopback, listen, url_of
from router.emulator import serve as emulator
from router.server import serve as gateway


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("example.org", False),
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    """Which addresses are reached from this machine only."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize("port", [-1, 65_536, 70_000, 10**30])
def test_impossible_port(port: int) -> None:
    """A number that is no port is refused, and never taken modulo 65,536."""
    with pytest.raises(CannotServe, match=rf"port {port}: a port is a number from 0 to 65535"):
        listen("127.0.0.1", port)


@pytest.mark.parametrize("host", ["x" * 300, "a..b", "192.0.2.1"])
def test_impossible_host(host: str) -> None:
    """A host that is none, or none of this machine's, is named."""
    with pytest.raises(CannotServe, match=f"cannot listen on {host} port 0: "):
        listen(host, 0)


def test_url() -> None:
    """The URL names the port that was free."""
    with listen("127.0.0.1", 0) as listener:
        assert url_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_ipv6_url() -> None:
    """An IPv6 address is put into brackets."""
    try:
        listener = listen("::1", 0)
    except CannotServe:
        pytest.skip("this machine has no IPv6")
    with listener:
        assert re.fullmatch(r"http://\[::1\]:\d+", url_of(listener))


def test_both_servers_use_it() -> None:
    """Gateway and emulator judge an address by the same functions."""
    for server in (gateway, emulator):
        assert (vars(server)["is_loopback"], vars(server)["listen"]) == (is_loopback, listen)

"""Serving: on a thread, in the foreground, and without uvicorn."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading

import httpx2 as httpx
import pytest

from router.address import CannotServe
from router.emulator import serve
from router.emulator.serve import EmulatorServer, run
from router.emulator.settings import Settings
from router.emulator.uvicorn_server import make_server

FOREGROUND = """
from router.emulator.serve import run
from router.emulator.settings import Settings
run({host!r}, 0, Settings(), lambda url: print(url, flush=True))
print("stopped", flush=True)
"""


def test_server_leaves_nothing() -> None:
    """After close() the port is free and the thread gone; closing again is harmless."""
    before = set(threading.enumerate())
    server = EmulatorServer()
    port = int(server.base_url.rpartition(":")[2])
    assert httpx.get(server.base_url + "/emulator/requests").json() == []
    server.close()
    server.close()
    assert set(threading.enumerate()) == before
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_two_servers_share_nothing() -> None:
    """Each has its own port, record and faults."""
    with EmulatorServer() as one, EmulatorServer() as other:
        assert one.base_url != other.base_url
        one.fail("google/gemma-3-4b-it", "503")
        for server, status in ((one, 503), (other, 200)):
            url = f"{server.base_url}/models/v2/google/gemma-3-4b-it"
            response = httpx.post(url, json={"input": "a"}, headers={"authorization": "k"})
            assert response.status_code == status
        one.clear()
        assert len(other.requests()) == 1


def test_port_in_use() -> None:
    """A taken port is named."""
    with EmulatorServer() as server:
        port = int(server.base_url.rpartition(":")[2])
        with pytest.raises(CannotServe, match=rf"cannot listen on 127\.0\.0\.1 port {port}: .*in use"):
            EmulatorServer(port=port)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_impossible_port(port: int) -> None:
    """A number that is no port is refused in the same way."""
    with pytest.raises(CannotServe, match=f"cannot listen on 127.0.0.1 port {port}"):
        run("127.0.0.1", port, Settings(), lambda _url: None)


def test_without_uvicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to install, and the socket is closed."""
    monkeypatch.setitem(sys.modules, "router.emulator.uvicorn_server", None)
    for start in (EmulatorServer, lambda: run("127.0.0.1", 0, Settings(), lambda _url: None)):
        with pytest.raises(CannotServe, match=r"pip install 'bytez-router\[server\]'"):
            start()


def test_server_that_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the start is bounded, and what was begun is ended."""
    monkeypatch.setattr(serve, "_START_TIMEOUT_S", 0.01)
    monkeypatch.setattr(serve, "_server", lambda app, _on_ready: make_server(app, lambda: None))
    before = set(threading.enumerate())
    with pytest.raises(CannotServe, match="did not start"):
        EmulatorServer()
    assert set(threading.enumerate()) == before


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")),
    ],
)
def test_foreground(host: str) -> None:
    """It tells its URL when it answers, prints nothing else, and SIGINT ends it cleanly."""
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", FOREGROUND.format(host=host)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        response = httpx.get(url + "/models/v2/list/tasks", headers={"authorization": "k"})
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert response.status_code == 200
    assert url.startswith("http://[::1]:" if host == "::1" else "http://")
    assert (process.returncode, output, errors) == (0, "stopped\n", "")


def test_foreground_answers_by_any_name_on_other_addresses() -> None:
    """On an address that is not loopback the Host header is free; on loopback it is not."""
    statuses = {}
    for host in ("0.0.0.0", "127.0.0.1"):
        command = [sys.executable, "-c", FOREGROUND.format(host=host)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = process.stdout.readline().strip().rpartition(":")[2]
            headers = {"authorization": "k", "host": "bytez.example.org"}
            url = f"http://127.0.0.1:{port}/models/v2/list/tasks"
            statuses[host] = httpx.get(url, headers=headers).status_code
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
    assert statuses == {"0.0.0.0": 200, "127.0.0.1": 403}

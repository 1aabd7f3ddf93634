"""Seed row: the page's command that starts the proxy, with ``router`` in place of ``litellm``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.seed.page import EARTH, FIXTURES, at_port, run_code, sent, snippet

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from router.emulator.serve import EmulatorServer

_START_S = 30.0


@contextmanager
def _started(log: Path) -> Iterator[int]:
    """Run the page's command, on a free port, until the block ends; gives the port."""
    command = snippet("proxy_start.sh.txt").removeprefix("$ ")
    command = command.replace("/path/to/config.yaml", str(FIXTURES / "config.yaml"))
    with log.open("wb") as file:
        # A session of its own, so that shell and server end together.
        server = subprocess.Popen(["sh", "-c", command], stdout=file, stderr=file, start_new_session=True)
        try:
            yield _port(server, log)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(_START_S)


def _port(server: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + _START_S
    while (found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", log.read_text())) is None:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    return int(found[1])


def test_the_command_serves_the_pages_client(
    bytez: EmulatorServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command as printed serves the page's program as printed; its debug log keeps secrets."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ROUTER_PORT", "0")
    monkeypatch.delenv("BYTEZ_API_KEY")  # The command line sets it.
    log = tmp_path / "log.txt"
    with _started(log) as port:
        printed = run_code(at_port((FIXTURES / "proxy_client.py.txt").read_text(), port))
    assert "What do you know about earth?" in printed
    assert sent(bytez)["messages"] == EARTH
    said = log.read_text()
    assert "router.request_completed" in said
    assert "router.attempt_ended" in said
    assert "router.params_merged" in said
    for secret in ("sk-1234", "YOUR_BYTEZ_API_KEY_HERE", "good human", "earth"):
        assert secret not in said

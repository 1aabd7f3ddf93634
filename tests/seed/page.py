"""LiteLLM's Bytez page: its snippets as printed, and what it takes to run them here."""

from __future__ import annotations

import os
import re
import runpy
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from router import Router
from router.server.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from router.emulator.serve import EmulatorServer

FIXTURES = Path(__file__).parent / "fixtures"
EXAMPLES = Path(__file__).parents[2] / "examples"
CONFIGS = ("config.yaml", "params.yaml", "huggingface.yaml")
MODEL = "google/gemma-3-4b-it"
HELLO = [{"content": "Hello, how are you?", "role": "user"}]
EARTH = [
    {"role": "system", "content": "Be a good human!"},
    {"role": "user", "content": "What do you know about earth?"},
]


def snippet(name: str) -> str:
    """A snippet with ``router`` in place of ``litellm``."""
    return (FIXTURES / name).read_text().replace("litellm", "router")


def at_port(text: str, port: int) -> str:
    """*text* with *port* in place of the page's 4000, which may be taken here."""
    return text.replace("0.0.0.0:4000", f"0.0.0.0:{port}")


def run_code(code: str) -> str:
    """What *code* prints in a Python of its own, in which a warning is an error."""
    return run(sys.executable, "-W", "error", "-c", code)


def run(*command: str) -> str:
    """What *command* prints; a command that fails or writes errors fails the test."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def sent(emulator: EmulatorServer, model: str = MODEL) -> dict[str, Any]:
    """The body of the one request that reached Bytez, which was for *model* and had a key."""
    [request] = emulator.requests()
    assert (request["method"], request["path"]) == ("POST", f"/models/v2/{model}")
    assert request["headers"]["authorization"] == "Key ***"
    body: dict[str, Any] = request["body"]
    return body


@contextmanager
def gateway(config: Path) -> Iterator[int]:
    """The gateway on *config*, on a free port, while the block runs; gives the port."""
    app = create_app(Router.from_file(config))
    server = uvicorn.Server(
        uvicorn.Config(app, ws="none", log_config=None, access_log=False, timeout_graceful_shutdown=5)
    )
    # It listens from here on: who connects before the server runs waits in the queue.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def _media() -> dict[str, bytes]:
    made: dict[str, Callable[[], bytes]] = runpy.run_path(str(EXAMPLES / "multi-modal" / "media.py"))
    return {name: made[name]() for name in ("png", "wav", "mp4")}


MEDIA = _media()


def error_byte(message: str) -> int:
    """The byte that an error about JSON names, from 1."""
    found = re.search(r"at byte (\d+) ", message)
    assert found is not None, message
    return int(found[1])

"""Gateways to be measured, each a process: the floor, ours, and others where they are installed."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import configs
from bench.processes import CALLER_KEY, KEYS, PYTHON, UPSTREAM_KEY, Child, NotRun

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

_READY_S = 90.0
_LOOK_AGAIN_S = 0.005
_CHAT = "/v1/chat/completions"


class Gateway(Child):
    """A running gateway.

    Attributes:
        port: on 127.0.0.1.
        path: of chat.
        headers: of a request.
        models: the names of models that are not called as the upstream's route.
        ready_s: seconds from its start to its first answer.
    """

    port: int
    path = _CHAT
    headers: Mapping[str, str] = {"authorization": f"Bearer {CALLER_KEY}"}
    models: Mapping[str, str] = {}
    ready_s = 0.0

    def model(self, route: str) -> str:
        """What is asked for, for the upstream to do *route*."""
        return self.models.get(route, route)

    def wait(self, path: str) -> None:
        """Wait until *path* is answered.

        Raises:
            NotRun: it is not, or the gateway has ended.
        """
        while time.perf_counter() < self.began + _READY_S:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5):
                    self.ready_s = time.perf_counter() - self.began
                    return
            except urllib.error.HTTPError:
                raise NotRun(f"{path} is not answered well") from None
            except OSError:
                if self.ended():
                    break
                time.sleep(_LOOK_AGAIN_S)
        raise NotRun("it did not start")


@contextmanager
def upstream() -> Generator[int]:
    """The static upstream; its port."""
    with Child([PYTHON, "-m", "bench.upstream"]) as child:
        yield int(child.line())


@contextmanager
def floor(upstream_port: int) -> Generator[Gateway]:
    """The floor."""
    configs.check_pyreqwest()
    with Gateway([PYTHON, "-m", "bench.floor", f"http://127.0.0.1:{upstream_port}"]) as gateway:
        gateway.port = int(gateway.line())
        yield gateway


@contextmanager
def ours(upstream_port: int, transport: str, folder: Path, *, workers: int = 1) -> Generator[Gateway]:
    """``router serve`` with a caller, limits and its log, as JSON, into a file."""
    configs.check_transport(transport)
    cached = configs.has_cache()
    port = _free_port()
    path = folder / f"{transport}-{port}.yaml"  # Two may run side by side, each with its own log.
    path.write_text(configs.gateway(upstream_port, transport, cached=cached))
    command = [PYTHON, "-m", "router.cli", "serve", "--config", str(path), "--log-format", "json"]
    command += ["--port", str(port), "--workers", str(workers)]
    with path.with_suffix(".log").open("w") as log, Gateway(command, environ=KEYS, log=log) as gateway:
        gateway.port = port
        gateway.wait("/healthz")
        yield gateway


@contextmanager
def litellm(upstream_port: int, python: str | None, folder: Path) -> Generator[Gateway]:
    """LiteLLM's proxy, in the environment of *python*, with one worker as it starts by itself."""
    program = Path(python or "").with_name("litellm")
    if python is None or not program.exists():
        raise NotRun("not installed")
    path = folder / "litellm.yaml"
    api = {"api_base": f"http://127.0.0.1:{upstream_port}/plain/v1", "api_key": UPSTREAM_KEY}
    entry = {"model_name": "plain", "litellm_params": {"model": f"openai/{configs.MODEL}", **api}}
    path.write_text(json.dumps({"model_list": [entry], "general_settings": {"master_key": "sk-bench"}}))
    port = _free_port()
    command = [str(program), "--config", str(path), "--host", "127.0.0.1", "--port", str(port)]
    with path.with_suffix(".log").open("w") as log, Gateway(command, log=log) as gateway:
        gateway.port = port
        gateway.headers = {"authorization": "Bearer sk-bench"}
        gateway.wait("/health/liveliness")
        yield gateway


@contextmanager
def portkey(upstream_port: int, package: str | None, folder: Path) -> Generator[Gateway]:
    """Portkey's gateway; *package* is the folder of the installed npm package @portkey-ai/gateway."""
    program = Path(package or "") / "build" / "start-server.js"
    if package is None or not program.exists():
        raise NotRun("not installed")
    port = _free_port()
    command = ["node", str(program), f"--port={port}", "--headless"]
    environ = {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    with (folder / "portkey.log").open("w") as log, Gateway(command, environ=environ, log=log) as gateway:
        gateway.port = port
        gateway.models = {"plain": configs.MODEL}
        gateway.headers = {
            "authorization": f"Bearer {UPSTREAM_KEY}",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": f"http://127.0.0.1:{upstream_port}/plain/v1",
        }
        gateway.wait("/")
        yield gateway


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port

"""Running a README: its ``sh`` blocks in order, in its folder, as printed."""

from __future__ import annotations

import re
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = Path(__file__).parents[2] / "examples"

# Commands that go on until they are stopped, and the variable by which they and their clients know the port.
_SERVERS = {
    "router --config": "ROUTER_PORT",
    "router serve": "ROUTER_PORT",
    "router emulate": "EMULATOR_PORT",
    "uvicorn": "UVICORN_PORT",
}
_LISTENS = re.compile(r"(?:listening|running|emulating Bytez) on http://127\.0\.0\.1:(\d+)")
_START_S = 30.0
_RUN_S = 60.0


def blocks(readme: Path) -> list[str]:
    """The ``sh`` blocks of a file."""
    return re.findall(r"^```sh\n(.*?)^```$", readme.read_text(), re.MULTILINE | re.DOTALL)


def run_readme(folder: str, environment: dict[str, str]) -> list[str]:
    """What each block of a folder's README prints, servers aside; every command must end well."""
    printed: list[str] = []
    environment = dict(environment)
    with ExitStack() as servers:
        for block in blocks(EXAMPLES / folder / "README.md"):
            variable = next((name for start, name in _SERVERS.items() if block.startswith(start)), None)
            if variable is None:
                printed.append(run(block, folder, environment))
            else:
                environment[variable] = servers.enter_context(serving(block, folder, environment))
    return printed


def run(command: str, folder: str, environment: dict[str, str]) -> str:
    """What a shell *command* prints in *folder*; it must end with 0."""
    done = subprocess.run(
        ["sh", "-e", "-c", command],
        cwd=EXAMPLES / folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_RUN_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def serving(command: str, folder: str, environment: dict[str, str]) -> Iterator[str]:
    """Run a server while the block runs; gives its port."""
    with tempfile.NamedTemporaryFile() as log:
        server = subprocess.Popen(
            ["sh", "-c", f"exec {command}"], cwd=EXAMPLES / folder, env=environment, stdout=log, stderr=log
        )
        try:
            yield _port(server, Path(log.name))
        finally:
            server.terminate()
            server.wait(_START_S)


def _port(server: subprocess.Popen[bytes], log: Path) -> str:
    """The port that *server* says it listens on."""
    deadline = time.monotonic() + _START_S
    while True:
        said = log.read_text()
        found = _LISTENS.search(said)
        if found is not None:
            return found[1]
        assert server.poll() is None, f"the server ended:\n{said}"
        assert time.monotonic() < deadline, f"the server did not start:\n{said}"
        time.sleep(0.02)

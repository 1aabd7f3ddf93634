"""A gateway in a process of its own, for as long as it is needed."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections import deque
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING

from router.cli.common import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

_READY = re.compile(r"router: listening on (http://\S+) ")
_START_S = 30.0
_STOP_S = 10.0
_KEPT_LINES = 50


@contextlib.contextmanager
def gateway_process(config: str, port: int) -> Iterator[str]:
    """Run ``router serve`` on *config*; gives its URL once it takes requests, and stops it at the end.

    Raises:
        CommandError: it did not start; the message has what it said.
    """
    command = [sys.executable, "-m", "router.cli", "serve", "--config", config, "--host", "127.0.0.1"]
    environment = {**os.environ, "ROUTER_LOG_LEVEL": "warning"}
    with subprocess.Popen(  # noqa: S603 - our own command, no shell
        [*command, "--port", str(port)], stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        reader = _Reader(process.stderr)
        try:
            yield reader.url()
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
            reader.join()


class _Reader(threading.Thread):
    """Reads what the gateway says, so that it never blocks, and keeps the last of it."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(name="router-demo", daemon=True)
        self._stream = stream
        self._last: deque[str] = deque(maxlen=_KEPT_LINES)
        self._ready: SimpleQueue[str | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self._last.append(line)
            match = _READY.match(line)
            if match is not None:
                self._ready.put(match[1])
        self._ready.put(None)

    def url(self) -> str:
        """Where it listens."""
        try:
            url = self._ready.get(timeout=_START_S)
        except Empty:
            url = None
        if url is None:
            raise CommandError("the gateway did not start:\n" + "".join(self._last).rstrip())
        return url

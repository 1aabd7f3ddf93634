"""The load generator: one process of its own, whose CPU is not counted.

``python -m bench.load`` takes a job in a line of standard input, opens its connections, says so, waits
for another line, begins, and prints what came of it in a line of JSON.

Closed loop: each connection sends its next request when it has read the reply. Open loop: requests leave
at a fixed rate, whatever became of those before; one that finds no idle connection makes one. Clients
that hang up close their connection before the reply, and go on with a new one. Times are
taken from the moment a request is written: how late a timer of this process fires is not the server's
doing.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable

_LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_CONTENT = b'"content":" '  # What a chunk with content of the static upstream holds, and its role chunk not.
_FRAME = re.compile(rb"\r\n[0-9a-fA-F]+\r\n")  # Between two chunks of HTTP's, which may cut an event.
_PATIENCE_S = 60.0
_HUNG_UP = 4
_SEED = 20_240_229
_SPREAD_S = 0.25  # About as long as a stream of 16 events a write lasts.


@dataclass(slots=True)
class Job:
    """What to send, and how.

    Attributes:
        port: on 127.0.0.1.
        path: of each request.
        headers: name and value, beside host, content-type and content-length.
        body: JSON text.
        connections: kept open; in the open loop those at the beginning.
        seconds: for how long requests are begun.
        requests: how many at most; 0: as many as there is time for.
        rate: requests a second in the open loop; 0: the closed loop.
        chunks: content chunks that each reply must have; 0: it is no stream.
        hang_up_s: one request in four is given up, at a moment up to so many seconds after it was sent;
            0: none is. It counts as neither good nor bad.
    """

    port: int
    path: str
    headers: dict[str, str]
    body: str
    connections: int = 1
    seconds: float = 1.0
    requests: int = 0
    rate: float = 0.0
    chunks: int = 0
    hang_up_s: float = 0.0


@dataclass(slots=True)
class Result:
    """What came of a job: how many good replies, how many others, and times in seconds."""

    good: int = 0
    bad: int = 0
    wall_s: float = 0.0
    whole_s: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        """For the line of JSON; times in milliseconds."""
        times = {"good": self.good, "bad": self.bad, "wall_s": self.wall_s}
        for name, values in (("whole", self.whole_s), ("first", self.first_s)):
            values.sort()
            times |= {f"{name}_p{part}_ms": 1000 * _part(values, part) for part in (50, 99) if values}
        return times


def _part(values: list[float], percent: int) -> float:
    return values[min(len(values) - 1, len(values) * percent // 100)]


class Connection(asyncio.Protocol):
    """One connection to the server: sends a request and reads its reply, of which it looks at little.

    Attributes:
        busy: whether a reply is still to come.
    """

    def __init__(self, job: Job, request: bytes, result: Result, done: Callable[[Connection], None]) -> None:
        self._job = job
        self._request = request
        self._result = result
        self._done = done
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def send(self) -> None:
        """Write the request."""
        self._head = b""
        self._left = -1  # Bytes still to come; -1: the head has yet to, -2: up to a chunk of none.
        self._pieces: list[bytes] = []
        self._first_s: float | None = None
        self.busy = True
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def close(self) -> None:
        """Close the connection."""
        self.busy = False
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Read on; at the end of the reply say so."""
        if self._left == -1:
            self._head += data
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                return
            length = _LENGTH.search(self._head[: end + 4])
            data = self._head[end + 4 :]
            self._left = int(length[1]) if length else -2
        if self._left >= 0:
            self._left -= len(data)
            if self._left == 0:
                self._finish()
            return
        self._pieces.append(data)
        if self._first_s is None and _CONTENT in data:
            self._first_s = time.perf_counter() - self._sent
        if data.endswith(_LAST_CHUNK):
            self._finish()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Count a request that is cut as bad."""
        if self.busy:
            self._end(good=False)

    def _finish(self) -> None:
        seen = _FRAME.sub(b"", b"".join(self._pieces)).count(_CONTENT)
        self._end(good=self._head.startswith(b"HTTP/1.1 200 ") and seen == self._job.chunks)

    def _end(self, *, good: bool) -> None:
        self.busy = False
        if good:
            self._result.good += 1
            self._result.whole_s.append(time.perf_counter() - self._sent)
            if self._first_s is not None:
                self._result.first_s.append(self._first_s)
        else:
            self._result.bad += 1
        self._done(self)


class Run:
    """One job being done."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._result = Result()
        self._request = _request(job)
        self._begun = 0
        self._running = 0
        self._open: set[Connection] = set()
        self._idle: list[Connection] = []
        self._moments = random.Random(_SEED)  # noqa: S311 - the same moments every time
        self._returning: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def run(self) -> Result:
        """Open the connections, wait for the word, and do it; all replies are in when it ends."""
        connections = [await self._connect() for _ in range(self._job.connections)]
        print(json.dumps({"connected": len(connections)}), flush=True)
        sys.stdin.readline()  # Nothing else goes on here: the loop may stand still.
        began = time.perf_counter()
        self._until = began + self._job.seconds
        if self._job.rate:
            self._idle = connections
            await self._send_steadily(began)
        else:
            for connection in connections:
                self._begin(connection)
                if (
                    self._job.chunks
                ):  # Else all would begin at once, and wait for each other, again and again.
                    await asyncio.sleep(_SPREAD_S / len(connections))
            await asyncio.wait_for(self._over.wait(), self._job.seconds + _PATIENCE_S)
        self._result.wall_s = time.perf_counter() - began
        for connection in self._open:
            connection.close()
        return self._result

    async def _connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: Connection(self._job, self._request, self._result, self._ended),
            "127.0.0.1",
            self._job.port,
        )
        self._open.add(connection)
        return connection

    def _begin(self, connection: Connection) -> None:
        self._begun += 1
        self._running += 1
        connection.send()
        if self._job.hang_up_s and self._begun % _HUNG_UP == 0:
            moment = self._moments.uniform(0.0, self._job.hang_up_s)
            asyncio.get_running_loop().call_later(moment, self._hang_up, connection)

    def _hang_up(self, connection: Connection) -> None:
        if connection.busy:
            connection.close()
            self._open.discard(connection)
            task = asyncio.ensure_future(self._return())
            self._returning.add(task)
            task.add_done_callback(self._returning.discard)

    async def _return(self) -> None:
        self._ended(await self._connect())

    def _ended(self, connection: Connection) -> None:
        self._running -= 1
        lost = self._result.bad > 0  # A bad reply spoils the job: it ends at once.
        enough = self._job.requests and self._begun >= self._job.requests
        if self._job.rate:
            self._idle.append(connection)
        elif not lost and not enough and time.perf_counter() < self._until:
            self._begin(connection)
        if self._running == 0:
            self._over.set()

    async def _send_steadily(self, began: float) -> None:
        number = 0
        while (at := began + number / self._job.rate) < self._until:
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            self._begin(self._idle.pop() if self._idle else await self._connect())
            number += 1
        if self._running:
            self._over.clear()  # It was set whenever nothing was in flight.
            await asyncio.wait_for(self._over.wait(), _PATIENCE_S)


def _request(job: Job) -> bytes:
    body = job.body.encode()
    headers = {"host": f"127.0.0.1:{job.port}", "content-type": "application/json", **job.headers}
    lines = [f"POST {job.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body


def main() -> None:
    """Do the jobs of standard input, one after another."""
    while line := sys.stdin.readline():
        job: dict[str, Any] = json.loads(line)
        print(json.dumps(uvloop.run(Run(Job(**job)).run()).summary()), flush=True)


if __name__ == "__main__":
    main()

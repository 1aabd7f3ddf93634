"""A router whose upstreams are in memory, and a loop in which time passes only as it is waited for."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import selectors
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from router import Router
from router.adapters.base import ChatCall
from router.config import RouterConfig
from router.core.failure import Failure
from router.loops import Pools
from router.transport.base import TransportFailure
from router.types import FailureClass
from tests.library.upstream import DONE, END, ROLE, chunk, completion

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from router.adapters.base import UpstreamRequest
    from router.server.app import Gateway

SAY = chunk({"content": "hi"})


@dataclass(frozen=True)
class Said:
    """What an upstream does with one call.

    Attributes:
        status, headers, body: of its response; body None: a good answer.
        after_s: when it is over, seconds after it began; infinite: never.
        content_s: when a stream's first content comes; None: not before the end.
        breaks: what becomes of the connection at the end; None: nothing.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    after_s: float = 0.0
    content_s: float | None = None
    breaks: FailureClass | None = None

    def whole(self) -> bytes:
        """The body of a plain reply."""
        return json.dumps(completion()).encode() if self.body is None else self.body

    def pieces(self) -> list[tuple[float, bytes]]:
        """A stream's pieces, each with its time."""
        content_s = self.after_s if self.content_s is None else self.content_s
        says = [] if self.content_s is None else [(content_s, SAY)]
        return [(0.0, ROLE), *says, (self.after_s, END + DONE if self.body is None else self.body)]


OK = Said()


class Upstreams:
    """Plays the upstreams of one router: a target's n-th call gets its n-th reply, in turn.

    Args:
        weather: the replies by target.
        others: the reply of all other targets.

    Attributes:
        calls: how often each target was asked.
        requests: every request, in order.
    """

    def __init__(self, weather: Mapping[str, Sequence[Said]], others: Said = OK) -> None:
        self._weather = weather
        self._others = others
        self.calls: Counter[str] = Counter()
        self.requests: list[UpstreamRequest] = []

    def transport(self, provider: str) -> MemoryTransport:
        """What a router opens for *provider*."""
        return MemoryTransport(self, provider)

    def answer(self, target: str) -> Said:
        """The reply to the next call of *target*."""
        replies = self._weather.get(target, [self._others])
        self.calls[target] += 1
        return replies[(self.calls[target] - 1) % len(replies)]


class MemoryTransport:
    """See ``transport.base.Transport``."""

    def __init__(self, upstreams: Upstreams, provider: str) -> None:
        self._upstreams = upstreams
        self._provider = provider

    async def send(
        self,
        request: UpstreamRequest,
        until: float,
        *,
        whole: bool = False,  # noqa: ARG002 # As the seam has it.
    ) -> MemoryResponse:
        """The response of the upstream; a refusal comes late, a stream's head at once."""
        self._upstreams.requests.append(request)
        # Bytez's native wire has the model in the path.
        model = request.url.partition("/models/v2/")[2] or json.loads(request.body)["model"]
        said = self._upstreams.answer(f"{self._provider}/{model}")
        began = asyncio.get_running_loop().time()
        response = MemoryResponse(said, began)
        if said.status != 200 or (said.breaks is not None and said.content_s is None):
            await response.wait(said.after_s, until)
            if said.breaks is not None:
                raise TransportFailure(said.breaks, "broken")
        return response

    async def aclose(self) -> None:
        """Nothing is open."""


class MemoryResponse:
    """See ``transport.base.UpstreamResponse``."""

    def __init__(self, said: Said, began: float) -> None:
        self.status = said.status
        self.headers = said.headers
        self._said = said
        self._began = began
        self._pieces = said.pieces()

    async def wait(self, after_s: float, until: float) -> None:
        """Let the time pass up to *after_s* from the call's beginning, but not beyond *until*."""
        loop = asyncio.get_running_loop()
        at = self._began + after_s
        if at > until:
            await asyncio.sleep(until - loop.time())
            raise TransportFailure(FailureClass.TIMEOUT, "late")
        if at > loop.time():
            await asyncio.sleep(at - loop.time())

    async def read(self, until: float) -> bytes:
        """The whole body."""
        await self.wait(self._said.after_s, until)
        if self._said.breaks is not None:
            raise TransportFailure(self._said.breaks, "broken")
        return self._said.whole()

    async def next(self, until: float) -> bytes | None:
        """The next piece."""
        if not self._pieces:
            return None
        at, piece = self._pieces.pop(0)
        await self.wait(at, until)
        if not self._pieces and self._said.breaks is not None:
            raise TransportFailure(self._said.breaks, "broken")
        return piece or None

    def lift_cap(self) -> None:
        """There is no cap."""

    async def aclose(self) -> None:
        """Nothing is open."""


@contextmanager
def keeping(config: Mapping[str, Any], upstreams: Upstreams) -> Iterator[tuple[asyncio.Runner, Router]]:
    """A router on a loop of virtual time, by which its kept answers grow old too."""
    with (
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
        open_router(config, upstreams) as router,
    ):
        router.engine.answers.memory.clock = runner.get_loop().time
        yield runner, router


def open_router(config: Mapping[str, Any], upstreams: Upstreams) -> Router:
    """A router on *config* whose transports are *upstreams*'."""
    router = Router(RouterConfig(**config))
    router._pools = Pools(upstreams.transport)
    return router


def failure_of(router: Router, target: str, said: Said) -> Failure | None:
    """How *said* fails, as the wire of *target* reads it; None: it answers."""
    if said.breaks is not None:
        return Failure(said.breaks)
    if (said.status, said.body) == (200, None):
        return None
    call = ChatCall(model="m", messages=[], params={}, stream=False)
    (wire,) = router.engine.adapters[target.partition("/")[0]].wires("m")
    read = wire.parse(call, said.status, said.headers, said.whole())
    assert isinstance(read, Failure)
    return read


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop whose clock starts at 0 and jumps to the next timer when nothing else is to be done."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        """Seconds since the loop was made, in its own time."""
        return self._virtual.now


class _Selector(selectors.DefaultSelector):
    """Never waits for a time; for another thread's word it does."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout is not None and math.isfinite(timeout):
            self.now += max(timeout, 0.0)
        return ready


@dataclass(frozen=True)
class Served:
    """What a client of the gateway got."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


async def serve(app: Gateway, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> Served:
    """Ask *app* for a chat, as an ASGI server would, with *headers* beside those that every client sends."""
    own = [(b"host", b"127.0.0.1:4000"), (b"content-type", b"application/json")]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "headers": [*own, *headers],
        "client": ("127.0.0.1", 5),
    }
    messages = [{"type": "http.request", "body": body}]
    sent: list[Any] = []

    async def receive() -> Any:
        if messages:
            return messages.pop()
        return await asyncio.get_running_loop().create_future()  # The client stays until it is answered.

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    pieces = [message.get("body", b"") for message in sent[1:]]
    return Served(sent[0]["status"], tuple(sent[0]["headers"]), b"".join(pieces))


class Listening(list[logging.LogRecord]):
    """What the library logs meanwhile, at every level."""

    def __enter__(self) -> Self:
        self._logger = logging.getLogger("router")
        self._before = self._logger.level, self._logger.propagate
        self._handler = logging.Handler()
        self._handler.emit = self.append  # type: ignore[method-assign, assignment]  # All it does.
        self._logger.addHandler(self._handler)
        self._logger.setLevel(logging.DEBUG)
        self._logger.propagate = False  # pytest keeps what it sees of a test's log, here of all examples.
        return self

    def __exit__(self, *_exc: object) -> None:
        self._logger.removeHandler(self._handler)
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)

"""Running the emulator on a socket: in the foreground, or on a thread beside the caller."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from router.emulator.app import Emulator, create_app
from router.emulator.exchange import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    import uvicorn

    from router.emulator.settings import Settings

_START_TIMEOUT_S = 30.0
_MAX_PORT = 65_535


class CannotServe(RuntimeError):
    """The emulator cannot listen: uvicorn is missing, or the address cannot be had."""


def run(host: str, port: int, settings: Settings, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT, then return; SIGTERM stops the server too and then ends the process.

    Args:
        host: the address to listen on. The browser guards want a loopback name in Host only when
            this is a loopback address; ``settings.loopback`` is not read.
        port: 0 takes a free one.
        settings: the emulator's.
        on_ready: called once with the base URL when requests are accepted.

    Raises:
        CannotServe: nothing was started.
    """
    listener = _listen(host, port)
    with listener:
        app = create_app(replace(settings, loopback=is_loopback(host)))
        server = _server(app, lambda: on_ready(_base_url(listener)))
        with contextlib.suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it stopped.
            server.run(sockets=[listener])


class EmulatorServer:
    """An emulator on a thread, on 127.0.0.1; a context manager.

    Attributes:
        base_url: such as ``http://127.0.0.1:40123``; the native routes are below ``/models/v2``.
    """

    def __init__(self, settings: Settings | None = None, port: int = 0) -> None:
        """Start serving; returns when requests are accepted.

        Args:
            settings: None: the defaults.
            port: 0 takes a free one.

        Raises:
            CannotServe: nothing was started.
        """
        self._app = create_app(settings)
        listener = _listen("127.0.0.1", port)
        self.base_url = _base_url(listener)
        ready = threading.Event()
        try:
            self._server = _server(self._app, ready.set)
        except CannotServe:
            listener.close()
            raise
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="bytez-emulator", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START_TIMEOUT_S):
            self.close()
            raise CannotServe(f"the emulator did not start within {_START_TIMEOUT_S:g} s")

    def requests(self) -> list[dict[str, Any]]:
        """What was asked, as ``GET /emulator/requests`` gives it."""
        recorded: list[dict[str, Any]] = orjson.loads(self._app.recorder.dump())
        return recorded

    def clear(self) -> None:
        """Forget what was asked."""
        self._app.recorder.clear()

    def fail(self, model_id: str, fault: str) -> None:
        """Make *model_id* fail from now on.

        Args:
            model_id: such as ``google/gemma-3-4b-it``.
            fault: a name of ``faults.FAULTS``, such as ``503`` or ``slow-200ms``.

        Raises:
            ValueError: there is no such fault; the message names the nearest.
        """
        try:
            self._app.faults.fail(model_id, fault)
        except Refused as refusal:
            raise ValueError(f"{fault!r}: {refusal.message}") from None

    def heal(self, model_id: str) -> None:
        """Let *model_id* answer as usual again."""
        self._app.faults.heal(model_id)

    def reset(self) -> None:
        """As new: nothing recorded, every model healed, every call count at nought."""
        self._app.recorder.clear()
        self._app.faults.clear()

    def close(self) -> None:
        """Cut every connection and stop; no thread and no socket is left. May be called twice."""
        self._server.should_exit = True
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def is_loopback(host: str) -> bool:
    """Whether listening on *host* can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= _MAX_PORT:  # getaddrinfo would take it modulo 65,536.
        raise CannotServe(f"cannot listen on {host} port {port}: a port is a number from 0 to {_MAX_PORT}")
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise CannotServe(f"cannot listen on {host} port {port}: {error}") from error


def _base_url(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(app: Emulator, on_ready: Callable[[], None]) -> uvicorn.Server:
    try:
        from router.emulator.uvicorn_server import make_server  # noqa: PLC0415 - uvicorn is an extra
    except ImportError as error:
        raise CannotServe("the emulator needs uvicorn: pip install 'bytez-router[server]'") from error
    return make_server(app, on_ready)

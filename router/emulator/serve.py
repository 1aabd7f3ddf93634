"""Running the emulator on a socket: in the foreground, or on a thread beside the caller."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from router.address import CannotServe, is_loopback, listen, url_of
from router.emulator.app import Emulator, create_app
from router.emulator.exchange import Refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    import uvicorn

    from router.emulator.settings import Settings

_START_TIMEOUT_S = 30.0


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
    listener = listen(host, port)
    with listener:
        app = create_app(replace(settings, loopback=is_loopback(host)))
        server = _server(app, lambda: on_ready(url_of(listener)))
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
        listener = listen("127.0.0.1", port)
        self.base_url = url_of(listener)
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
        """As new: nothing recorded, every model healed and cold, every count at nought, credits whole."""
        self._app.reset()

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


def _server(app: Emulator, on_ready: Callable[[], None]) -> uvicorn.Server:
    try:
        from router.emulator.uvicorn_server import make_server  # noqa: PLC0415 - uvicorn is an extra
    except ImportError as error:
        raise CannotServe("the emulator needs uvicorn: pip install 'bytez-router[server]'") from error
    return make_server(app, on_ready)

"""The emulator as an ASGI application: routes, and what every request passes on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from router.emulator.auth import authenticate
from router.emulator.body import parse_json
from router.emulator.catalogue import list_models, list_tasks
from router.emulator.control import control
from router.emulator.exchange import ClientGone, Exchange, Refused
from router.emulator.gate import Gate
from router.emulator.guards import check_guards
from router.emulator.native import Native
from router.emulator.recorder import Recorder
from router.emulator.routing import CONTROL, Route, route
from router.emulator.settings import Settings
from router.emulator.switch import FaultSwitch

if TYPE_CHECKING:
    from router.emulator.exchange import Receive, Scope, Send


class Emulator:
    """One emulator: an ASGI application and its state.

    Attributes:
        recorder: what it was asked.
        faults: which models fail.
    """

    def __init__(self, settings: Settings) -> None:
        self.recorder = Recorder()
        self.faults = FaultSwitch()
        self._settings = settings
        self._native = Native(settings.shape, Gate(settings.tier), self.faults)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; ASGI's other protocols are refused."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the emulator does not speak {scope['type']}")
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except Refused as refusal:
            answer = {"error": refusal.message, "output": None}
            await exchange.reply_json(refusal.status, answer, refusal.headers)
        except ClientGone:
            return

    async def _answer(self, exchange: Exchange) -> None:
        check_guards(exchange, loopback=self._settings.loopback)
        raw = await exchange.body(self._settings.max_body_bytes, self._settings.body_timeout_s)
        if exchange.path.startswith(CONTROL):
            asked = route(exchange.method, exchange.path)
            await control(exchange, asked, raw, self.recorder, self.faults)
            return
        # Recorded before anything can refuse it: a wrong path or key is what a test looks for.
        body = self._decoded(exchange, raw)
        asked = route(exchange.method, exchange.path)
        key = authenticate(exchange.headers.get("authorization", ""), self._settings)
        await self._bytez(exchange, asked, key, body)

    def _decoded(self, exchange: Exchange, raw: bytes) -> Any:
        """The decoded body, None without one; the request is recorded whatever it holds."""
        if not raw:
            self.recorder.add(exchange, raw, is_json=False)
            return None
        try:
            body = parse_json(raw)
        except Refused:
            self.recorder.add(exchange, raw, is_json=False)
            raise
        self.recorder.add(exchange, raw, is_json=True)
        return body

    async def _bytez(self, exchange: Exchange, asked: Route, key: str, body: Any) -> None:
        if asked.name == "run":
            await self._native.run(exchange, asked.model_id, key, body)
            return
        output: list[Any] = list_tasks()
        if asked.name == "models":
            query = parse_qs(exchange.query)
            output = list_models(_last(query, "task"), _last(query, "modelId"))
        await exchange.reply_json(200, {"error": None, "output": output})


def create_app(settings: Settings | None = None) -> Emulator:
    """A new emulator that shares nothing with any other; None: the default settings."""
    return Emulator(settings or Settings())


def _last(query: dict[str, list[str]], name: str) -> str | None:
    values = query.get(name)
    return values[-1] if values else None

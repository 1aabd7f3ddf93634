"""The emulator as an ASGI application: routes, and what every request passes on its way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.emulator.auth import authenticate
from router.emulator.body import parse_json
from router.emulator.control import control
from router.emulator.exchange import ClientGone, Exchange, Refused
from router.emulator.guards import check_guards
from router.emulator.lists import send_models, send_tasks
from router.emulator.native import Native
from router.emulator.openai_routes import OpenAIRoutes
from router.emulator.recorder import Recorder
from router.emulator.routing import CONTROL, Route, route
from router.emulator.service import Service
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
        self.faults = FaultSwitch(settings.scenario)
        self._settings = settings
        self._service = Service(settings, self.faults)
        self._native = Native(self._service)
        self._openai = OpenAIRoutes(self._service)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request; ASGI's other protocols are refused."""
        if scope["type"] != "http":
            raise NotImplementedError(f"the emulator does not speak {scope['type']}")
        exchange = Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except Refused as refusal:
            await exchange.reply_json(refusal.status, refusal.body, refusal.headers)
        except ClientGone:
            return

    def reset(self) -> None:
        """As new: nothing recorded, every model healed and cold, no call counted, credits whole."""
        self.recorder.clear()
        self.faults.clear()
        self._service.reset()

    async def aclose(self) -> None:
        """Close connections to an upstream."""
        await self._service.source.aclose()

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
        if asked.name == "container":  # A container of one's own knows no keys and no tiers.
            await self._native.run(exchange, self._settings.run_model, None, body)
        elif asked.name == "media":
            await self._media(exchange)
        elif asked.name == "request":  # Bytez's sample sends no key here.
            await exchange.reply_json(200, {"error": None, "output": "Job queued"})
        else:
            native = asked.name not in ("chat", "completions", "responses")
            key = authenticate(exchange.headers.get("authorization", ""), self._settings, native=native)
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
        match asked.name:
            case "run":
                await self._native.run(exchange, asked.model_id, key, body)
            case "chat" | "completions" | "responses":
                await self._openai.run(exchange, asked.name, key, body)
            case "models":
                await send_models(exchange, self.faults)
            case _:
                await send_tasks(exchange, self.faults)

    async def _media(self, exchange: Exchange) -> None:
        """Answer with generated media. No key is asked: what Bytez does there is unknown."""
        file = self._service.media.get(exchange.path)
        if file is None:
            raise Refused(404, "there is no such file, or no longer")
        await exchange.reply(200, file.data, {"content-type": file.content_type})


def create_app(settings: Settings | None = None) -> Emulator:
    """A new emulator that shares nothing with any other; None: the default settings."""
    return Emulator(settings or Settings())

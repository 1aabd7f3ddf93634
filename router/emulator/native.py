"""The native run: one model, one request, a plain answer or a stream of bare text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, assert_never, get_args

from router.emulator import answers
from router.emulator.body import read_run
from router.emulator.catalogue import meter_of
from router.emulator.exchange import Refused
from router.emulator.faults import ERROR_TEXT, Canned, Delay, Played, Trouble
from router.emulator.settings import Shape

if TYPE_CHECKING:
    from typing import Any

    from router.emulator.body import Run
    from router.emulator.exchange import Exchange
    from router.emulator.gate import Gate
    from router.emulator.switch import FaultSwitch

MISSING = "missing/"
SHAPED = "shape/"
NO_SUCH_MODEL = "Model does not exist or has yet to be added to the Bytez catalog"

# Labelled SSE, as the containers label it, though it is none.
STREAM_TYPE = "text/event-stream; charset=utf-8"
_WORDS_PER_SECOND = 50


class Native:
    """Answers run requests.

    Model ids under ``missing/`` do not exist, those under ``shape/`` choose the answer's shape,
    those under ``faulty/`` fail; every other id answers as a chat model.
    """

    def __init__(self, shape: Shape, gate: Gate, faults: FaultSwitch) -> None:
        self._shape = shape
        self._gate = gate
        self._faults = faults

    async def run(self, exchange: Exchange, model_id: str, key: str, body: Any) -> None:
        """Answer the decoded *body* for *model_id* in the name of *key*.

        Raises:
            Refused: 400, 404 or 429, before anything was sent.
        """
        run = read_run(body)
        shape = self._shape_of(model_id)
        if model_id.startswith(MISSING):
            raise Refused(404, NO_SUCH_MODEL)
        with self._gate.call(key, auto_scale=run.auto_scale) as limits:
            played = self._faults.next(model_id)
            reply = _Reply(exchange, model_id, run, shape, limits)
            await reply.play(played)

    def _shape_of(self, model_id: str) -> Shape:
        if not model_id.startswith(SHAPED):
            return self._shape
        shapes: tuple[Shape, ...] = get_args(Shape)
        for shape in shapes:
            if model_id == SHAPED + shape:
                return shape
        raise Refused(404, f"{SHAPED} must be followed by one of {', '.join(shapes)}")


class _Reply:
    """The answer to one run request, as usual or with a fault in it."""

    def __init__(
        self, exchange: Exchange, model_id: str, run: Run, shape: Shape, limits: dict[str, str]
    ) -> None:
        self._exchange = exchange
        self._model_id = model_id
        self._run = run
        self._shape = shape
        self._limits = limits
        self._text = answers.text_of(model_id, run)

    async def play(self, played: Played | None) -> None:
        """Send the answer with *played* in it."""
        match played:
            case None:
                await self._usual()
            case Canned():
                await self._exchange.reply(played.status, played.body, {**self._headers(0), **played.headers})
            case Delay():
                if not await self._exchange.client_leaves(played.seconds):
                    await self._usual()
            case Trouble.HANG:
                await self._exchange.client_leaves(None)
            case Trouble.CUT:
                await self._exchange.cut()
            case _:
                await self._troubled_stream(played)

    async def _usual(self) -> None:
        if self._run.stream:
            await self._stream(self._text)
        else:
            value = {"error": None, "output": answers.output(self._text, self._shape)}
            await self._exchange.reply_json(200, value, self._headers(self._seconds()))

    async def _stream(self, text: str) -> None:
        await self._start_stream()
        await self._exchange.write(answers.chunks(text))
        await self._exchange.end()

    async def _troubled_stream(
        self,
        trouble: Literal[
            Trouble.STREAM_CUT, Trouble.STREAM_STALL, Trouble.STREAM_ERROR_FIRST, Trouble.STREAM_ERROR_LAST
        ],
    ) -> None:
        if not self._run.stream:
            await self._usual()
            return
        match trouble:
            case Trouble.STREAM_ERROR_FIRST:
                await self._stream(ERROR_TEXT)
            case Trouble.STREAM_ERROR_LAST:
                await self._stream(f"{self._text}\n{ERROR_TEXT}")
            case Trouble.STREAM_CUT:
                await self._half_stream()
                await self._exchange.cut()
            case Trouble.STREAM_STALL:
                await self._half_stream()
                await self._exchange.client_leaves(None)
            case _:
                assert_never(trouble)

    async def _half_stream(self) -> None:
        await self._start_stream()
        half = self._text[: max(len(self._text) // 2, 1)]
        await self._exchange.write(answers.chunks(half))

    async def _start_stream(self) -> None:
        await self._exchange.start(200, {"content-type": STREAM_TYPE, **self._headers(self._seconds())})

    def _seconds(self) -> int:
        """What the answer took: whole seconds, as Bytez bills, at a speed of our own choice."""
        return 1 + answers.count_words(self._text) // _WORDS_PER_SECOND

    def _headers(self, seconds: int) -> dict[str, str]:
        """The seven headers of a run: the call's limits, and meter, price, time and cost.

        The time is in seconds, the price in US dollars per second, the cost is their product.
        """
        meter = meter_of(self._model_id)
        return {
            **self._limits,
            "inference-meter": meter.name,
            "inference-meter-price": f"{meter.price:f}",
            "inference-time": str(seconds),
            "inference-cost": f"{meter.price * seconds:f}",
        }

"""One reply on any wire: as usual, or with a fault in it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

from router.emulator.catalogue import meter_of
from router.emulator.exchange import ClientGone, Refused
from router.emulator.faults import ERROR_TEXT, Canned, Delay, Played, Trouble
from router.emulator.prompt import BrokenOff, Piece, gather

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from typing import Any

    from router.emulator.catalogue import Model
    from router.emulator.exchange import Exchange
    from router.emulator.gate import Place
    from router.emulator.prompt import Answer, Prompt, Source

STREAM_TROUBLES = (
    Trouble.STREAM_CUT,
    Trouble.STREAM_STALL,
    Trouble.STREAM_ERROR_FIRST,
    Trouble.STREAM_ERROR_LAST,
)


def run_headers(limits: Mapping[str, str], model: Model, seconds: int) -> dict[str, str]:
    """The seven headers of a run: the call's limits, and meter, price, time and cost.

    The time is in seconds, the price in US dollars per second, the cost is their product.
    """
    meter = meter_of(model)
    return {
        **limits,
        "inference-meter": meter.name,
        "inference-meter-price": f"{meter.price:f}",
        "inference-time": str(seconds),
        "inference-cost": f"{meter.price * seconds:f}",
    }


class Reply(Protocol):
    """What a wire does with one call."""

    async def usual(self) -> None:
        """Answer as usual."""
        ...

    async def troubled(self, trouble: Trouble) -> None:
        """Answer with *trouble* in the stream; as usual when there is none."""
        ...


class Wire(Protocol):
    """How text is put on one wire. One for each reply.

    Attributes:
        stream_type: the content type of a stream.
        breaks_on_error: whether an error in the middle of a stream cuts the connection; else its
            text is the last of the stream.
    """

    stream_type: str
    breaks_on_error: bool

    def whole(self, piece: Piece) -> Mapping[str, Any]:
        """The body of a plain answer."""
        ...

    def feed(self, piece: Piece) -> Iterable[bytes]:
        """What goes out for one piece of a stream."""
        ...

    def end(self) -> Iterable[bytes]:
        """What goes out when the stream ends well."""
        ...


class Turn:
    """One call's place in the emulator."""

    def __init__(self, exchange: Exchange, model: Model, place: Place) -> None:
        self.exchange = exchange
        self.model = model
        self._place = place

    def headers(self, seconds: int) -> dict[str, str]:
        """The seven headers."""
        return run_headers(self._place.headers, self.model, seconds)

    def bill(self, seconds: int) -> None:
        """Take the price of *seconds* from the key's balance."""
        self._place.bill(seconds)

    async def play(self, reply: Reply, played: Played | None) -> None:
        """Send *reply* with *played* in it."""
        await play(self.exchange, reply, played, self.headers(0))


async def play(exchange: Exchange, reply: Reply, played: Played | None, headers: Mapping[str, str]) -> None:
    """Send *reply* with *played* in it; *headers* go with what is sent in its place."""
    match played:
        case None:
            await reply.usual()
        case Canned():
            await exchange.reply(played.status, played.body, {**headers, **played.headers})
        case Delay():
            if not await exchange.client_leaves(played.seconds):
                await reply.usual()
        case Trouble.HANG:
            await exchange.client_leaves(None)
        case Trouble.CUT:
            await exchange.cut()
        case _:
            await reply.troubled(played)


class TextReply:
    """A reply in text: plain, or streamed as it comes from the source."""

    def __init__(self, turn: Turn, source: Source, prompt: Prompt, wire: Wire) -> None:
        self._turn = turn
        self._exchange = turn.exchange
        self._source = source
        self._prompt = prompt
        self._wire = wire

    async def usual(self) -> None:
        """See ``Reply``."""
        # The end goes out after the answer was billed and closed: whoever sees it may ask again at once.
        if self._prompt.stream:
            async with self._asked() as answer:
                await self._start(answer)
                await self._write(answer.pieces())
            await self._end()
        else:
            async with self._asked() as answer:
                body, seconds = self._wire.whole(await _gathered(answer)), answer.seconds()
            await self._exchange.reply_json(200, body, self._turn.headers(seconds))

    async def troubled(self, trouble: Trouble) -> None:
        """See ``Reply``."""
        if not self._prompt.stream or trouble not in STREAM_TROUBLES:
            await self.usual()
            return
        async with self._asked() as answer:
            await self._start(answer)
            match trouble:
                case Trouble.STREAM_ERROR_FIRST:
                    await self._fail(ERROR_TEXT)
                case Trouble.STREAM_ERROR_LAST:
                    await self._write(_unfinished(answer.pieces()))
                    await self._fail(f"\n{ERROR_TEXT}")
                case Trouble.STREAM_CUT:
                    await self._write(answer.half())
                    await self._exchange.cut()
                case _:  # STREAM_STALL, the last of STREAM_TROUBLES.
                    await self._write(answer.half())
                    await self._exchange.client_leaves(None)

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[Answer]:
        """The answer, begun; billed and closed at the end, however that comes."""
        answer = await self._source.ask(self._prompt)
        try:
            yield answer
        finally:
            self._turn.bill(answer.seconds())
            await answer.aclose()

    async def _start(self, answer: Answer) -> None:
        headers = self._turn.headers(answer.seconds())
        await self._exchange.start(200, {"content-type": self._wire.stream_type, **headers})

    async def _write(self, pieces: AsyncIterator[Piece]) -> None:
        """Send *pieces* as they come; an answer that breaks off cuts the connection."""
        try:
            async for piece in pieces:
                await self._exchange.write(self._wire.feed(piece))
        except BrokenOff:
            await self._exchange.cut()
            raise ClientGone from None

    async def _fail(self, words: str) -> None:
        """Put an error into the text, as containers do, or cut the connection, as the wire has it."""
        if not self._wire.breaks_on_error:
            await self._exchange.write(self._wire.feed(Piece(words)))
            await self._exchange.write(self._wire.feed(Piece(finish_reason="stop")))
            await self._end()
            return
        await self._exchange.cut()

    async def _end(self) -> None:
        await self._exchange.write(self._wire.end())
        await self._exchange.end()


async def _unfinished(pieces: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    """*pieces* without what only the end of an answer says."""
    async for piece in pieces:
        if piece.text or piece.tool_calls:
            yield Piece(piece.text, piece.tool_calls)


async def _gathered(answer: Answer) -> Piece:
    try:
        return await gather(answer)
    except BrokenOff as broken:
        raise Refused(502, f"the upstream broke off: {broken}") from None

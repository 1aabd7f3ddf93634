"""The native run: one model, one request; text plain or streamed bare, media, or another output."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

import orjson

from router.emulator import answers, catalogue, media
from router.emulator.body import read_run
from router.emulator.closed import provider_reply
from router.emulator.prompt import Prompt
from router.emulator.reply import TextReply
from router.emulator.service import Call, Service
from router.emulator.task_outputs import output_of
from router.emulator.tasks import TASKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from router.emulator.body import Run
    from router.emulator.catalogue import Model
    from router.emulator.exchange import Exchange
    from router.emulator.faults import Trouble
    from router.emulator.prompt import Piece
    from router.emulator.reply import Reply, Turn
    from router.emulator.settings import Shape
    from router.emulator.tasks import Task

# Labelled SSE, as the containers label it, though it is none.
STREAM_TYPE = "text/event-stream; charset=utf-8"
_OUTPUT_SECONDS = 1  # What anything but text takes.
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]+")
# Bytez's names for what OpenAI calls otherwise; the last that is given wins, as Bytez documents.
_LENGTHS = ("max_new_tokens", "max_length")
_NOT_FOR_UPSTREAM = ("max_retries", "num_return_sequences", *_LENGTHS)


class Native:
    """Answers run requests."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def run(self, exchange: Exchange, model_id: str, key: str | None, body: Any) -> None:
        """Answer the decoded *body* for *model_id* in the name of *key*; None: of nobody.

        Raises:
            Refused: before anything was sent.
        """
        model = catalogue.find(model_id)
        with self._service.headed(model, key):
            run = read_run(body, TASKS[model.task])
            call = Call(model, key, run.auto_scale)
            await self._service.run(exchange, call, lambda turn: self._reply(turn, run))

    def _reply(self, turn: Turn, run: Run) -> Reply:
        task = TASKS[turn.model.task]
        if not task.text:
            return _OutputReply(turn, task, run, self._service.media)
        prompt = Prompt(
            turn.model.id,
            run.messages,
            run.params,
            _openai_params(run),
            run.max_words,
            run.stream,
            by_token=False,
        )
        wire = _NativeWire(turn.model, task, prompt, self._service.traits(turn.model.id).shape)
        return TextReply(turn, self._service.source, prompt, wire)


def _openai_params(run: Run) -> dict[str, Any]:
    """The params for an upstream. What OpenAI has no name for goes up as it is."""
    params = {name: value for name, value in run.params.items() if name not in _NOT_FOR_UPSTREAM}
    return params if run.max_words is None else {**params, "max_tokens": run.max_words}


class _NativeWire:
    """See ``Wire``."""

    stream_type = STREAM_TYPE
    breaks_on_error = False

    def __init__(self, model: Model, task: Task, prompt: Prompt, shape: Shape) -> None:
        self._model = model
        self._task = task
        self._prompt = prompt
        self._shape = shape

    def whole(self, piece: Piece) -> Mapping[str, Any]:
        if self._task.chats:
            output = answers.output(piece.text, self._shape)
        elif self._task.name == "text-generation":
            output = f"{self._prompt.messages[0].text} {piece.text}"  # Bytez repeats the prompt.
        else:
            output = piece.text
        value = {"error": None, "output": output}
        return {**value, "provider": provider_reply(self._model.id, piece)} if self._model.closed else value

    def feed(self, piece: Piece) -> Iterable[bytes]:
        return answers.chunks(piece.text)

    def end(self) -> Iterable[bytes]:
        return ()


class _OutputReply:
    """A reply that is no text: generated media, or what another task gives. Nothing of it streams."""

    def __init__(self, turn: Turn, task: Task, run: Run, store: media.MediaStore) -> None:
        self._turn = turn
        self._task = task
        self._run = run
        self._store = store

    async def usual(self) -> None:
        exchange, headers = self._turn.exchange, self._turn.headers(_OUTPUT_SECONDS)
        self._turn.bill(_OUTPUT_SECONDS)
        if self._task.makes is None:
            output = output_of(self._task, self._run.fields)
            await exchange.reply_json(200, {"error": None, "output": output}, headers)
            return
        seed = orjson.dumps([self._turn.model.id, dict(self._run.fields), dict(self._run.params)])
        file = media.make(self._task.makes, hashlib.sha256(seed).digest())
        if self._run.as_json:
            url = _base_url(exchange) + self._store.keep(file)
            await exchange.reply_json(200, {"error": None, "output": url}, headers)
        else:  # `stream` changes nothing here, and the SDKs send both.
            await exchange.reply(200, file.data, {**headers, "content-type": file.content_type})

    async def troubled(self, _trouble: Trouble) -> None:
        await self.usual()


def _base_url(exchange: Exchange) -> str:
    """Where the client reached the emulator, by its own Host header."""
    host = exchange.headers.get("host", "")
    return f"{exchange.scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"

"""The OpenAI routes: chat completions, completions, responses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.emulator import answers, catalogue
from router.emulator.exchange import Refused
from router.emulator.openai_body import Asked, read_asked, read_model
from router.emulator.openai_wires import ContainerWire, OpenAIWire
from router.emulator.prompt import Prompt
from router.emulator.reply import TextReply, Turn, Wire
from router.emulator.responses_wire import ResponsesWire
from router.emulator.routing import check_model_id
from router.emulator.service import Call, Service
from router.emulator.tasks import TASKS

if TYPE_CHECKING:
    from router.emulator.catalogue import Model
    from router.emulator.exchange import Exchange
    from router.emulator.openai_params import Kind
    from router.emulator.settings import Profile

# Bytez documents this route for OpenAI's and Anthropic's closed models alone.
_RESPONSES_FOR = ("openai/", "anthropic/")


class OpenAIRoutes:
    """Answers the three routes."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def run(self, exchange: Exchange, kind: Kind, key: str, body: Any) -> None:
        """Answer the decoded *body* in the name of *key*.

        Raises:
            Refused: before anything was sent.
        """
        model_id = read_model(body)
        model = catalogue.find(check_model_id(model_id))
        with self._service.headed(model, key):
            _check_served(model, kind)
            profile: Profile = "openai" if model.closed else self._service.traits(model_id).profile
            asked = read_asked(body, kind, profile, upstream=self._service.has_upstream)
            if self._service.has_upstream:
                _check_passes(asked)

            def make(turn: Turn) -> TextReply:
                return TextReply(
                    turn,
                    self._service.source,
                    _prompt(asked, upstream=self._service.has_upstream),
                    _wire(asked, profile),
                )

            await self._service.run(exchange, Call(model, key, asked.auto_scale), make)


def _check_served(model: Model, kind: Kind) -> None:
    """Refuse what the route is not documented for. With which status Bytez does is unknown."""
    task = TASKS[model.task]
    if not (task.chats or task.name == "text-generation"):
        raise Refused(400, f"{model.id} is a model for {task.name}, which this route does not serve")
    if kind == "responses" and not (model.closed and model.id.startswith(_RESPONSES_FOR)):
        raise Refused(400, "responses are served for closed models of openai/ and anthropic/ alone")


def _check_passes(asked: Asked) -> None:
    """Refuse what would be lost on its way to a real model, and back."""
    if asked.choices > 1:
        raise Refused(400, "n must be 1: a real model answers, and one answer is passed on")
    if asked.kind == "responses" and asked.params.get("tools"):
        raise Refused(400, "tools of the responses route are not passed on to a real model; use chat")


def _wire(asked: Asked, profile: Profile) -> Wire:
    if asked.kind == "responses":
        return ResponsesWire(asked)
    return ContainerWire(asked) if profile == "container" else OpenAIWire(asked)


def _prompt(asked: Asked, *, upstream: bool) -> Prompt:
    prompt = Prompt(
        asked.model_id,
        asked.messages,
        asked.params,
        _chat_params(asked),
        asked.max_words,
        asked.stream,
        asked.text,
        asked.tool_calls,
    )
    if upstream or not asked.stop or asked.tool_calls:
        return prompt
    text = answers.text_of(prompt) if asked.text is None else asked.text
    ends = [at for stop in asked.stop if (at := text.find(stop)) >= 0]
    cut = text[: min(ends)] if ends else text
    return Prompt(
        asked.model_id, asked.messages, asked.params, prompt.params, asked.max_words, asked.stream, cut
    )


def _chat_params(asked: Asked) -> dict[str, Any]:
    """The params for an upstream's chat route, whichever route they came by."""
    params = dict(asked.params)
    if asked.include_usage:
        params["stream_options"] = {"include_usage": True}
    if asked.kind == "responses":
        limit = params.get("max_output_tokens")
        names = [name for name in ("temperature", "top_p", "user") if name in params]
        kept: dict[str, Any] = {name: params[name] for name in names}
        return kept if limit is None else {**kept, "max_tokens": limit}
    if asked.kind == "completions":
        for name in ("suffix", "echo", "best_of", "logprobs"):
            params.pop(name, None)
    return params

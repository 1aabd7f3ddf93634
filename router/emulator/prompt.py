"""Between the wires and whoever answers: what is asked, and the pieces of what is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from router.emulator.messages import Said


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is asked, whatever the wire.

    Attributes:
        model_id: the model asked.
        messages: the conversation; at least one message.
        shown: the params as they were sent; a made-up answer cites them.
        params: the params in OpenAI's names, for an upstream.
        max_words: the longest made-up answer, in whitespace-separated words; None: any length.
        stream: whether the answer is wanted in pieces.
        text: what a made-up answer says in place of the usual; None: the usual.
        tool_calls: what a made-up answer calls in place of saying anything.
        by_token: whether each piece of a made-up stream is a token; else the wire splits the text.
    """

    model_id: str
    messages: tuple[Said, ...] = field(repr=False)
    shown: Mapping[str, Any] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    max_words: int | None = None
    stream: bool = False
    text: str | None = field(default=None, repr=False)
    tool_calls: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    by_token: bool = True


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer.

    Attributes:
        text: may be empty.
        tool_calls: OpenAI's, with ``index`` where the answer is streamed.
        finish_reason: OpenAI's, on the last piece; None when nobody said it.
        usage: OpenAI's counts; None when nobody counted.
    """

    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    finish_reason: str | None = None
    usage: dict[str, Any] | None = None


class Answer(Protocol):
    """An answer that has begun. Must be closed."""

    def pieces(self) -> AsyncIterator[Piece]:
        """The answer, piece by piece; one piece when no stream was asked for. To be called once.

        Raises:
            BrokenOff: the answer cannot be completed.
        """
        ...

    def half(self) -> AsyncIterator[Piece]:
        """The beginning of ``pieces``, for an answer that is cut; in place of it."""
        ...

    def seconds(self) -> int:
        """What it took so far: whole seconds, at least 1, as Bytez bills."""
        ...

    async def aclose(self) -> None:
        """Let go of whoever answers."""
        ...


class Source(Protocol):
    """Who answers."""

    async def ask(self, prompt: Prompt) -> Answer:
        """Begin an answer.

        Raises:
            Refused: there is none; nothing has been sent yet.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class BrokenOff(Exception):
    """An answer ended in the middle; the text says why."""


async def gather(answer: Answer) -> Piece:
    """The whole answer as one piece."""
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    finish_reason, usage = None, None
    async for piece in answer.pieces():
        texts.append(piece.text)
        calls += piece.tool_calls
        finish_reason = piece.finish_reason or finish_reason
        usage = piece.usage or usage
    return Piece("".join(texts), tuple(calls), finish_reason, usage)

"""Answers without a model: the emulator's own prose, in pieces."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from router.emulator import answers
from router.emulator.prompt import Answer, Piece, Prompt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_TOKEN = re.compile(r"\s*\S+|\s+")
_WORDS_PER_SECOND = 50


class CannedSource:
    """Answers every prompt from the prompt itself."""

    async def ask(self, prompt: Prompt) -> Answer:
        """See ``Source``."""
        return CannedAnswer(prompt)

    async def aclose(self) -> None:
        """See ``Source``."""


class CannedAnswer:
    """See ``Answer``. Counts are words; the time follows from them at a speed of our own choice."""

    def __init__(self, prompt: Prompt) -> None:
        usual = answers.text_of(prompt) if prompt.text is None else prompt.text
        whole = "" if prompt.tool_calls else usual
        self._text = whole if prompt.max_words is None else answers.first_words(whole, prompt.max_words)
        self._prompt = prompt
        asked = sum(answers.count_words(said.text) for said in prompt.messages)
        called = sum(answers.count_words(orjson.dumps(call).decode()) for call in prompt.tool_calls)
        said = answers.count_words(self._text) + called
        self._usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        if prompt.tool_calls:
            self._finish = "tool_calls"
        else:
            self._finish = "stop" if self._text == whole else "length"

    async def pieces(self) -> AsyncIterator[Piece]:
        """See ``Answer``: a token is a word with the whitespace before it."""
        calls = self._prompt.tool_calls
        if not self._prompt.stream:
            yield Piece(self._text, calls, self._finish, self._usage)
            return
        for part in self._parts(self._text):
            yield Piece(part)
        for index, call in enumerate(calls):
            yield Piece(tool_calls=({"index": index, **call},))
        yield Piece(finish_reason=self._finish, usage=self._usage)

    async def half(self) -> AsyncIterator[Piece]:
        """See ``Answer``: half of the characters."""
        for part in self._parts(self._text[: max(len(self._text) // 2, 1)]):
            yield Piece(part)

    def _parts(self, text: str) -> list[str]:
        return tokens(text) if self._prompt.by_token else [text]

    def seconds(self) -> int:
        """See ``Answer``."""
        return 1 + answers.count_words(self._text) // _WORDS_PER_SECOND

    async def aclose(self) -> None:
        """See ``Answer``."""


def tokens(text: str) -> list[str]:
    """*text* in pieces: words, each with the whitespace before it."""
    return _TOKEN.findall(text)

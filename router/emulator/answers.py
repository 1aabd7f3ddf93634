"""What the emulator says: prose made from the question, the same for the same question.

The whole answer names the model, quotes the last user message and lists what arrived with it, so
that a test can see that media and params came through. It holds newlines, a blank line and
characters of two to four bytes, which is what stream readers stumble over.
"""

from __future__ import annotations

import re
from itertools import cycle
from typing import TYPE_CHECKING, Any, assert_never

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.emulator.prompt import Prompt
    from router.emulator.settings import Shape

_QUOTED = 2_000  # characters of the question, and of the params, that are repeated
_LISTED = 20  # media, and last roles, that are named
_CHUNK_SIZES = (1, 5, 2, 7, 3, 11)  # no common factor: borders fall inside words and characters
_WORD = re.compile(r"\S+")


def text_of(prompt: Prompt) -> str:
    """The answer to *prompt* in prose, whole."""
    question = next((said.text for said in reversed(prompt.messages) if said.role == "user"), "")
    media = [medium for said in prompt.messages for medium in said.media]
    params = orjson.dumps(prompt.shown, option=orjson.OPT_SORT_KEYS).decode() if prompt.shown else "none"
    roles = ", ".join(said.role for said in prompt.messages[-_LISTED:])
    return (
        f'You said: "{_shortened(question)}"\n'
        "\n"
        f"- Messages: {len(prompt.messages)} ({roles})\n"
        f"- Media: {_listed(media)}\n"
        f"- Params: {_shortened(params)}\n"
        "\n"
        f"This is Bytez's emulator in place of {prompt.model_id}: no model was asked, and the same question\n"
        "has the same answer. Naïve café, Ωmega, 東京 and ☕🙂 are here to try your decoder."
    )


def first_words(text: str, count: int) -> str:
    """*text* up to the end of its word number *count*.

    The emulator's rule for lengths: a token is a run of characters without whitespace.
    """
    for number, word in enumerate(_WORD.finditer(text), start=1):
        if number == count:
            return text[: word.end()]
    return text


def count_words(text: str) -> int:
    """Words of *text*, as ``first_words`` counts them."""
    return len(text.split())


def output(text: str, shape: Shape) -> Any:
    """The ``output`` of a plain answer: the shapes that Bytez's documents and containers show."""
    match shape:
        case "blocks":
            # LiteLLM raises on an empty text block.
            return {"role": "assistant", "content": [{"type": "text", "text": text}] if text else []}
        case "string":
            return {"role": "assistant", "content": text}
        case "bare":
            return text
        case "generated-text":
            return [{"generated_text": text}]
        case _:
            assert_never(shape)


def chunks(text: str) -> Iterator[bytes]:
    """*text* in UTF-8, split at borders that mean nothing."""
    data = text.encode()
    start = 0
    for size in cycle(_CHUNK_SIZES):
        if start >= len(data):
            return
        yield data[start : start + size]
        start += size


def _listed(media: list[str]) -> str:
    if not media:
        return "none"
    more = len(media) - _LISTED
    listed = "; ".join(media[:_LISTED])
    return f"{listed}; and {more} more" if more > 0 else listed


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}…"

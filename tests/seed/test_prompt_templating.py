"""Seed row: prompt templates are Bytez's business; messages go up as the caller wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

from router import Router
from tests.seed.page import EARTH, FIXTURES, gateway, sent

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer

ODD = "  <start_of_turn>user\n{{ not a template }} [INST] Grüße 東京 ☕\r\n\t<|im_end|>  "
CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "system and user": EARTH,
    "system alone keeps its place": [*EARTH, {"role": "system", "content": "Be brief!"}],
    "a whole conversation": [
        *EARTH,
        {"role": "assistant", "content": "It is round."},
        {"role": "user", "content": "Is it?"},
    ],
    "text that looks like a template": [{"role": "user", "content": ODD}],
    "text in a part": [{"role": "user", "content": [{"type": "text", "text": ODD}]}],
}
each = pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())


@each
def test_by_the_library(messages: list[dict[str, Any]], bytez: EmulatorServer) -> None:
    """Roles, order, and strings as strings: nothing is joined, wrapped, trimmed or moved."""
    with Router.from_file(FIXTURES / "config.yaml") as router:
        router.completion(model="gemma-3", messages=messages)
    assert sent(bytez)["messages"] == messages


@each
def test_by_the_gateway(messages: Any, bytez: EmulatorServer) -> None:
    """The same over HTTP."""
    with (
        gateway(FIXTURES / "config.yaml") as port,
        OpenAI(api_key="sk-1234", base_url=f"http://127.0.0.1:{port}") as client,
    ):
        client.chat.completions.create(model="gemma-3", messages=messages)
    assert sent(bytez)["messages"] == messages


def test_the_callers_messages_are_not_changed(bytez: EmulatorServer) -> None:
    """The library leaves the caller's own objects as they were."""
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]
    with Router.from_file(FIXTURES / "config.yaml") as router:
        router.completion(model="gemma-3", messages=messages)
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}]

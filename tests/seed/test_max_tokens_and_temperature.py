"""Seed row: max_tokens and temperature, which Bytez calls max_new_tokens and temperature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import OpenAI

from router import Router
from tests.seed.page import FIXTURES, HELLO, gateway, run_code, sent, snippet

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer


def test_from_code(bytez: EmulatorServer) -> None:
    """The page's code sends both under Bytez's names, and the answer obeys."""
    printed = run_code(snippet("sdk_params.py.txt") + "\nprint(response.choices[0].message.content)")
    assert sent(bytez)["params"] == {"max_new_tokens": 20, "temperature": 0.5}
    assert len(printed.split()) == 20


def test_from_the_file(bytez: EmulatorServer) -> None:
    """The page's file gives both to a caller who names none."""
    with Router.from_file(FIXTURES / "params.yaml") as router:
        router.completion(model="gemma-3", messages=HELLO)
    assert sent(bytez)["params"] == {"max_new_tokens": 20, "temperature": 0.5}


def test_the_caller_wins_over_the_file(bytez: EmulatorServer) -> None:
    """What is in the file is what a caller gets unless it asks for something else."""
    with Router.from_file(FIXTURES / "params.yaml") as router:
        router.completion(model="gemma-3", messages=HELLO, max_tokens=7)
    assert sent(bytez)["params"] == {"max_new_tokens": 7, "temperature": 0.5}


def test_through_the_gateway(bytez: EmulatorServer) -> None:
    """Both travel in a request's body as well, under OpenAI's names."""
    with (
        gateway(FIXTURES / "config.yaml") as port,
        OpenAI(api_key="sk-1234", base_url=f"http://127.0.0.1:{port}") as client,
    ):
        client.chat.completions.create(
            model="gemma-3", messages=[{"role": "user", "content": "Hello"}], max_tokens=20, temperature=0.5
        )
    assert sent(bytez)["params"] == {"max_new_tokens": 20, "temperature": 0.5}


def test_streamed(bytez: EmulatorServer) -> None:
    """A streamed request carries the same params."""
    with Router.from_file(FIXTURES / "params.yaml") as router:
        text = "".join(
            chunk.choices[0].delta.content or ""
            for chunk in router.completion(model="gemma-3", messages=HELLO, stream=True)
        )
    assert sent(bytez)["params"] == {"max_new_tokens": 20, "temperature": 0.5}
    assert len(text.split()) == 20

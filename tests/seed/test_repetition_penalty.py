"""Seed row: a param of Hugging Face's that OpenAI does not know goes up as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openai import OpenAI

from router import Router
from tests.seed.page import FIXTURES, HELLO, gateway, run_code, sent, snippet

if TYPE_CHECKING:
    from router.emulator.serve import EmulatorServer


def test_from_code(bytez: EmulatorServer) -> None:
    """The page's code sends repetition_penalty under its own name."""
    run_code(snippet("sdk_huggingface.py.txt"))
    assert sent(bytez)["params"] == {"repetition_penalty": 1.2}


def test_from_the_file(bytez: EmulatorServer) -> None:
    """The page's file gives it to every caller."""
    with Router.from_file(FIXTURES / "huggingface.yaml") as router:
        router.completion(model="gemma-3", messages=HELLO)
    assert sent(bytez)["params"] == {"repetition_penalty": 1.2}


def test_through_the_gateway(bytez: EmulatorServer) -> None:
    """The openai SDK sends it by extra_body."""
    with (
        gateway(FIXTURES / "config.yaml") as port,
        OpenAI(api_key="sk-1234", base_url=f"http://127.0.0.1:{port}") as client,
    ):
        client.chat.completions.create(
            model="gemma-3",
            messages=[{"role": "user", "content": "Hello"}],
            extra_body={"repetition_penalty": 1.2},
        )
    assert sent(bytez)["params"] == {"repetition_penalty": 1.2}


def test_params_that_nobody_knows(bytez: EmulatorServer) -> None:
    """Any other name travels too, whatever the shape of its value."""
    given = {"no_repeat_ngram_size": 3, "bad_words_ids": [[1, 2]], "do_sample": True, "penalty_alpha": 0.6}
    with Router.from_file(FIXTURES / "config.yaml") as router:
        router.completion("gemma-3", HELLO, stream=False, router=None, **given)
    assert sent(bytez)["params"] == given

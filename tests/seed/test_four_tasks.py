"""Seed row: chat, image-text-to-text, audio-text-to-text and video-text-to-text, in OpenAI's shapes."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from openai import OpenAI

from router import Router
from tests.seed.page import MEDIA, gateway, sent

if TYPE_CHECKING:
    from pathlib import Path

    from router.emulator.serve import EmulatorServer


def _base64(medium: str) -> str:
    return b64encode(MEDIA[medium]).decode()


@dataclass(frozen=True)
class Task:
    """One of Bytez's tasks: a model for it, a part as callers send it, the block that must go up."""

    name: str
    model: str
    part: dict[str, Any] | None
    block: dict[str, Any] | None
    cited: str


_PNG, _WAV, _MP4 = (
    f"data:{mime};base64,{_base64(name)}"
    for mime, name in (("image/png", "png"), ("audio/wav", "wav"), ("video/mp4", "mp4"))
)
TASKS = (
    Task("chat", "Qwen/Qwen3-4B", None, None, "Media: none"),
    Task(
        "image-text-to-text",
        "google/gemma-3-4b-it",
        {"type": "image_url", "image_url": {"url": _PNG}},
        {"type": "image", "base64": _PNG},
        f"image (image/png, {len(MEDIA['png'])} bytes)",
    ),
    Task(
        "image-text-to-text by address",
        "google/gemma-3-4b-it",
        {"type": "image_url", "image_url": {"url": "https://example.com/cat.png", "detail": "low"}},
        {"type": "image", "url": "https://example.com/cat.png"},
        "image at https://example.com/cat.png",
    ),
    Task(
        "audio-text-to-text",
        "Qwen/Qwen2-Audio-7B-Instruct",
        {"type": "input_audio", "input_audio": {"data": _base64("wav"), "format": "wav"}},
        {"type": "audio", "base64": _WAV},
        f"audio (audio/wav, {len(MEDIA['wav'])} bytes)",
    ),
    Task(
        "video-text-to-text",
        "llava-hf/LLaVA-NeXT-Video-7B-hf",
        {"type": "video_url", "video_url": {"url": _MP4}},
        {"type": "video", "base64": _MP4},
        f"video (video/mp4, {len(MEDIA['mp4'])} bytes)",
    ),
)
QUESTION = "What is this?"
each_task = pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


def _asked(task: Task) -> list[dict[str, Any]]:
    if task.part is None:
        return [{"role": "user", "content": QUESTION}]
    return [{"role": "user", "content": [{"type": "text", "text": QUESTION}, task.part]}]


def _expected(task: Task) -> list[dict[str, Any]]:
    if task.block is None:
        return [{"role": "user", "content": QUESTION}]
    return [{"role": "user", "content": [{"type": "text", "text": QUESTION}, task.block]}]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Every Bytez model under its own name."""
    file = tmp_path / "router.yaml"
    file.write_text('version: 1\nmodels:\n  "bytez/*": bytez/*\n')
    return file


@each_task
@plain_and_streamed
def test_by_the_library(task: Task, stream: bool, config: Path, bytez: EmulatorServer) -> None:
    """The medium reaches Bytez in its own blocks, byte for byte, and the model speaks of it."""
    with Router.from_file(config) as router:
        model = f"bytez/{task.model}"
        if stream:
            chunks = router.completion(model=model, messages=_asked(task), stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        else:
            text = router.completion(model=model, messages=_asked(task)).choices[0].message.content or ""
    body = sent(bytez, task.model)
    assert body["messages"] == _expected(task)
    assert bool(body.get("stream")) is stream
    assert f'You said: "{QUESTION}"' in text
    assert task.cited in text


@each_task
@plain_and_streamed
def test_by_the_gateway(task: Task, stream: bool, config: Path, bytez: EmulatorServer) -> None:
    """So it does when the openai SDK sends it over HTTP."""
    messages: Any = _asked(task)
    with (
        gateway(config) as port,
        OpenAI(api_key="sk-1234", base_url=f"http://127.0.0.1:{port}") as client,
    ):
        create = client.chat.completions.create
        if stream:
            chunks = create(model=f"bytez/{task.model}", messages=messages, stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        else:
            reply = create(model=f"bytez/{task.model}", messages=messages)
            text = reply.choices[0].message.content or ""
    body = sent(bytez, task.model)
    assert body["messages"] == _expected(task)
    assert bool(body.get("stream")) is stream
    assert f'You said: "{QUESTION}"' in text
    assert task.cited in text

"""What each of Bytez's tasks takes: one table.

Source: the task pages and sample requests of Bytez's documents. What comes back is in
``task_outputs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Medium: TypeAlias = Literal["image", "audio", "video"]


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        name: in Bytez's words.
        needs: the fields that must be given; ``medium`` stands for ``url`` or ``base64``.
        medium: the kind of medium it takes; None: none.
        chats: whether it takes messages and answers as an assistant.
        text: whether it answers in text, which can be streamed.
        makes: the kind of medium it generates; None: none.
    """

    name: str
    needs: tuple[str, ...] = ()
    medium: Medium | None = None
    chats: bool = False
    text: bool = False
    makes: Medium | None = None


CHAT = Task("chat", chats=True, text=True)

_LIST = (
    CHAT,
    Task("image-text-to-text", chats=True, text=True),
    Task("audio-text-to-text", chats=True, text=True),
    Task("video-text-to-text", chats=True, text=True),
    Task("any-to-any", chats=True, text=True),
    Task("text-generation", ("text",), text=True),
    Task("text2text-generation", ("text",), text=True),
    Task("summarization", ("text",), text=True),
    Task("translation", ("text",), text=True),
    Task("feature-extraction", ("text",)),
    Task("sentence-similarity", ("text",)),
    Task("image-feature-extraction", ("medium",), "image"),
    Task("text-to-image", ("text",), makes="image"),
    Task("unconditional-image-generation", makes="image"),
    Task("text-to-speech", ("text",), makes="audio"),
    Task("text-to-audio", ("text",), makes="audio"),
    Task("text-to-video", ("text",), makes="video"),
    Task("automatic-speech-recognition", ("medium",), "audio"),
    Task("audio-classification", ("medium",), "audio"),
    Task("image-classification", ("medium",), "image"),
    Task("video-classification", ("medium",), "video"),
    Task("text-classification", ("text",)),
    Task("token-classification", ("text",)),
    Task("fill-mask", ("text",)),
    Task("question-answering", ("question", "context")),
    Task("document-question-answering", ("question", "medium"), "image"),
    Task("visual-question-answering", ("question", "medium"), "image"),
    Task("zero-shot-classification", ("text", "candidate_labels")),
    Task("zero-shot-image-classification", ("medium", "candidate_labels"), "image"),
    Task("zero-shot-object-detection", ("medium", "candidate_labels"), "image"),
    Task("object-detection", ("medium",), "image"),
    Task("image-to-text", ("medium",), "image"),
    Task("image-segmentation", ("medium",), "image"),
    Task("depth-estimation", ("medium",), "image"),
    Task("mask-generation", ("medium",), "image"),
)

TASKS = {task.name: task for task in _LIST}

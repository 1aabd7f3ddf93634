"""Ask about a picture, a sound and a film, in OpenAI's part shapes."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import media

from router import Router


def base64(data: bytes) -> str:
    return b64encode(data).decode()


QUESTIONS: list[tuple[str, str, dict[str, Any]]] = [
    (
        "sees",
        "What colour is this?",
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64(media.png())}"}},
    ),
    (
        "hears",
        "What do you hear?",
        {"type": "input_audio", "input_audio": {"data": base64(media.wav()), "format": "wav"}},
    ),
    (
        "watches",
        "What happens here?",
        {"type": "video_url", "video_url": {"url": f"data:video/mp4;base64,{base64(media.mp4())}"}},
    ),
]

with Router.from_file("router.yaml") as router:
    for group, question, part in QUESTIONS:
        content = [{"type": "text", "text": question}, part]
        reply = router.completion(model=group, messages=[{"role": "user", "content": content}])
        print(f"--- {group}: {question}\n{reply.choices[0].message.content}\n")

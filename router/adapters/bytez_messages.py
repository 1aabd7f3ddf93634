"""OpenAI's messages to Bytez's native ones: text and media parts become blocks.

A string stays a string. What the wire has no place for (tools, files) is refused by name, never
dropped in silence; only what changes no meaning is left out (``name``, ``detail``, empty texts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.adapters.base import Uncarried

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
_MEDIA = {  # OpenAI's part types and those users of LiteLLM write → block type
    "image_url": "image",
    "audio_url": "audio",
    "video_url": "video",
    "input_audio": "audio",
}
_NATIVE = frozenset({"image", "audio", "video"})
_WRITE = "write a part of type text, image_url, input_audio, audio_url or video_url"


def native_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """*messages* as Bytez takes them; the caller's objects are not changed.

    Raises:
        Uncarried: a message or part has no native form; the text names it.
    """
    return [_message(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _message(message: Mapping[str, Any], place: str) -> dict[str, Any]:
    role = message.get("role")
    native_role = _ROLES.get(role) if isinstance(role, str) else None
    if native_role is None:
        raise Uncarried(f"{place}.role: Bytez's native wire takes system, developer, user and assistant only")
    for name in ("tool_calls", "function_call"):
        if message.get(name):
            raise Uncarried(f"{place}.{name}: Bytez's native wire carries no tool calls; leave them out")
    content = message.get("content")
    if isinstance(content, str):
        return {"role": native_role, "content": content}
    if content is not None and not _is_array(content):
        raise Uncarried(f"{place}.content: write a string or an array of parts")
    blocks = [
        block
        for index, part in enumerate(content or ())
        if (block := _block(part, f"{place}.content[{index}]")) is not None
    ]
    if not blocks:
        raise Uncarried(f"{place}.content: Bytez's native wire needs content; write a text or leave it out")
    return {"role": native_role, "content": blocks}


def _is_array(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray))


def _block(part: Any, place: str) -> dict[str, Any] | None:
    """One part as a block; None for an empty text."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text":
        text = part.get("text")
        if not isinstance(text, str):
            raise Uncarried(f"{place}.text: write a string")
        return {"type": "text", "text": text} if text else None
    if not isinstance(kind, str):
        raise Uncarried(f"{place}: a part is an object with a type; {_WRITE}")
    if kind in _NATIVE:
        return _native_block(part, place)
    medium = _MEDIA.get(kind)
    if medium is None:
        shown = f"{kind} part" if kind in ("file", "document", "refusal") else "part of this type"
        raise Uncarried(f"{place}: Bytez's native wire carries no {shown}; {_WRITE}")
    if kind == "input_audio" and isinstance(part.get("input_audio"), Mapping):
        return _audio(part["input_audio"], f"{place}.input_audio")
    return _media_block(medium, _url_of(part, kind), f"{place}.{kind}")


def _native_block(part: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Bytez's own block, as the caller wrote it."""
    if not any(isinstance(part.get(name), str) and part[name] for name in ("url", "base64")):
        raise Uncarried(f"{place}: give url, or base64 with a data: URL")
    return dict(part)


def _url_of(part: Mapping[str, Any], kind: str) -> Any:
    """The URL of a media part: OpenAI's object, or the flat spellings that LiteLLM's users write."""
    value = part.get(kind, part.get("url"))
    return value.get("url") if isinstance(value, Mapping) else value


def _media_block(medium: str, url: Any, place: str) -> dict[str, Any]:
    if isinstance(url, str):
        start = url[:8].lower()
        if start.startswith(("http://", "https://")):
            return {"type": medium, "url": url}
        if start.startswith("data:"):
            return {"type": medium, "base64": url}
    raise Uncarried(f"{place}: give an http, https or data: URL")


def _audio(audio: Mapping[str, Any], place: str) -> dict[str, Any]:
    """OpenAI's ``input_audio`` {data, format}; data that already is a data URL stays one."""
    data, form = audio.get("data"), audio.get("format")
    if isinstance(data, str) and data[:5].lower() == "data:":
        return {"type": "audio", "base64": data}
    if not isinstance(data, str) or not data:
        raise Uncarried(f"{place}.data: write the sound in base64")
    if not isinstance(form, str) or not form.isalnum():
        raise Uncarried(f"{place}.format: write the sound's format, such as wav or mp3")
    return {"type": "audio", "base64": f"data:audio/{form};base64,{data}"}

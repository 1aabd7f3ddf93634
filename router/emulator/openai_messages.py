"""Messages in OpenAI's form: of chat completions, and of the responses route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.emulator.exchange import Refused
from router.emulator.messages import Said, said_by_user

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = ("system", "developer", "user", "assistant", "tool", "function")

_MEDIA = {
    "image_url": "image",
    "input_image": "image",
    "input_audio": "audio",
    "video_url": "video",
    "file": "file",
}
_TEXTS = ("text", "input_text", "output_text")
_SHOWN_URL = 200


def read_openai_messages(value: Any) -> tuple[Said, ...]:
    """Check ``messages``.

    Raises:
        Refused: 400, naming the place; never the content.
    """
    if not isinstance(value, list) or not value:
        raise Refused(400, "messages must be a list that is not empty")
    return tuple(_message(item, f"messages[{index}]") for index, item in enumerate(value))


def read_input(value: Any, instructions: Any) -> tuple[Said, ...]:
    """Check ``input`` and ``instructions`` of the responses route.

    Raises:
        Refused: 400, naming the place; never the content.
    """
    if instructions is not None and not isinstance(instructions, str):
        raise Refused(400, "instructions must be a string")
    told = [{"role": "system", "content": instructions}] if instructions else []
    if isinstance(value, str):
        said: tuple[Said, ...] = (said_by_user(value),)
    elif isinstance(value, list) and value:
        said = tuple(_item(item, f"input[{index}]") for index, item in enumerate(value))
    else:
        raise Refused(400, "input must be a string, or a list that is not empty")
    return (*(_message(item, "instructions") for item in told), *said)


def _item(value: Any, place: str) -> Said:
    """One item of ``input``: a message; anything else is told as what it is."""
    if isinstance(value, dict) and value.get("type", "message") != "message":
        kind = value["type"]
        if not isinstance(kind, str):
            raise Refused(400, f"{place}.type must be a string")
        return said_by_user(f"({kind[:50]})")
    said = _message(value, place)
    # An upstream is asked by the chat route, whose parts have other names.
    return Said(said.role, said.text, said.media, {"role": said.role, "content": said.text})


def _message(value: Any, place: str) -> Said:
    if not isinstance(value, dict):
        raise Refused(400, f"{place} must be an object with role and content")
    role = value.get("role")
    if role not in ROLES:
        raise Refused(400, f"{place}.role must be one of {', '.join(ROLES)}")
    content = value.get("content")
    if content is None:
        if role == "assistant" and (value.get("tool_calls") or value.get("function_call")):
            return Said(role, "", (), value)
        raise Refused(400, f"{place}.content is missing")
    if isinstance(content, str):
        return Said(role, content, (), value)
    if not isinstance(content, list) or not content:
        raise Refused(400, f"{place}.content must be a string, or a list of parts that is not empty")
    texts: list[str] = []
    media: list[str] = []
    for index, part in enumerate(content):
        _part(part, f"{place}.content[{index}]", texts, media)
    return Said(role, "\n".join(texts), tuple(media), value)


def _part(value: Any, place: str, texts: list[str], media: list[str]) -> None:
    kind = value.get("type") if isinstance(value, dict) else None
    if kind in _TEXTS:
        text = value.get("text")
        if not isinstance(text, str):
            raise Refused(400, f"{place}.text must be a string")
        texts.append(text)
    elif isinstance(kind, str) and kind in _MEDIA:
        media.append(_medium(value, kind, place))
    else:
        known = ", ".join((*_TEXTS, *_MEDIA))
        raise Refused(400, f"{place}.type must be one of {known}")


def _medium(value: Mapping[str, Any], kind: str, place: str) -> str:
    """The description of a medium, and a check that it is where OpenAI puts it."""
    held = value.get(kind)
    if kind == "input_image":
        held = {"url": value.get("image_url")}
    if not isinstance(held, dict):
        raise Refused(400, f"{place}.{kind} must be an object")
    if kind == "file":
        return "file"
    name = "data" if kind == "input_audio" else "url"
    given = held.get(name)
    if not isinstance(given, str) or not given:
        raise Refused(400, f"{place}.{kind}.{name} must be a string")
    if kind == "input_audio" or given.startswith("data:"):
        return f"{_MEDIA[kind]} ({len(given)} characters)"
    return f"{_MEDIA[kind]} at {given[:_SHOWN_URL]}"

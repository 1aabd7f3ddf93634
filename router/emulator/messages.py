"""Messages in Bytez's native form, checked block by block."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from router.emulator.exchange import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = ("system", "user", "assistant")
MEDIA = ("image", "audio", "video")

_DATA_URL = re.compile(r"data:(?P<mime>[\w.+-]+/[\w.+-]+)(;[\w.+=-]+)*;base64,", re.ASCII)
_SHOWN_URL = 200

# What people send by habit, and how Bytez says it.
_OPENAI_PARTS = {
    "image_url": 'write {"type": "image", "url": …} or {"type": "image", "base64": …}',
    "input_audio": 'write {"type": "audio", "base64": …} or {"type": "audio", "url": …}',
    "video_url": 'write {"type": "video", "url": …} or {"type": "video", "base64": …}',
    "input_image": 'write {"type": "image", "url": …} or {"type": "image", "base64": …}',
    "input_text": 'write {"type": "text", "text": …}',
}


@dataclass(frozen=True, slots=True)
class Said:
    """One message.

    Attributes:
        role: system, user or assistant.
        text: its text blocks, joined by newlines.
        media: one description for each medium, such as ``image (image/png, 68 bytes)`` or
            ``audio at https://…``.
        wire: the message in OpenAI's form, for an upstream.
    """

    role: str
    text: str = field(repr=False)
    media: tuple[str, ...] = ()
    wire: Mapping[str, Any] = field(default_factory=dict, repr=False)


def said_by_user(text: str) -> Said:
    """A message that is plain text."""
    return Said("user", text, (), {"role": "user", "content": text})


def read_messages(value: Any, place: str) -> tuple[Said, ...]:
    """Check a list of messages.

    Args:
        value: decoded JSON.
        place: where it stands in the body, for errors.

    Raises:
        Refused: 400, naming the place of the first mistake; never the content.
    """
    if not isinstance(value, list) or not value:
        raise Refused(400, f"{place} must be a list of messages that is not empty")
    return tuple(_message(item, f"{place}[{index}]") for index, item in enumerate(value))


def _message(value: Any, place: str) -> Said:
    if not isinstance(value, dict):
        raise Refused(400, f"{place} must be an object with role and content")
    _only(value, {"role", "content"}, place)
    if value.get("role") not in ROLES:
        raise Refused(400, f"{place}.role must be one of {', '.join(ROLES)}")
    content = value.get("content")
    if isinstance(content, str):
        return Said(value["role"], content, (), dict(value))
    if not isinstance(content, list) or not content:
        raise Refused(400, f"{place}.content must be a string, or a list of blocks that is not empty")
    blocks = [_block(block, f"{place}.content[{index}]") for index, block in enumerate(content)]
    text = "\n".join(words for kind, words in blocks if kind == "text")
    media = tuple(words for kind, words in blocks if kind != "text")
    return Said(value["role"], text, media, {"role": value["role"], "content": [_part(b) for b in content]})


def _part(block: dict[str, Any]) -> dict[str, Any]:
    """A block as OpenAI's part; audio goes as data when there is any, since OpenAI takes no audio URL."""
    kind = block["type"]
    if kind == "text":
        return block
    data = block.get("base64")
    if data is None:
        return {"type": f"{kind}_url", f"{kind}_url": {"url": block["url"]}}
    head = _DATA_URL.match(data)
    bare = data[head.end() :] if head else data
    if kind == "audio":
        subtype = head["mime"].partition("/")[2] if head else "wav"
        return {"type": "input_audio", "input_audio": {"data": bare, "format": subtype}}
    mime = head["mime"] if head else {"image": "image/png", "video": "video/mp4"}[kind]
    return {"type": f"{kind}_url", f"{kind}_url": {"url": f"data:{mime};base64,{bare}"}}


def _block(value: Any, place: str) -> tuple[str, str]:
    """The block's type, and its text or the description of its medium."""
    if not isinstance(value, dict):
        raise Refused(400, f"{place} must be an object with a type")
    kind = value.get("type")
    if kind == "text":
        _only(value, {"type", "text"}, place)
        return kind, _string(value, "text", place)
    if kind in MEDIA:
        _only(value, {"type", "url", "base64"}, place)
        return kind, medium(value, kind, place)
    if isinstance(kind, str) and kind in _OPENAI_PARTS:
        raise Refused(400, f"{place}: {kind} is OpenAI's part; {_OPENAI_PARTS[kind]}")
    raise Refused(400, f"{place}.type must be one of text, {', '.join(MEDIA)}")


def medium(value: Mapping[str, Any], kind: str, place: str) -> str:
    """The description of the *kind* of medium that *value* gives by ``url`` or ``base64``.

    Raises:
        Refused: 400, naming the place.
    """
    if ("url" in value) == ("base64" in value):
        raise Refused(400, f"{place} must have either url or base64")
    if "base64" in value:
        return _base64(_string(value, "base64", place), kind, f"{place}.base64")
    url = _string(value, "url", place)
    if not url.startswith(("http://", "https://")):
        raise Refused(400, f"{place}.url must begin with http:// or https://; data goes into base64")
    return f"{kind} at {url[:_SHOWN_URL]}"


def _base64(data: str, kind: str, place: str) -> str:
    """The description of inline data: a data URL, or base64 alone."""
    head = _DATA_URL.match(data)
    if head is None and data.startswith("data:"):
        raise Refused(400, f"{place} must be a data URL: data:<type>/<subtype>;base64,<data>")
    mime = head["mime"] if head else ""
    family = mime.partition("/")[0]
    if family in MEDIA and family != kind:
        raise Refused(400, f"{place} holds {family} data in a block of type {kind}")
    try:
        size = len(binascii.a2b_base64(data[head.end() if head else 0 :], strict_mode=True))
    except ValueError:  # binascii.Error, or characters outside ASCII
        raise Refused(400, f"{place} is not valid base64") from None
    if size == 0:
        raise Refused(400, f"{place} holds no data")
    return f"{kind} ({mime}, {size} bytes)" if mime else f"{kind} ({size} bytes)"


def _string(value: Mapping[str, Any], name: str, place: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise Refused(400, f"{place}.{name} must be a string")
    return text


def _only(value: dict[str, Any], allowed: set[str], place: str) -> None:
    unknown = sorted(set(value) - allowed)
    if unknown:
        raise Refused(400, f"{place} has unknown field(s): {', '.join(map(repr, unknown))}")

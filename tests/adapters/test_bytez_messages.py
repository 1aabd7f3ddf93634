"""OpenAI's messages on Bytez's native wire: what is sent, what is refused and how."""

import copy
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from router.adapters.base import Uncarried
from router.adapters.bytez_messages import native_messages

URL = "https://example.org/a.png"
DATA = "data:image/png;base64,AAAA"


@pytest.mark.parametrize(
    ("part", "block"),
    [
        ({"type": "text", "text": "hi", "cache_control": {}}, {"type": "text", "text": "hi"}),
        ({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}, {"type": "image", "url": URL}),
        ({"type": "image_url", "image_url": {"url": DATA}}, {"type": "image", "base64": DATA}),
        ({"type": "image_url", "image_url": "HTTP://x/y"}, {"type": "image", "url": "HTTP://x/y"}),
        ({"type": "image_url", "url": URL}, {"type": "image", "url": URL}),
        ({"type": "audio_url", "audio_url": {"url": URL}}, {"type": "audio", "url": URL}),
        (
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AA"}},
            {"type": "video", "base64": "data:video/mp4;base64,AA"},
        ),
        ({"type": "video_url", "url": URL}, {"type": "video", "url": URL}),
        (
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
            {"type": "audio", "base64": "data:audio/wav;base64,AAAA"},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "data:audio/mpeg;base64,AA"}},
            {"type": "audio", "base64": "data:audio/mpeg;base64,AA"},
        ),
        ({"type": "input_audio", "url": URL}, {"type": "audio", "url": URL}),
        ({"type": "image", "url": "anything"}, {"type": "image", "url": "anything"}),
        ({"type": "audio", "base64": "AAAA"}, {"type": "audio", "base64": "AAAA"}),
        (MappingProxyType({"type": "text", "text": "hi"}), {"type": "text", "text": "hi"}),
    ],
)
def test_parts(part: Any, block: dict[str, Any]) -> None:
    """Each part that has a native form becomes exactly that block."""
    assert native_messages([{"role": "user", "content": [part]}]) == [{"role": "user", "content": [block]}]


def test_messages() -> None:
    """Strings stay strings, developer becomes system, names and empty texts are left out."""
    messages: list[dict[str, Any]] = [
        {"role": "developer", "content": "be brief", "name": "boss"},
        {"role": "system", "content": ""},
        {"role": "user", "content": ({"type": "text", "text": ""}, {"type": "text", "text": "hi"})},
        {"role": "assistant", "content": "hello", "tool_calls": [], "refusal": None},
    ]
    before = copy.deepcopy(messages)
    assert native_messages(messages) == [
        {"role": "system", "content": "be brief"},
        {"role": "system", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {"role": "assistant", "content": "hello"},
    ]
    assert messages == before


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"role": "tool", "content": "x"}, "messages[1].role: "),
        ({"role": ["x"], "content": "x"}, "messages[1].role: "),
        ({"content": "x"}, "messages[1].role: "),
        ({"role": "assistant", "content": "x", "tool_calls": [{}]}, "messages[1].tool_calls: "),
        ({"role": "assistant", "content": "x", "function_call": {"a": 1}}, "messages[1].function_call: "),
        ({"role": "assistant", "content": None}, "messages[1].content: "),
        ({"role": "user"}, "messages[1].content: "),
        ({"role": "user", "content": []}, "messages[1].content: "),
        ({"role": "user", "content": [{"type": "text", "text": ""}]}, "messages[1].content: "),
        ({"role": "user", "content": 5}, "messages[1].content: write a string"),
        ({"role": "user", "content": b"x"}, "messages[1].content: write a string"),
        ({"role": "user", "content": {"type": "text"}}, "messages[1].content: write a string"),
    ],
)
def test_refused_messages(message: dict[str, Any], place: str) -> None:
    """A message without a native form is refused by its place."""
    with pytest.raises(Uncarried) as caught:
        native_messages([{"role": "user", "content": "hi"}, message])
    assert str(caught.value).startswith(place)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            {"type": "file", "file": {"file_data": "SECRET"}},
            "messages[0].content[1]: Bytez's native wire carries no file part; write ",
        ),
        ({"type": "SECRET"}, "messages[0].content[1]: Bytez's native wire carries no part of this type"),
        ({"text": "SECRET"}, "messages[0].content[1]: a part is an object with a type"),
        ({"type": ["SECRET"]}, "messages[0].content[1]: a part is an object with a type"),
        ("SECRET", "messages[0].content[1]: a part is an object with a type"),
        ({"type": "text"}, "messages[0].content[1].text: write a string"),
        ({"type": "image"}, "messages[0].content[1]: give url, or base64"),
        ({"type": "image", "url": ""}, "messages[0].content[1]: give url, or base64"),
        ({"type": "image_url"}, "messages[0].content[1].image_url: give an http, https or data: URL"),
        (
            {"type": "image_url", "image_url": {"url": "gs://SECRET"}},
            "messages[0].content[1].image_url: give",
        ),
        (
            {"type": "input_audio", "input_audio": {"format": "wav"}},
            "messages[0].content[1].input_audio.data: ",
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "SECRET"}},
            "messages[0].content[1].input_audio.format: ",
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "A", "format": ";,"}},
            "messages[0].content[1].input_audio.format: ",
        ),
        ({"type": "input_audio", "input_audio": "SECRET"}, "messages[0].content[1].input_audio: give"),
    ],
)
def test_refused_parts(part: Any, words: str) -> None:
    """A part without a native form is refused by its place, never with its content."""
    with pytest.raises(Uncarried) as caught:
        native_messages([{"role": "user", "content": [{"type": "text", "text": "hi"}, part]}])
    assert str(caught.value).startswith(words)
    assert "SECRET" not in str(caught.value)


VALUES = st.recursive(
    st.none()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from([URL, DATA, "wav", "text", "image_url", "input_audio", "image"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "text", "url", "image_url", "input_audio", "data", "format", "content"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # The machine is shared.
@given(VALUES)
def test_any_content(content: Any) -> None:
    """Any content is carried or refused; the caller's objects stay as they were."""
    before = copy.deepcopy(content)
    try:
        sent = native_messages([{"role": "user", "content": content}])
    except Uncarried:
        pass
    else:
        assert sent[0]["content"] or content == ""
    assert content == before

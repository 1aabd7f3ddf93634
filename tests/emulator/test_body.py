"""A run request is read strictly: each mistake is a 400 that names its place."""

from __future__ import annotations

from typing import Any

import pytest

from router.emulator.body import MAX_DEPTH, parse_json, read_run
from router.emulator.exchange import Refused


def block(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [fields]}]}


MISTAKES: list[tuple[Any, str]] = [
    (None, "the body must be a JSON object"),
    ([], "the body must be a JSON object"),
    ({}, "Expected parameter(s): one of input, messages or text; got none"),
    (
        {"input": "a", "text": "b"},
        "Expected parameter(s): one of input, messages or text; got input and text",
    ),
    (
        {"input": "a", "max_tokens": 3, "model": "x"},
        (
            "unknown field(s): 'max_tokens', 'model'; "
            "known are autoScale, input, json, messages, params, stream, text"
        ),
    ),
    ({"input": "a", "params": None}, "params must be an object"),
    ({"input": "a", "stream": "yes"}, "stream must be true or false"),
    ({"input": "a", "json": 1}, "json must be true or false"),
    ({"input": "a", "autoScale": None}, "autoScale must be true or false"),
    (
        {"input": "a", "params": {"max_new_tokens": 0}},
        "params.max_new_tokens must be a whole number, at least 1",
    ),
    (
        {"input": "a", "params": {"max_new_tokens": True}},
        "params.max_new_tokens must be a whole number, at least 1",
    ),
    ({"input": "a", "params": {"max_length": "9"}}, "params.max_length must be a whole number, at least 1"),
    ({"text": ["a"]}, "text must be a string"),
    ({"input": 3}, "input must be a list of messages that is not empty"),
    (
        {"input": {"url": "https://example.org"}},
        "input, as an object, must hold either messages (a list) or text (a string)",
    ),
    ({"input": {"messages": []}}, "input.messages must be a list of messages that is not empty"),
    ({"messages": "hi"}, "messages must be a list of messages that is not empty"),
    ({"messages": ["hi"]}, "messages[0] must be an object with role and content"),
    (
        {"messages": [{"role": "tool", "content": "hi"}]},
        "messages[0].role must be one of system, user, assistant",
    ),
    (
        {"messages": [{"role": "user", "content": "hi", "name": "Jo"}]},
        "messages[0] has unknown field(s): 'name'",
    ),
    (
        {"messages": [{"role": "user", "content": "hi"}, {"role": "user", "content": None}]},
        "messages[1].content must be a string, or a list of blocks that is not empty",
    ),
    (
        {"messages": [{"role": "user", "content": ["hi"]}]},
        "messages[0].content[0] must be an object with a type",
    ),
    (block(type="text"), "messages[0].content[0].text must be a string"),
    (
        block(type="text", text="a", cache_control={}),
        "messages[0].content[0] has unknown field(s): 'cache_control'",
    ),
    (block(type="file"), "messages[0].content[0].type must be one of text, image, audio, video"),
    (
        block(type="image_url", image_url={"url": "https://example.org/a.png"}),
        (
            "messages[0].content[0]: image_url is OpenAI's part; "
            'write {"type": "image", "url": …} or {"type": "image", "base64": …}'
        ),
    ),
    (
        block(type="input_audio", input_audio={"data": "", "format": "wav"}),
        (
            "messages[0].content[0]: input_audio is OpenAI's part; "
            'write {"type": "audio", "base64": …} or {"type": "audio", "url": …}'
        ),
    ),
    (block(type="image"), "messages[0].content[0] must have either url or base64"),
    (
        block(type="image", url="https://example.org", base64="aGk="),
        "messages[0].content[0] must have either url or base64",
    ),
    (
        block(type="image", url="https://example.org", detail="low"),
        "messages[0].content[0] has unknown field(s): 'detail'",
    ),
    (
        block(type="image", url="data:image/png;base64,aGk="),
        "messages[0].content[0].url must begin with http:// or https://; data goes into base64",
    ),
    (block(type="image", url=7), "messages[0].content[0].url must be a string"),
    (
        block(type="image", base64="data:image/png,hi"),
        "messages[0].content[0].base64 must be a data URL: data:<type>/<subtype>;base64,<data>",
    ),
    (
        block(type="image", base64="data:audio/wav;base64,aGk="),
        "messages[0].content[0].base64 holds audio data in a block of type image",
    ),
    (block(type="image", base64="not base64!"), "messages[0].content[0].base64 is not valid base64"),
    (block(type="image", base64="ü"), "messages[0].content[0].base64 is not valid base64"),
    (block(type="image", base64="data:image/png;base64,"), "messages[0].content[0].base64 holds no data"),
]


@pytest.mark.parametrize(("body", "message"), MISTAKES)
def test_mistake_is_named(body: Any, message: str) -> None:
    """Each mistake has its own message, with its place and what to write."""
    with pytest.raises(Refused) as caught:
        read_run(body)
    assert (caught.value.status, caught.value.message) == (400, message)


def test_message_never_holds_content() -> None:
    """What was said is in no error."""
    with pytest.raises(Refused) as caught:
        read_run({"messages": [{"role": "user", "content": {"secret": "prompt"}}]})
    assert "prompt" not in caught.value.message


def test_data_url_with_parameters() -> None:
    """A data URL may carry parameters, and a subtype of its own."""
    run = read_run(block(type="audio", base64="data:audio/ogg;codecs=opus;base64,aGk="))
    assert run.messages[0].media == ("audio (audio/ogg, 2 bytes)",)
    run = read_run(block(type="video", base64="data:application/octet-stream;base64,aGk="))
    assert run.messages[0].media == ("video (application/octet-stream, 2 bytes)",)


def test_byte_of_a_syntax_error_is_named() -> None:
    """A trailing comma is found where it stands, counted from 1 in bytes, not in characters."""
    with pytest.raises(Refused) as caught:
        parse_json('{"ü": 1,}'.encode())
    assert caught.value.status == 400
    assert caught.value.message.startswith("the body is not JSON: ")
    assert caught.value.message.endswith("(byte 9)")


def nested(depth: int) -> bytes:
    """*depth* containers, one in the other."""
    return b'{"a":' * (depth - 1) + b"[]" + b"}" * (depth - 1)


def test_depth_is_bounded() -> None:
    """The deepest allowed body passes, one level more does not, a thousand do not break anything."""
    assert parse_json(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 1_000, 100_000):
        with pytest.raises(Refused):
            parse_json(nested(depth))


@pytest.mark.parametrize("body", [b"\xff", b"\xef\xbb\xbf{}", b"NaN", b'"\\ud800"', b"{} {}", b""])
def test_what_is_not_json(body: bytes) -> None:
    """Broken UTF-8, a byte order mark, NaN, half a surrogate, two values and nothing are refused."""
    with pytest.raises(Refused, match=r"the body is not JSON: .*\(byte \d+\)"):
        parse_json(body)

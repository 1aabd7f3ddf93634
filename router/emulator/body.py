"""The body of a native run request: read strictly, so that a client's mistake shows at once.

What Bytez documents is accepted; anything else is refused with a 400 that names the field. Where
the documents are silent (unknown fields, ``tool`` roles, OpenAI's parts) refusing is the
emulator's own choice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from router.emulator.exchange import Refused
from router.emulator.messages import Said, read_messages, said_by_user
from router.emulator.task_fields import names_of, read_fields
from router.emulator.tasks import CHAT, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_DEPTH = 64

_CHAT_INPUTS = ("input", "messages", "text")
_FLAGS = {"stream": False, "json": True, "autoScale": False}
_COMMON = frozenset({*_FLAGS, "params"})


@dataclass(frozen=True, slots=True)
class Run:
    """A valid run request.

    Attributes:
        messages: what was said, in order; at least one for a task that answers in text.
        fields: what other tasks take, by its documented name; a medium is its description.
        params: generation parameters as sent.
        stream: whether the answer is wanted as a stream of text.
        as_json: whether generated media are wanted as a URL in JSON; else as bytes.
        auto_scale: whether a full tier may be exceeded.
        max_words: the longest answer wanted, in whitespace-separated words; None: any length.
    """

    messages: tuple[Said, ...] = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    stream: bool
    as_json: bool
    auto_scale: bool
    max_words: int | None


def parse_json(body: bytes) -> Any:
    """Decode a request body.

    Raises:
        Refused: 400, naming the byte that is not JSON, or nesting deeper than MAX_DEPTH.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        at = len(error.doc[: error.pos].encode()) + 1
        raise Refused(400, f"the body is not JSON: {error.msg} (byte {at})") from None
    if _deeper_than(MAX_DEPTH, value):
        raise Refused(400, f"the body is nested deeper than {MAX_DEPTH} levels")
    return value


def read_run(value: Any, task: Task = CHAT) -> Run:
    """Check the decoded body of a run request for a model of *task*.

    Raises:
        Refused: 400, naming the field and what to write instead.
    """
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    inputs = _CHAT_INPUTS if task.chats else ("input", *names_of(task))
    known = {*_COMMON, *inputs}
    unknown = sorted(set(value) - known)
    if unknown:
        raise Refused(
            400, f"unknown field(s): {', '.join(map(repr, unknown))}; known are {', '.join(sorted(known))}"
        )
    flags = {name: _flag(value, name, default=default) for name, default in _FLAGS.items()}
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise Refused(400, "params must be an object")
    fields: Mapping[str, Any] = {}
    if task.chats:
        messages = _messages(value)
    else:
        fields = read_fields({name: value[name] for name in inputs if name in value}, task)
        messages = (said_by_user(fields["text"]),) if "text" in fields else ()
    return Run(
        messages,
        fields,
        params,
        flags["stream"],
        flags["json"],
        flags["autoScale"],
        _max_words(params),
    )


def _messages(value: dict[str, Any]) -> tuple[Said, ...]:
    given = [name for name in _CHAT_INPUTS if name in value]
    if len(given) != 1:
        said = f"got {' and '.join(given)}" if given else "got none"
        raise Refused(400, f"Expected parameter(s): one of input, messages or text; {said}")
    name = given[0]
    content = value[name]
    if name == "input" and isinstance(content, dict):
        return _messages_of_object(content)
    if name != "messages" and isinstance(content, str):
        return (said_by_user(content),)
    if name == "text":
        raise Refused(400, "text must be a string")
    return read_messages(content, name)


def _messages_of_object(content: dict[str, Any]) -> tuple[Said, ...]:
    """``input`` as an object holds the named fields."""
    if set(content) == {"messages"}:
        return read_messages(content["messages"], "input.messages")
    if set(content) == {"text"} and isinstance(content["text"], str):
        return (said_by_user(content["text"]),)
    raise Refused(400, "input, as an object, must hold either messages (a list) or text (a string)")


def _flag(value: dict[str, Any], name: str, *, default: bool) -> bool:
    flag = value.get(name, default)
    if not isinstance(flag, bool):
        raise Refused(400, f"{name} must be true or false")
    return flag


def _max_words(params: dict[str, Any]) -> int | None:
    """The length limit in *params*; ``max_length`` overrides ``max_new_tokens``, as Bytez documents."""
    limit = None
    for name in ("max_new_tokens", "max_length"):
        if name in params:
            limit = params[name]
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
                raise Refused(400, f"params.{name} must be a whole number, at least 1")
    return limit


def _deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []

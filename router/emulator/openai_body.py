"""The bodies of the OpenAI routes: what each route and profile takes, and what it is told to do.

"openai" takes what OpenAI documents, and Bytez's ``autoScale``; "container" takes the list of
Bytez's own containers and refuses any other name in their words. With which status they do is
unknown: 400 is our choice. With an upstream other names pass in the first profile, since it is
there that they mean something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from router.emulator.exchange import Refused
from router.emulator.messages import Said, said_by_user
from router.emulator.openai_messages import read_input, read_openai_messages
from router.emulator.openai_params import Kind, known
from router.emulator.wished import wished_json, wished_tool_calls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.emulator.settings import Profile

DEFAULT_MAX_TOKENS = 256  # As Bytez documents for all three routes.
MAX_CHOICES = 8
MAX_TOP_LOGPROBS = 20

_PROMPTS: dict[Kind, str] = {"chat": "messages", "completions": "prompt", "responses": "input"}
_LENGTHS: dict[Kind, tuple[str, ...]] = {
    "chat": ("max_tokens", "max_completion_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
_FLAGS = ("stream", "autoScale", "echo")
_HIDDEN = ("model", "stream", "stream_options", "autoScale", *_PROMPTS.values())
_MOST_STOPS = 4


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid request.

    Attributes:
        model_id: the model asked.
        kind: the route.
        messages: the conversation; a completion's prompt as one message.
        params: everything else, as sent.
        stream: whether events are wanted.
        include_usage: whether the stream's last event shall hold counts.
        auto_scale: whether a full tier may be exceeded.
        max_words: the longest answer wanted, in words.
        choices: how many answers.
        top_logprobs: alternatives to show for each token; None: no log probabilities.
        stop: texts before which the answer ends.
        text: what to say in place of the usual; None: the usual.
        tool_calls: what to call in place of saying anything.
    """

    model_id: str
    kind: Kind
    messages: tuple[Said, ...] = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    stream: bool
    include_usage: bool
    auto_scale: bool
    max_words: int
    choices: int
    top_logprobs: int | None
    stop: tuple[str, ...] = field(repr=False)
    text: str | None = field(repr=False)
    tool_calls: tuple[dict[str, Any], ...] = field(repr=False)


def read_model(value: Any) -> str:
    """The model that a body names; it decides the profile, so it is read first.

    Raises:
        Refused: 400.
    """
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    model_id = value.get("model")
    if not isinstance(model_id, str) or not model_id:
        raise Refused(400, "model must be a string, such as Qwen/Qwen3-4B")
    return model_id


def read_asked(value: dict[str, Any], kind: Kind, profile: Profile, *, upstream: bool) -> Asked:
    """Check the decoded body of a request to the route *kind*.

    Args:
        value: the body; ``read_model`` has seen it.
        kind: the route.
        profile: whose list of params holds.
        upstream: whether a real model answers: then the profile "openai" takes unknown names too,
            and nothing is made up from what the body wishes for.

    Raises:
        Refused: 400, naming the field; never its content.
    """
    _check_names(value, kind, profile, upstream=upstream)
    flags = {name: _flag(value, name) for name in _FLAGS}
    messages = _messages(value, kind)
    return Asked(
        model_id=value["model"],
        kind=kind,
        messages=messages,
        params={name: given for name, given in value.items() if name not in _HIDDEN},
        stream=flags["stream"],
        include_usage=_include_usage(value),
        auto_scale=flags["autoScale"],
        max_words=_max_words(value, kind),
        choices=_whole(value, "n", 1, MAX_CHOICES) or 1,
        top_logprobs=None if upstream else _top_logprobs(value, kind),
        stop=_stop(value),
        text=None if upstream else wished_json(value.get("response_format")),
        tool_calls=() if upstream else wished_tool_calls(value),
    )


def _check_names(value: dict[str, Any], kind: Kind, profile: Profile, *, upstream: bool) -> None:
    unknown = sorted(set(value) - known(kind, profile))
    if unknown and profile == "container":
        raise Refused(400, f"Unsupported params were passed to the api: [{', '.join(unknown)}]")
    if unknown and not upstream:
        raise Refused(400, f"unrecognised param(s): {', '.join(map(repr, unknown))}")


def _messages(value: dict[str, Any], kind: Kind) -> tuple[Said, ...]:
    name = _PROMPTS[kind]
    if name not in value:
        raise Refused(400, f"{name} is missing")
    given = value[name]
    if kind == "chat":
        return read_openai_messages(given)
    if kind == "responses":
        return read_input(given, value.get("instructions"))
    if not isinstance(given, str):
        raise Refused(400, "prompt must be a string")
    return (said_by_user(given),)


def _flag(value: dict[str, Any], name: str) -> bool:
    flag = value.get(name)
    if flag is not None and not isinstance(flag, bool):
        raise Refused(400, f"{name} must be true or false")
    return bool(flag)


def _include_usage(value: dict[str, Any]) -> bool:
    options = value.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict) or not value.get("stream"):
        raise Refused(400, "stream_options must be an object, and goes with stream: true")
    return options.get("include_usage") is True


def _whole(value: dict[str, Any], name: str, least: int, most: int) -> int | None:
    number = value.get(name)
    if number is None:
        return None
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise Refused(400, f"{name} must be a whole number from {least} to {most:,}")
    return number


def _max_words(value: dict[str, Any], kind: Kind) -> int:
    given = [_whole(value, name, 1, 10**9) for name in _LENGTHS[kind]]
    return next((number for number in reversed(given) if number is not None), DEFAULT_MAX_TOKENS)


def _top_logprobs(value: dict[str, Any], kind: Kind) -> int | None:
    if kind == "completions":
        return _whole(value, "logprobs", 0, MAX_TOP_LOGPROBS)
    top = _whole(value, "top_logprobs", 0, MAX_TOP_LOGPROBS)
    return (top or 0) if _flag(value, "logprobs") else None


def _stop(value: dict[str, Any]) -> tuple[str, ...]:
    stop = value.get("stop")
    listed = [] if stop is None else [stop] if isinstance(stop, str) else stop
    good = isinstance(listed, list) and len(listed) <= _MOST_STOPS
    if not good or not all(isinstance(item, str) and item for item in listed):
        raise Refused(400, f"stop must be a string, or a list of at most {_MOST_STOPS} strings")
    return tuple(listed)

"""The shape of a request: all of it that a decision can depend on, and nothing of what it says.

``shape_of`` takes it; ``ask_of`` makes a request of the same shape again, with stand-ins for its texts, so
that the same code can judge it under any config.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from router.adapters.params import KNOWN_CHAT, KNOWN_EMBEDDING
from router.adapters.vectors import inputs_of
from router.request import Ask, EmbeddingRequest, Task
from router.telemetry.logged import LoggedAsk, LoggedMessage
from router.types import RouterOptions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from router.core.needs import Estimator
    from router.request import Request, Tokens
    from router.telemetry.decisions import Decision, GroupDecision, TargetDecision

MAX_KINDS = 32
"""Kinds of messages, and kinds of parts of one, that are told apart."""
MAX_PARAMS = 100
MAX_NUMBER = 2**53
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
_TEXTS = frozenset({"text", "empty_text"})
_OPENAI_MEDIA = frozenset({"image_url", "audio_url", "video_url"})
_NATIVE_MEDIA = frozenset({"image", "audio", "video", "input_image", "input_video"})
_SOUND = "input_audio"
_REFUSED = frozenset({"file", "document", "refusal"})
_KINDS = _TEXTS | _OPENAI_MEDIA | _NATIVE_MEDIA | _REFUSED | {_SOUND}
_WORDS: Mapping[str, frozenset[str]] = {
    "tool_choice": frozenset({"none", "auto", "required"}),
    "function_call": frozenset({"none", "auto"}),
    "reasoning_effort": frozenset({"none", "minimal", "low", "medium", "high", "xhigh"}),
    "verbosity": frozenset({"low", "medium", "high"}),
    "service_tier": frozenset({"auto", "default", "flex", "scale", "priority"}),
    "encoding_format": frozenset({"float", "base64"}),
}
"""Words that OpenAI's API reserves, by param; they are kept as they are."""
_FORMATS = frozenset({"text", "json_object", "json_schema"})
_URL = "https://example.invalid/"
_NAMES = frozenset({"renamed", "sent_as"})
"""What a ledger's entry does when its value is a name."""
_UNSAID = "it names a param that the log leaves out"


# --- from a request


def shape_of(ask: Ask, request: Request, tokens: Tokens) -> LoggedAsk:
    """The shape of *request*, which was asked as *ask* and is about so many *tokens*."""
    options = ask.options
    found = LoggedAsk(
        model=str(ask.model),
        task=ask.task.value,
        stream=request.stream,
        caller=options.caller,
        tags=list(options.tags),
        timeout_s=options.timeout,
        cache=options.cache,
        tokens_at_once=tokens.at_once,
        tokens=tokens.in_all,
        params=_params(request.params),
        affinity={
            group.affinity: key.hex()
            for group, key in zip(request.route.groups, request.keys, strict=False)
            if group.affinity is not None and key
        },
    )
    if isinstance(request, EmbeddingRequest):
        inputs = inputs_of(request.input)
        found.inputs, found.token_ids = len(inputs), not isinstance(inputs[0], str)
    else:
        found.messages = _messages(request.asked)
    return found


def _params(params: Mapping[str, Any]) -> dict[str, Any]:
    named = [name for name in params if _is_plain(name)]
    return {name: _value(name, params[name]) for name in named[:MAX_PARAMS]}


def _is_plain(name: str) -> bool:
    """Whether a param's *name* is a name, and no text."""
    return name in KNOWN_CHAT | KNOWN_EMBEDDING or _NAME.fullmatch(name) is not None


def _value(name: str, value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if abs(value) <= MAX_NUMBER else {"is": "number"}
    if isinstance(value, str):
        return value if value in _WORDS.get(name, ()) else _kind("text", value)
    if isinstance(value, Mapping):
        found = _kind("object", value)
        asked = value.get("type")
        if name == "response_format" and isinstance(asked, str) and asked in _FORMATS:
            found["type"] = asked
        return found
    found = _kind("list", value)
    if name == "modalities" and "audio" in value:
        found["holds"] = "audio"
    return found


def _kind(kind: str, value: str | Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    return {"is": kind} if value else {"is": kind, "empty": True}


def _messages(messages: Sequence[Mapping[str, Any]]) -> list[LoggedMessage]:
    """Each kind of message once, where it came last: only of the last one its place counts."""
    found: list[LoggedMessage] = []
    for message in reversed(messages):
        kind = _message(message)
        if kind not in found:
            found.append(kind)
        if len(found) == MAX_KINDS:
            break
    return found[::-1]


def _message(message: Mapping[str, Any]) -> LoggedMessage:
    role, content = message["role"], message.get("content")
    if content is None or isinstance(content, str):
        parts = None if content is None else ["string"]
    else:
        parts = list(dict.fromkeys(_part(part) for part in content))
    calls = bool(message.get("tool_calls") or message.get("function_call"))
    return LoggedMessage(role if role in _ROLES else "other", parts, calls)


def _part(part: Any) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text":
        text = part.get("text")
        return "text" if text or not isinstance(text, str) else "empty_text"
    return kind if isinstance(kind, str) and kind in _KINDS else "other"


# --- of a decision


def without_texts(decision: Decision, given: Iterable[str]) -> Decision:
    """*decision* as a log may have it: of the values of params what ``shape_of`` leaves of them, and no key.

    A cache's key would tell which requests were equal, and whether a guess at one is right.
    Where a param that the caller *given* is no plain name, whatever might hold that name is left out.
    """
    plain = all(map(_is_plain, given))
    cache = decision.cache
    if cache is not None:
        inputs = tuple(name for name in cache.inputs if plain or _is_plain(_param_of(name)))
        cache = replace(cache, key=None, inputs=inputs)
    return replace(
        decision,
        refused=decision.refused if plain or decision.refused is None else _UNSAID,
        chain=tuple(_group_without_texts(group, plain=plain) for group in decision.chain),
        cache=cache,
    )


def _group_without_texts(group: GroupDecision, *, plain: bool) -> GroupDecision:
    return replace(group, targets=tuple(_target_without_texts(one, plain=plain) for one in group.targets))


def _target_without_texts(target: TargetDecision, *, plain: bool) -> TargetDecision:
    return replace(
        target,
        reasons=target.reasons if plain or not target.reasons else (_UNSAID,),
        params=tuple(
            replace(one, value=_told(one.param, one.value))
            for one in target.params
            if _is_plain(one.param) and (one.sent_as is None or _is_plain(one.sent_as))
        ),
        ledger=tuple(
            one if one.action in _NAMES else replace(one, value=_told(one.param, one.value))
            for one in target.ledger
            if _is_plain(one.param) and (one.action not in _NAMES or _is_plain(str(one.value)))
        ),
    )


def _told(name: str, value: Any) -> Any:
    return None if value is None else _value(name, value)


def _param_of(input_name: str) -> str:
    """The param that an input of a cache's key is, by name."""
    return input_name.removeprefix("params.")


# --- and back


def ask_of(shape: LoggedAsk) -> tuple[Ask, Estimator]:
    """A request of this *shape*, and what says how many tokens it is."""
    options = RouterOptions(
        caller=shape.caller,
        timeout=shape.timeout_s,
        tags=tuple(shape.tags),
        cache="off" if shape.cache == "off" else "refresh" if shape.cache == "refresh" else None,
    )
    task = Task(shape.task)
    subject = _inputs(shape) if task is Task.EMBEDDING else [_made_message(item) for item in shape.messages]
    params = {name: _made_value(value) for name, value in shape.params.items()}

    def estimator(messages: Sequence[Mapping[str, Any]]) -> int:
        longest_alone = shape.inputs > 1 and len(messages) == 1
        return shape.tokens_at_once if longest_alone else shape.tokens

    return Ask(shape.model, subject, params, shape.stream, options, task=task), estimator


def keys_of(shape: LoggedAsk, request: Request) -> tuple[tuple[bytes, ...], bool]:
    """What *request*, made of *shape*, goes by in each group, and whether a group's affinity is not known.

    The digest of a user or header is known only where the config that logged it had that affinity.
    """
    keys, unknown = [], False
    for group, made in zip(request.route.groups, request.keys, strict=False):
        if group.affinity in (None, "caller"):
            keys.append(made)
            continue
        logged = shape.affinity.get(group.affinity or "")
        unknown = unknown or (logged is None and (group.affinity != "user" or "user" in shape.params))
        keys.append(b"" if logged is None else bytes.fromhex(logged))
    return tuple(keys), unknown


def _inputs(shape: LoggedAsk) -> list[Any]:
    if not shape.token_ids:
        return ["x"] * shape.inputs
    rest = max(0, shape.tokens - shape.tokens_at_once)
    others = shape.inputs - 1
    even = [max(1, rest // others)] * others if others else []
    if even:
        even[-1] = max(1, rest - sum(even[:-1]))
    return [[0] * count for count in (max(1, shape.tokens_at_once), *even)]


def _made_message(kind: LoggedMessage) -> dict[str, Any]:
    message: dict[str, Any] = {"role": kind.role, "content": None}
    if kind.parts is not None:
        alone = kind.parts == ["string"]
        message["content"] = "x" if alone else [_made_part(part) for part in kind.parts]
    if kind.calls:
        message["tool_calls"] = [{}]
    return message


def _made_part(kind: str) -> dict[str, Any]:
    if kind in _TEXTS:
        return {"type": "text", "text": "x" if kind == "text" else ""}
    if kind in _OPENAI_MEDIA:
        return {"type": kind, kind: {"url": _URL}}
    if kind == _SOUND:
        return {"type": kind, kind: {"data": "eA==", "format": "wav"}}
    return {"type": kind, "url": _URL}


def _made_value(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    empty = bool(value.get("empty"))
    match value.get("is"):
        case "text":
            return "" if empty else "x"
        case "list":
            return [] if empty else [value.get("holds", "x")]
        case "object":
            return {} if empty else {"type": value.get("type", "x")}
        case _:
            return MAX_NUMBER * 2

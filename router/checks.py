"""What a caller gives, checked field by field before anything is decided by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from router.adapters.params import RESERVED, canonical
from router.errors import InvalidRequest
from router.plainjson import json_problem
from router.types import RouterOptions

MAX_MESSAGES = 10_000
"""More messages than this in one request are refused."""
MAX_INPUTS = 2_048
"""More inputs than this in one embedding request are refused, as OpenAI does."""
MAX_TOKEN_ID = 2**31
"""No vocabulary comes near it."""
MAX_MODEL_CHARS = 512
"""Twice what a config may call a group; a wildcard sends names on, and no upstream has longer ones."""
MAX_TAGS = 100
"""Nobody needs more tags of one target."""

CACHE_OPTIONS = ("off", "refresh")
"""What a caller may say of kept answers."""

_FORMATS = ("float", "base64")


def check_options(options: object) -> None:
    """Check the options for routing.

    Raises:
        InvalidRequest: the message names the field.
    """
    if not isinstance(options, RouterOptions):
        raise InvalidRequest(
            "router must be RouterOptions, such as RouterOptions(timeout=30)", param="router"
        )
    timeout: Any = options.timeout  # Callers do not always keep to the types.
    if timeout is not None:
        number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
        if not number or not timeout > 0:
            raise InvalidRequest("router.timeout must be a number of seconds above 0", param="router.timeout")
    caller: Any = options.caller
    if caller is not None and not isinstance(caller, str):
        raise InvalidRequest("router.caller must be a string", param="router.caller")
    problem = json_problem(caller)
    if problem is not None:
        raise InvalidRequest(f"router.caller {problem}", param="router.caller")
    tags: Any = options.tags
    texts = tags == () or (isinstance(tags, list | tuple) and all(isinstance(tag, str) for tag in tags))
    if not texts or len(tags) > MAX_TAGS:
        raise InvalidRequest(f"router.tags must be a list of texts, at most {MAX_TAGS}", param="router.tags")
    problem = json_problem(tags)
    if problem is not None:
        raise InvalidRequest(f"router.tags {problem}", param="router.tags")
    cache: Any = options.cache
    if cache is not None and cache not in CACHE_OPTIONS:
        raise InvalidRequest("router.cache must be 'off' or 'refresh', or left out", param="router.cache")
    explain: Any = options.explain
    if not isinstance(explain, bool):
        raise InvalidRequest("router.explain must be true or false", param="router.explain")


def caller_params(params: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[tuple[str, str]]]:
    """The caller's params under canonical names, without None, and (written, canonical) for each rename.

    Raises:
        InvalidRequest: one is reserved, no JSON, or contradicts a synonym of it; the message names it.
    """
    given = {name: value for name, value in params.items() if value is not None}
    for name, value in given.items():
        if name in RESERVED:
            raise InvalidRequest(
                f"{name} may not be set by a caller; it belongs in the config file", param=name
            )
        problem = json_problem(value) if type(name) is str else "must be named by a plain string"
        if problem is not None:
            raise InvalidRequest(f"{name} {problem}", param=name)
    result = canonical(given)
    for conflict in result.conflicts:
        raise InvalidRequest(
            f"{conflict.first} and {conflict.second} mean the same and have different values; give one",
            param=conflict.second,
        )
    return result.params, result.renames


def checked_messages(messages: object) -> Sequence[Mapping[str, Any]]:
    """The messages of a chat: objects with a role, and a content of a known kind.

    Raises:
        InvalidRequest: the message names the place.
    """
    if not isinstance(messages, list | tuple) or not messages:
        raise InvalidRequest("messages must be a list with at least one message", param="messages")
    if len(messages) > MAX_MESSAGES:
        raise InvalidRequest(f"messages has more than {MAX_MESSAGES} entries", param="messages")
    for index, message in enumerate(messages):
        problem = _message_problem(message)
        if problem is not None:
            where = f"messages[{index}]{problem[0]}"
            raise InvalidRequest(f"{where} {problem[1]}", param=where)
    return messages


def _message_problem(message: object) -> tuple[str, str] | None:
    """What is wrong with one message, and where in it; None: nothing."""
    if not (type(message) is dict or isinstance(message, Mapping)):
        return "", "must be an object with role and content"
    if not isinstance(message.get("role"), str):
        return ".role", "must be a string such as 'user'"
    problem = json_problem(message)
    if problem is not None:
        return "", problem
    content = message.get("content")
    if content is not None and not isinstance(content, (str, list, tuple)):
        return ".content", "must be a string, a list of parts, or null"
    return None


def check_embedding_params(given: Mapping[str, Any]) -> None:
    """Check what only embeddings have, and refuse what only chats have.

    Raises:
        InvalidRequest: the message names the field.
    """
    for name in ("messages", "stream"):
        if name in given:
            raise InvalidRequest(f"{name} has no meaning for embeddings; leave it out", param=name)
    if given.get("encoding_format", "float") not in _FORMATS:
        raise InvalidRequest("encoding_format must be 'float' or 'base64'", param="encoding_format")


def checked_input(given: object) -> str | Sequence[Any]:
    """The input of an embedding request: a text, a list of texts, of token ids, or of lists of these.

    Raises:
        InvalidRequest: it is none of them, holds an empty one, or too many.
    """
    if isinstance(given, str):
        _check_text(given, "input")
        return given
    if not isinstance(given, list | tuple) or not given:
        raise InvalidRequest("input must be a text, or a list with at least one", param="input")
    if _is_tokens(given):
        return given
    if len(given) > MAX_INPUTS:
        raise InvalidRequest(f"input has more than {MAX_INPUTS} entries", param="input")
    texts = isinstance(given[0], str)
    for index, item in enumerate(given):
        place = f"input[{index}]"
        if texts and isinstance(item, str):
            _check_text(item, place)
        elif texts or not (isinstance(item, list | tuple) and item and _is_tokens(item)):
            raise InvalidRequest(
                f"{place}: input is a text, a list of texts, a list of token ids, or a list of such lists",
                param=place,
            )
    return given


def _check_text(text: str, place: str) -> None:
    problem = json_problem(text) if text else "must not be empty"
    if problem is not None:
        raise InvalidRequest(f"{place} {problem}", param=place)


def _is_tokens(items: Sequence[Any]) -> bool:
    return all(type(item) is int and 0 <= item < MAX_TOKEN_ID for item in items)

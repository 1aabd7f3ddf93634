"""Mistakes of writing: each makes a good config an invalid one, by the code of its finding."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from router.testing.edits import (
    add_group,
    add_provider,
    some_group,
    some_target,
    target,
    used_provider,
)
from router.testing.good import unshared

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hypothesis.strategies import DrawFn

    from router.config.diagnostics import Path
    from router.testing.edits import Change
    from router.testing.good import Data

_WRONG_TYPES: tuple[tuple[str, Any], ...] = (
    ("max_attempts", "many"),
    ("params", 5),
    ("targets", "bytez/a/b"),
    ("hedge", True),
    ("limits", 60),
    ("tags", "eu"),
    ("stream", "2s"),
)
_BAD_VALUES: tuple[tuple[str, Any], ...] = (
    ("strategy", "random"),
    ("timeout", "soon"),
    ("timeout", "48h"),
    ("max_attempts", 0),
    ("affinity", "session"),
    ("unsupported", "ignore"),
)


def _in_group(key: str, value: Any) -> Change:
    """*value* under *key* of a group, at fault there."""

    def change(draw: DrawFn, data: Data) -> Path:
        path, group = some_group(draw, data)
        group[key] = value
        return (*path, key)

    return change


def _in_target(key: str, value: Any) -> Change:
    def change(draw: DrawFn, data: Data) -> Path:
        path, item = some_target(draw, data)
        item[key] = value
        return (*path, key)

    return change


def _in_provider(key: str, value: Any) -> Change:
    def change(draw: DrawFn, data: Data) -> Path:
        return (*used_provider(draw, data, **{key: value}), key)

    return change


def _in_test(mistake: Data, *path: str | int) -> Change:
    """A test of the policy with *mistake* in it, at fault at *path* of the test."""

    def change(_: DrawFn, data: Data) -> Path:
        group = next(name for name in data["models"] if "*" not in name)
        tests = data.setdefault("tests", [])
        tests.append({"name": "flawed", "request": {"model": group}, **unshared(mistake)})
        return ("tests", len(tests) - 1, *path)

    return change


def _either(*changes: Change) -> Change:
    def change(draw: DrawFn, data: Data) -> Path:
        return draw(st.sampled_from(changes))(draw, data)

    return change


def _unknown_key(draw: DrawFn, data: Data) -> Path:
    places: list[tuple[Path, Data]] = [((), data), some_group(draw, data), some_target(draw, data)]
    places += [((section,), data[section]) for section in ("defaults",) if section in data]
    places += [(("providers", name), item) for name, item in data.get("providers", {}).items()]
    path, place = draw(st.sampled_from(places))
    place["colour"] = "red"
    return (*path, "colour")


def _misspelt_key(draw: DrawFn, data: Data) -> Path:
    """Two letters of a key of a group are exchanged."""
    path, group = some_group(draw, data)
    key = draw(st.sampled_from(sorted(group)))
    at = draw(st.sampled_from([i for i in range(1, len(key) - 1) if key[i] != key[i + 1]]))
    wrong = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    items = [(wrong if name == key else name, value) for name, value in group.items()]
    group.clear()
    group.update(items)
    return (*path, wrong)


def _unknown_group(draw: DrawFn, data: Data) -> Path:
    if draw(st.booleans()):
        callers = data.setdefault("callers", [])
        callers.append({"name": "flawed", "key": "env:FIRST_KEY", "groups": ["nowhere"]})
        return ("callers", len(callers) - 1, "groups", 0)
    path, group = some_group(draw, data)
    group["fallbacks"] = ["nowhere"]
    return (*path, "fallbacks", 0)


def _itself(draw: DrawFn, data: Data) -> Path:
    """The shortest cycle: a group that falls back to itself, by its name or by its alias."""
    path, group = some_group(draw, data)
    own = [path[1], *(group.get("aliases") or [])]
    group["fallbacks"] = [draw(st.sampled_from(own))]
    return (*path, "fallbacks", 0)


def _duplicate_name(draw: DrawFn, data: Data) -> Path:
    path, group = some_group(draw, data)
    group["aliases"] = [draw(st.sampled_from([name for name in data["models"] if "*" not in name]))]
    return (*path, "aliases", 0)


def _bad_name(draw: DrawFn, data: Data) -> Path:
    return add_group(draw, data, draw(st.sampled_from([" chat", "a" * 300])), {"targets": [target(data)]})


def _wildcard_stars(draw: DrawFn, data: Data) -> Path:
    return add_group(draw, data, "a*b*", {"targets": [target(data)]})


def _wildcard_tie(draw: DrawFn, data: Data) -> Path:
    one, other = {"targets": [target(data)]}, {"targets": [target(data)]}
    data["models"] |= {"flaw*": one, "*flaw": other}
    some_group(draw, data)
    return ("models", "*flaw")


def _secret(draw: DrawFn, data: Data) -> Path:
    headers = {"x-token": "not-a-reference"}
    if draw(st.booleans()):
        return (*used_provider(draw, data, api_key="not-a-reference"), "api_key")
    return (*used_provider(draw, data, headers=headers), "headers", "x-token")


def _unencrypted(draw: DrawFn, data: Data) -> Path:
    settings = {"base_url": "http://flawed.example/v1", "api_key": "env:FIRST_KEY"}
    return (*used_provider(draw, data, **settings), "base_url")


def _without_adapter(draw: DrawFn, data: Data) -> Path:
    path = add_provider(draw, data)
    del data["providers"]["flawed"]["adapter"]
    return path


def _contradiction(draw: DrawFn, data: Data) -> Path:
    path, group = some_group(draw, data)
    group["params"] = {"max_tokens": 1, "max_new_tokens": 2}
    return (*path, "params", "max_new_tokens")


MISTAKES: Mapping[str, Change] = MappingProxyType(
    {
        "bad-bytez-model": _in_target("model", "bytez/one-segment"),
        "bad-header": _in_provider("headers", {"content-length": "5"}),
        "bad-name": _bad_name,
        "bad-reference": _in_provider("api_key", "env:NOT-A-NAME"),
        "bad-target": _in_target("model", "gemma"),
        "bad-url": _in_provider("base_url", "flawed.example/v1"),
        "bad-value": _either(
            *(_in_group(key, value) for key, value in _BAD_VALUES),
            _in_test({"given": {"bytez/a/b": "tired"}}, "given", "bytez/a/b"),
        ),
        "conflicting-synonyms": _contradiction,
        "duplicate-name": _duplicate_name,
        "insecure-http": _unencrypted,
        "literal-secret": _secret,
        "missing-key": _either(_without_adapter, _in_test({"request": {"modle": "any"}}, "request", "modle")),
        "missing-reference": _in_provider("api_key", "env:FLAWED_AND_NOT_SET"),
        "missing-unit": _either(
            _in_group("timeout", 30),
            _in_group("attempt_timeout", 30),
            _in_test({"expect": {"seconds": 30}}, "expect", "seconds"),
        ),
        "no-targets": _in_group("targets", []),
        "repeated-fallback": _itself,
        "reserved-param": _in_target("params", {"timeout": 3}),
        "unknown-group": _unknown_group,
        "unknown-key": _either(
            _unknown_key, _misspelt_key, _in_test({"expect": {"atempts": 1}}, "expect", "atempts")
        ),
        "unknown-profile": _in_group("profile", "nowhere"),
        "unknown-provider": _in_target("model", "nobody/model"),
        "wildcard-stars": _wildcard_stars,
        "wildcard-tie": _wildcard_tie,
        "wrong-type": _either(
            *(_in_group(key, value) for key, value in _WRONG_TYPES),
            _in_target("weight", "heavy"),
            _in_test({"tags": "eu"}, "tags"),
        ),
    }
)
"""By the code of the finding that each is."""


def _appended(line: str) -> Callable[[str], tuple[str, int]]:
    """*line* at the end of a text; the line that is at fault."""
    return lambda text: (f"{text}{line}\n", text.count("\n") + 1)


TEXT_MISTAKES: Mapping[str, Callable[[str], tuple[str, int]]] = MappingProxyType(
    {
        "bad-version": lambda text: (text.replace("version: 1\n", "version: 2\n", 1), 1),
        "duplicate-key": _appended("version: 1"),
        "yaml-alias": _appended("colour: *nowhere"),
        "yaml-documents": _appended("---"),
        "yaml-merge": _appended("<<: red"),
        "yaml-syntax": _appended("colour: ]"),
        "yaml-tag": _appended("colour: !python/object 1"),
    }
)
"""Those that no data can have: from a text to one with the mistake, and its line."""

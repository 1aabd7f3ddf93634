"""What the analyses say of a config, and where they must say nothing."""

from __future__ import annotations

from typing import Any

import pytest

from router.config import load_data
from router.config.diagnostics import Diagnostics
from router.tools.analysis import analyse
from router.tools.analysis.subject import Verdicts

LOCAL = {"adapter": "openai", "base_url": "http://127.0.0.1:9/v1"}


def found(**root: Any) -> list[tuple[str, str]]:
    """The codes and paths that analysing a config gives; providers that are used need not be written."""
    loaded = load_data({"version": 1, **root})
    assert loaded.root is not None
    diagnostics = Diagnostics()
    analyse(loaded.require(), loaded.root, diagnostics)
    return [(item.code, item.path) for item in diagnostics]


def group(*targets: Any, **settings: Any) -> dict[str, Any]:
    return {"targets": list(targets) or ["bytez/a/b"], **settings}


A, B, C = "bytez/a/a", "bytez/b/b", "bytez/c/c"


@pytest.mark.parametrize(
    "models",
    [
        # A wildcard's targets are patterns: nothing is known of what they stand for.
        {"bytez/*": group("bytez/*", fallbacks=["bytez/a/a"])},
        {"x/*": group(A, B, fallbacks=["y"]), "y": C},
        # Fallbacks with something new, or for another reason.
        {"g": group(A, fallbacks=["h"]), "h": group(A, B)},
        {"g": group(A, fallbacks={"on_error": ["h"], "on_content_policy": ["h"]}), "h": B},
        # Equal windows, windows that are not known, and capabilities that are not declared.
        {"g": group({"model": A, "context_window": 10}, fallbacks=["h"]), "h": B},
        {"g": group({"model": A, "supports": {"vision": False}}, fallbacks=["h"]), "h": B},
        {"g": group(A, fallbacks=["h"]), "h": group({"model": B, "supports": {"vision": False}})},
        # Attempts and times that suffice, to the last one.
        {"g": group(A, fallbacks=["h", "i"], max_attempts=3), "h": B, "i": C},
        {"g": group(A, B, timeout="10s", attempt_timeout="4s", fallbacks=["h"]), "h": C},
        {"g": group(A, B, C, timeout="10s", attempt_timeout="5s", retries=1)},
        {"g": group(A, B, C, timeout="10s", attempt_timeout="5s", retries={"only": ["rate_limited"]})},
        # Weight 0 beside another; a hedge that is learned, or due in time.
        {"g": group({"model": A, "weight": 0}, B)},
        {"g": group(A, B, hedge={"after": "p95"}, attempt_timeout="1s")},
        {"g": group(A, B, hedge={"after": "2s"}, timeout="3s")},
        # Built-in values, whatever they come to.
        {"g": group(A, B, timeout="100ms")},
        {"g": group(A, timeout="1s", limits={"rpm": 1})},
        # A name without a slash is no model's, and numbers tell models apart.
        {"*": group("bytez/x/*"), "gemma": A},
        {"*": group("bytez/x/*"), "g-4b": group(A, fallbacks=["g-12b"])},
        {"bytez/*": group("bytez/*"), "g": group(A, fallbacks=["bytez/x/y"])},
        {"gpt-*": group(A), "gpt-4/x": group(B)},
        # Caches that a caller can make use of, and times of fallbacks where one of the groups has some.
        {"g": group(A, cache={"ttl": "10m"}, params={"n": 2, "temperature": 1})},
        {"g": group("bytez/openai/gpt-4o", cache={"when": "deterministic"}, force={"temperature": 1})},
        {"g": group(A, cache={"when": "deterministic"}, drop=["seed"])},
        {"g": group(A, cache={"fallback_ttl": "1m"}, fallbacks=["h"]), "h": B},
        {"g": group(A, cache=False, force={"n": 2})},
        # Values within their bounds, and bounds of what is not set.
        {"g": group(A, params={"n": 2}, bounds={"n": {"min": 2, "max": 2}, "seed": {"max": 1}})},
        {"g": group({"model": A, "context_window": 101}, bounds={"max_tokens": {"max": 100}})},
    ],
)  # fmt: skip
def test_nothing_to_say(models: dict[str, Any]) -> None:
    """Close to a finding, and none."""
    assert found(models=models) == []


@pytest.mark.parametrize(
    ("models", "code", "path"),
    [
        # What holds for a whole chain is seen through aliases and wildcards.
        ({"g": group(A, fallbacks=["nick"]), "h": group(A, aliases=["nick"])}, "useless-fallback",
         "g.fallbacks[0]"),
        (
            {"g": group(A, fallbacks=["bytez/a/a"]), "bytez/*": "bytez/*"},
            "useless-fallback",
            "g.fallbacks[0]",
        ),
        ({"g": group(A, fallbacks={"on_content_policy": ["h"]}), "h": A}, "useless-fallback",
         "g.fallbacks.on_content_policy[0]"),
        ({"g": group(A, attempt_timeout=False, fallbacks=["h"]), "h": B}, "out-of-reach", "g.fallbacks[0]"),
        ({"g": group(A, timeout="5s", attempt_timeout="5s", fallbacks=["h"]), "h": B}, "out-of-reach",
         "g.fallbacks[0]"),
        ({"g": group(A, cache={"ttl": "1m"}, bounds={"n": {"min": 2}})}, "useless-cache", "g.cache"),
        ({"g": group(A, cache={"when": "deterministic"}, bounds={"temperature": {"min": 1}}, drop=["seed"])},
         "useless-cache", "g.cache"),
        ({"g": group({"model": A, "tier": 2, "weight": 0}, B)}, "zero-weight", "g.targets[0].weight"),
        ({"g": group(A, params={"max_tokens": 5}, force={"max_new_tokens": 6})}, "overridden-param",
         "g.params.max_tokens"),
        ({"g": group({"model": A, "force": {"seed": 1}}, force={"seed": 2})}, "overridden-param",
         "g.force.seed"),
        ({"g": group({"model": A, "params": {"seed": None}}, params={"seed": 2})}, "overridden-param",
         "g.params.seed"),
        ({"g": group({"model": A, "params": {"n": 3}}, bounds={"n": {"max": 2}})}, "beyond-bound",
         "g.targets[0].params.n"),
        ({"g": group({"model": A, "context_window": 100}, params={"max_tokens": 100})}, "no-room-for-reply",
         "g.targets[0].context_window"),
    ],
)  # fmt: skip
def test_something_to_say(models: dict[str, Any], code: str, path: str) -> None:
    """One finding, where it belongs."""
    assert found(models=models) == [(code, f"models.{path}")]


def test_what_is_right_somewhere_is_right() -> None:
    """A default is a finding only when it is one in every group that it holds for."""
    late = {"retries": {"max_wait": "2m"}, "params": {"n": 5}, "hedge": {"after": "1s"}}
    bad = group(A, timeout="1m", bounds={"n": {"max": 2}})
    paths = {path for _, path in found(models={"g": bad}, defaults=late)}
    assert paths == {"defaults.retries.max_wait", "defaults.params.n", "defaults.hedge"}
    good = group(B, C, timeout="3m")
    assert found(models={"g": bad, "h": good}, defaults=late) == []


def test_null_and_silence_are_built_in() -> None:
    """What `null` returned to the built-in is written nowhere, and no finding."""
    late = {"retries": {"max_wait": "2m", "backoff": {"base": "1h"}}, "hedge": {"after": "1s"}}
    models = {"g": group(A, timeout="1m", retries={"max_wait": None, "backoff": None}, hedge=None)}
    assert found(models=models, defaults=late) == []


def test_a_fallback_is_asked_under_the_time_of_its_askers() -> None:
    """A wait longer than its own group's deadline fits the one of a group that falls back to it."""
    patient = group(A, timeout="1m", retries={"max_wait": "2m"})
    assert found(models={"g": patient}) == [("useless-timeout", "models.g.retries.max_wait")]
    assert found(models={"g": patient, "h": group(B, timeout="5m", fallbacks=["g"])}) == []


def test_one_credential_through_several_providers() -> None:
    """Equal references are one credential; a provider without a key hangs on none."""
    own = {"adapter": "bytez", "api_key": "env:TEAM"}
    models = {"g": group("one/a/a", fallbacks=["h"]), "h": group("two/a/a")}
    assert found(providers={"one": own, "two": own}, models=models) == [
        ("one-credential", "models.g.fallbacks")
    ]
    for other in (LOCAL, {"adapter": "bytez", "api_keys": ["env:TEAM", "env:OTHER"]}, {"adapter": "bytez"}):
        assert found(providers={"one": own, "two": other}, models=models) == []


def test_one_credential_that_is_built_in() -> None:
    """Bytez's usual key is a finding when a provider of the chain writes it, and none when no line does."""
    models = {"g": group(A, fallbacks=["h"]), "h": B}
    told = [("one-credential", "models.g.fallbacks")]
    for written in ({"api_key": "env:BYTEZ_API_KEY"}, {"api_keys": ["env:BYTEZ_API_KEY"]}):
        assert found(providers={"bytez": written}, models=models) == told
    assert found(models=models) == found(providers={"bytez": {"auto_scale": True}}, models=models) == []
    again = {"again": {"adapter": "bytez", "api_key": "env:BYTEZ_API_KEY"}}
    assert found(providers=again, models=models | {"h": "again/b/b"}) == told


def test_callers_reach_groups_by_any_name() -> None:
    """By alias, by a model of a wildcard, by the wildcard itself, and through fallbacks; not transitively."""
    models = {
        "g": group(A, aliases=["nick"], fallbacks=["h"]),
        "h": group(B, fallbacks=["i"]),
        "i": C,
        "x/*": "bytez/*",
        "y/*": "bytez/*",
    }
    caller = {"name": "a", "key": "env:A", "groups": ["nick", "x/a/b", "y/*"]}
    assert found(models=models, callers=[caller]) == [("unreachable-group", "models.i")]
    assert found(models=models, callers=[caller, {"name": "b", "key": "env:B"}]) == []


def test_a_full_list_ends_it() -> None:
    """Once no finding fits any more, the analyses that are left are not run."""
    profiles = {f"p{number}": {"timeout": "1m"} for number in range(2_000)}
    assert len(found(models={"g": A}, profiles=profiles)) == 1_000
    diagnostics = Diagnostics()
    loaded = load_data({"version": 1, "models": {"g": A}, "profiles": profiles})
    assert loaded.root is not None
    for _ in range(2):
        analyse(loaded.require(), loaded.root, diagnostics)
    assert diagnostics.full


def test_verdicts() -> None:
    """One good word outweighs all others, whenever it is said."""
    verdicts = Verdicts()
    for path, message in (("a", "x"), ("a", None), ("b", None), ("b", "x"), ("c", "x"), ("c", "y")):
        verdicts.add((path,), message)
    assert list(verdicts.told()) == [(("c",), "y")]

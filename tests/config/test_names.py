"""A fallback entry, a caller's right and an asked name are resolved by one rule."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from router.config import load_text
from router.config.names import Model, Names, ties
from router.core.wildcards import WildcardIndex
from router.plan import compile_plan
from router.tools.check import check

if TYPE_CHECKING:
    from pathlib import Path

    from router.core.table import Plan

HEAD = "version: 1\nproviders: {local: {adapter: openai, base_url: http://127.0.0.1:1}}\n"
MODELS = """models:
  g: {targets: [bytez/a/b], fallbacks: [NAME]}
  "bytez/*": bytez/*
  "*": local/*
"""
NEVER_SERVED = [
    ("bytez/one", "the Bytez model `one` has one segment, not two"),
    ("bytez/a/b/c", "the Bytez model `a/b/c` has 3 segments, not two"),
    ("bytez/list/b", "the Bytez model `list/b` begins with a segment that is a route of Bytez's own"),
    ("bytez/a b/c", "`*` stands only for letters, digits and `. _ - : @`, in segments parted by `/`"),
]


def compiled(text: str) -> Plan:
    return compile_plan(load_text(text).require())


@pytest.mark.parametrize(("name", "why"), NEVER_SERVED)
@pytest.mark.parametrize("place", ["fallback", "caller"])
def test_what_a_wildcard_cannot_serve(name: str, why: str, place: str) -> None:
    """It is a finding that says why, although a shorter wildcard would match; nothing crashes."""
    text = HEAD + MODELS
    if place == "fallback":
        text = text.replace("NAME", name)
    else:
        text = text.replace("NAME", "other") + f"callers: [{{name: a, key: env:A, groups: [{name}]}}]\n"
    (finding,) = load_text(text).diagnostics
    assert finding.code == "unknown-group"
    assert finding.message == f"`{name}` can never be served: `bytez/*` matches it, but {why}"
    assert finding.hint
    assert compiled(HEAD + MODELS.replace("NAME", "other")).find(name) is None


@pytest.mark.parametrize("name", [name for name, _ in NEVER_SERVED])
def test_compiling_never_raises_for_a_name(name: str) -> None:
    """Compiling a config that was not checked reports the entry and leaves it out."""
    loaded = load_text(HEAD + MODELS.replace("NAME", "other"))
    config = loaded.require()
    fallbacks = config.models["g"].fallbacks
    assert fallbacks is not None
    broken = config.model_copy(
        update={
            "models": {
                **config.models,
                "g": config.models["g"].model_copy(
                    update={"fallbacks": fallbacks.model_copy(update={"on_error": (name, "other")})}
                ),
            }
        }
    )
    plan = compile_plan(broken, locate=loaded.locate, diagnostics=loaded.diagnostics)
    assert [item.code for item in loaded.diagnostics] == ["unknown-group"]
    assert [group.targets[0].id for group in plan.routes["g"].groups] == ["bytez/a/b", "local/other"]


def test_entries_resolve_as_asked_names() -> None:
    """For every name, the check, the compiled chain and the asked name agree on the target or on none."""
    patterns = {
        "a*": "local/1-*",
        "a*c": "local/2-*",
        "aba*": "bytez/*",
        "*": "local/3-*",
        "x/*/y": "local/4-*",
    }
    models = "".join(f"  {name!r}: {target}\n" for name, target in patterns.items())
    text = HEAD + "models:\n  g: {targets: [local/m], fallbacks: [NAME], aliases: [ali]}\n" + models
    plan = compiled(text.replace("[NAME]", "false"))
    names = ["".join(letters) for size in range(1, 5) for letters in itertools.product("abc/", repeat=size)]
    for name in [*names, "ali", "x/q/y", "x//y", "x/y", "abo/c", "abo/cc"]:
        asked = plan.find(name)
        loaded = load_text(text.replace("NAME", name))
        if name == "ali":
            assert [item.code for item in loaded.diagnostics] == ["repeated-fallback"]
        elif asked is None:
            assert [item.code for item in loaded.diagnostics] == ["unknown-group"], name
        else:
            assert compile_plan(loaded.require()).routes["g"].groups[1] == asked.asked, name


def test_the_longest_literal_part_wins() -> None:
    """Whatever the order; `*` stands for at least one character."""
    index = WildcardIndex(["*", "a*", "*c", "a*bc", "ab*"])
    found = {name: index.match(name) for name in ("abbc", "abc", "xc", "x", "a", "")}
    assert found == {
        "abbc": ("a*bc", "b"),
        "abc": ("ab*", "c"),
        "xc": ("*c", "x"),
        "x": ("*", "x"),
        "a": ("*", "a"),
        "": None,
    }


def test_ties() -> None:
    """Pairs of one literal length whose ends do not exclude each other, the earlier first."""
    assert set(ties(["ab*", "a*c", "*bc", "xy*", "*yz"])) == {
        ("ab*", "a*c"),
        ("a*c", "*bc"),
        ("ab*", "*bc"),
        ("*bc", "xy*"),
        ("xy*", "*yz"),
        ("ab*", "*yz"),
    }
    assert list(ties([f"{i:03}*" for i in range(900)])) == []


def test_each_name_is_resolved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine hundred wildcards asked for a thousand times cost nine hundred look-ups, not millions."""
    looked: list[str] = []
    match = WildcardIndex.match

    def counted(self: WildcardIndex, name: str) -> tuple[str, str] | None:
        looked.append(name)
        return match(self, name)

    monkeypatch.setattr(WildcardIndex, "match", counted)
    names = [f"a{i}xq" for i in range(40)]
    listed = ", ".join(names)
    text = (
        HEAD
        + "models:\n"
        + "".join(f"  'a{i}x*': {{targets: [bytez/x/*], fallbacks: [{listed}]}}\n" for i in range(900))
    )
    loaded = load_text(text)
    assert sorted(looked) == sorted(names)
    compile_plan(loaded.require())
    assert sorted(looked) == sorted(names * 2)


def test_a_look_up_does_not_try_every_wildcard() -> None:
    """Its cost goes by the lengths there are, not by the wildcards."""
    index = WildcardIndex([f"w{i:04}*" for i in range(5_000)])
    assert index._prefix_lengths == [5]
    assert index._suffix_lengths == [0]
    assert index.match("w0042x") == ("w0042*", "x")


def test_unknown_segments_are_free() -> None:
    """A wire whose ids have any number of parts takes any."""
    names = Names(["o/*"], {"o/*": [Model("*", None)]})
    assert names.resolve("o/a/b/c").group == "o/*"
    assert names.resolve("o/*").group is None
    assert names.resolve("o/" + "a" * 300).group is None


def test_check_does_not_crash(tmp_path: Path) -> None:
    """`router check` reports it."""
    path = tmp_path / "router.yaml"
    path.write_text(HEAD + MODELS.replace("NAME", "bytez/one"), encoding="utf-8")
    assert [item.code for item in check(path, environ={}).diagnostics] == ["unknown-group"]

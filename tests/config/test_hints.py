"""Every finding says where it is and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from router.config import Diagnostic, load_file, load_text

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "version: 1\nmodels: {g: bytez/a/b}\n"
BROKEN = [
    "",
    "- a",
    "version: 1",
    "version: 2\nmodels: []",
    "version: 1\nmodels: {g: [}",
    "version: 1\nmodels: {g: {targets: {}}}",
    "version: 1\nmodels: {a*b*: bytez/a/*, ' x': bytez/a/b, y: nope}",
    HEAD + "zzz: 1\ninclude: [none.yaml, 1]",
    HEAD + "defaults: {zzz: 1, params: [], timeout: 0s, max_attempts: 1.5, retries: x, drop: 1, stream: 1}",
    HEAD + "defaults: {unsupported: 1, force: {timeout: 1}, attempt_timeout: 25h, retries: {max: 101}}",
    HEAD + "defaults: {bounds: {a: {min: 2, max: 1}, b: {min: x}, c: 1}}",
    HEAD + "profiles: {p: }",
    HEAD
    + "callers: [{name: 1, key: 'sha256:abc'}, {name: '', key: env:}, {name: a, key: env:A, groups: [zz]}]",
    HEAD + "providers: {'b d': {adapter: openai, base_url: ftp://x, max_reply: 1TiB, passthrough: 1}}",
    HEAD + "providers: {bytez: {headers: {'a b': x, host: x, A: é, a: x, x: 1}, ca_file: 1, proxy: x}}",
    "version: 1\nmodels: {g: {targets: [bytez/a], profile: zz, fallbacks: [zz, g, 'a*'], aliases: ['*', g]}}",
    "model_list: [1, {model_name: 1, litellm_params: {model: zz/x, api_key: 1, api_base: 2}}, {}]",
    "model_list: {}\nzzz: 1\nrouter_settings: {}\ngeneral_settings: []",
]


def findings(text: str) -> list[Diagnostic]:
    return list(load_text(text).diagnostics)


@pytest.mark.parametrize("text", BROKEN)
def test_broken_files_have_hints(text: str) -> None:
    """No finding leaves its reader alone."""
    found = findings(text)
    assert found
    assert [str(item) for item in found if not item.hint] == []


@pytest.mark.parametrize(
    "text",
    [
        "*: bytez/a/b",
        "g: *bytez",
        "g: *bytez/*",
        "g: &",
        "&: bytez/a/b",
        "g: [*]",
        "*a : bytez/a/b",
    ],
)
def test_a_bare_star_or_ampersand(text: str) -> None:
    """What YAML takes for an alias or an anchor is to be put into quotes."""
    (found,) = findings(f"version: 1\nmodels:\n  {text}\n")
    assert (found.line, found.column) == (3, 3 + min(text.find(sign) for sign in "*&" if sign in text))
    assert "into quotes" in (found.hint or "")


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("models: {g: {targets: [bytez/a/b], targets: []}}", "duplicate-key", "models.g.targets"),
        ("models: {g: {targets: [bytez/a/b, !!str x]}}", "yaml-tag", "models.g.targets[1]"),
        ("defaults: {params: {seed: [1, 99999999999999999999]}}", "yaml-number", "defaults.params.seed[1]"),
        ("models: {g: {<<: 1, targets: []}}", "yaml-merge", 'models.g."<<"'),
        ("models: {g: {targets: [1, *x]}}", "yaml-alias", "models.g.targets[1]"),
        ("models: {g: {[a]: 1}}", "yaml-key", "models.g"),
        ("models: {g: " + "[" * 70 + "]" * 70 + "}", "too-large", "models.g" + "[0]" * 62),
    ],
)
def test_findings_of_yaml_have_paths(text: str, code: str, path: str) -> None:
    """The path is that of the place, as in every other finding."""
    found = [item for item in findings("version: 1\n" + text) if item.code == code]
    assert [item.path for item in found] == [path]
    assert found[0].hint


def test_an_included_file(tmp_path: Path) -> None:
    """A misplaced key, a missing file and one that is not regular have hints too."""
    (tmp_path / "part.yaml").write_text("zzz: 1\nmodels: []\ncallers: 1\nmodel_list: []\ndefaults: {}\n")
    root = tmp_path / "router.yaml"
    root.write_text(HEAD + "include: [part.yaml, none.yaml, .]\n")
    found = list(load_file(root).diagnostics)
    assert len(found) == 7
    assert all(item.hint for item in found)

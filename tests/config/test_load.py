"""Loading: files, includes, places, cross-references and configs built in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from router.config import Diagnostics, Place, RouterConfig, load_data, load_file, load_text
from router.config.check_models import RESERVED_PARAMS
from router.errors import ConfigError
from router.types import Reference

if TYPE_CHECKING:
    from pathlib import Path

PAGE = """\
# yaml-language-server: $schema=./schemas/router.schema.json
version: 1
providers:
  bytez: {api_key: env:BYTEZ_API_KEY}
  local: {adapter: openai, base_url: http://127.0.0.1:8081/v1}
defaults: {timeout: 2m, retries: 2}
profiles:
  batch: {timeout: 10m, retries: 4}
models:
  gemma-3:
    targets:
      - {model: bytez/google/gemma-3-4b-it, weight: 3}
      - bytez/google/gemma-3-12b-it
      - {model: local/gemma, tier: 2}
    params: {max_tokens: 200, temperature: 0.5}
    bounds: {max_tokens: {max: 4096}}
    fallbacks: [qwen-3]
    aliases: [gemma]
  qwen-3: {targets: [bytez/Qwen/Qwen3-4B], profile: batch}
  "bytez/*": bytez/*
"""


def lines(text: str) -> list[str]:
    return [str(item) for item in load_text(text, file="f").diagnostics]


def test_the_page_of_the_docs() -> None:
    """Every key of a full example arrives where it should."""
    loaded = load_text(PAGE)
    config = loaded.require()
    group = config.models["gemma-3"]
    assert [target.weight for target in group.targets] == [3, 1, 1]
    assert [target.tier for target in group.targets] == [1, 1, 2]
    assert group.fallbacks is not None
    assert group.fallbacks.short
    assert group.fallbacks.on_error == ("qwen-3",)
    assert group.timeout is None
    assert "timeout" not in group.model_fields_set
    assert config.defaults is not None
    assert config.defaults.timeout == 120
    assert config.providers is not None
    assert config.providers["bytez"].api_key == Reference("env", "BYTEZ_API_KEY", secret=True)
    assert [str(item.reference) for item in loaded.references] == ["env:BYTEZ_API_KEY"]


def test_places_of_short_and_long_forms() -> None:
    """A path into a short form leads to the text that spells it."""
    loaded = load_text(PAGE, file="f")
    places = {
        ("models", "gemma-3", "params", "temperature"): (15, 44),
        ("models", "gemma-3", "targets", 0, "weight"): (12, 53),
        ("models", "gemma-3", "targets", 1, "model"): (13, 9),
        ("models", "bytez/*", "targets", 0, "model"): (20, 14),
        ("models", "gemma-3", "fallbacks", "on_error", 0): (17, 17),
        ("defaults", "retries", "max"): (6, 34),
        ("models", "qwen-3", "timeout"): (19, 3),
        ("callers",): (2, 1),
    }
    assert {path: tuple(loaded.locate(path)[1:]) for path in places} == places
    assert loaded.locate(("version",)) == Place("f", 2, 10)


def test_every_error_in_one_pass() -> None:
    """A misspelt key, a wrong value and a dangling name are all found, in the file's order."""
    text = """\
version: 1
modells: {}
models:
  chat:
    target: [bytez/a/b]
    timeout: 30
  other:
    targets: [{model: bytz/a/b, wieght: 1}, bytez/a]
    fallbacks: [nowhere]
    profile: none
    params: {timeout: 3}
"""
    assert [line.split(": ")[0] + line.split("[", 1)[1].split("]", 1)[0] for line in lines(text)] == [
        "f:2:1unknown-key",
        "f:5:5unknown-key",
        "f:6:14missing-unit",
        "f:8:23unknown-provider",
        "f:8:33unknown-key",
        "f:8:45bad-bytez-model",
        "f:9:17unknown-group",
        "f:10:14unknown-profile",
        "f:11:14reserved-param",
    ]


def test_did_you_mean() -> None:
    """Hints name keys of the same place, LiteLLM's root keys, or where a key belongs."""
    found = lines(
        "version: 1\nmodle_list: []\ntimeout: 3s\nmodels: {a: {targets: [bytez/a/b], weight: 2, zzz: 1}}"
    )
    assert "(hint: did you mean `model_list`?)" in found[0]
    assert "(hint: write it as `defaults.timeout`)" in found[1]
    assert "`weight` belongs to a target" in found[2]
    assert "the keys here are `params`, `force`" in found[3]


def test_null_and_switched_off_are_told_apart() -> None:
    """null, false and silence differ in the model, as inheritance needs."""
    text = """\
version: 1
defaults: {timeout: 1m, retries: null}
models:
  a: {targets: [bytez/a/b], timeout: null, retries: false, drop: false, fallbacks: false}
  b: {targets: [bytez/a/b], drop: [], fallbacks: [], retries: {max: null, backoff: {base: 0s}}}
"""
    config = load_text(text).require()
    a, b = config.models["a"], config.models["b"]
    assert "timeout" in a.model_fields_set
    assert a.timeout is None
    assert a.retries is not None
    assert a.retries.max == 0
    assert a.drop == b.drop == ()
    assert a.fallbacks is not None
    assert a.fallbacks.on_error == ()
    assert b.retries is not None
    assert b.retries.model_fields_set == {"max", "backoff"}
    assert config.defaults is not None
    assert "retries" in config.defaults.model_fields_set


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A root file that includes two others, one of them in a folder."""
    (tmp_path / "teams").mkdir()
    (tmp_path / "router.yaml").write_text(
        "version: 1\ninclude: [teams/a.yaml, b.yaml]\nmodels: {root: {targets: [x/m], fallbacks: [a]}}\n"
        "callers: [{name: root, key: env:ROOT}]\n"
    )
    (tmp_path / "teams" / "a.yaml").write_text(
        "include: [deep.yaml]\nmodels: {a: bytez/a/b}\n"
        "providers: {x: {adapter: openai, base_url: 'https://x/v1', api_key: file:a.key, ca_file: ca.pem}}\n"
    )
    (tmp_path / "teams" / "deep.yaml").write_text("profiles: {p: {timeout: 1m}}\n")
    (tmp_path / "b.yaml").write_text("models: {b: bytez/a/b}\ncallers: [{name: b, key: env:B}]\n")
    return tmp_path


def test_includes_are_united(folder: Path) -> None:
    """Names, callers and paths come from each file, relative to it."""
    loaded = load_file(folder / "router.yaml")
    config = loaded.require()
    assert sorted(config.models) == ["a", "b", "root"]
    assert sorted(config.profiles or ()) == ["p"]
    assert [caller.name for caller in config.callers or ()] == ["root", "b"]
    assert config.providers is not None
    provider = config.providers["x"]
    assert provider.api_key == Reference("file", str(folder / "teams" / "a.key"), secret=True)
    assert provider.ca_file == str(folder / "teams" / "ca.pem")
    assert loaded.locate(("models", "a")) == Place(str(folder / "teams" / "a.yaml"), 2, 13)


def test_callers_of_an_include_alone(folder: Path) -> None:
    """An include may bring the only callers."""
    (folder / "router.yaml").write_text("version: 1\ninclude: [b.yaml]\n")
    assert len(load_file(folder / "router.yaml").require().callers or ()) == 1


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("cycle", "include: [router.yaml]", "bad-include"),
        ("defaults", "defaults: {timeout: 1m}", "bad-include"),
        ("litellm", "model_list: []", "bad-include"),
        ("unknown key", "modles: {}", "unknown-key"),
        ("twice", "models: {root: bytez/a/b}", "duplicate-name"),
        ("not a map", "models: [a]", "wrong-type"),
        ("section of a wrong type", "profiles: [a]", "wrong-type"),
        ("callers of a wrong type", "callers: 3", "wrong-type"),
        ("include of a wrong type", "include: a.yaml", "wrong-type"),
        ("include of a map", "include: [{a: b}]", "wrong-type"),
        ("broken", "a: [", "yaml-syntax"),
    ],
)
def test_mistakes_in_includes(folder: Path, name: str, text: str, code: str) -> None:
    """A mistake in an included file is named with that file."""
    (folder / "b.yaml").write_text(text + "\n")
    loaded = load_file(folder / "router.yaml")
    (found,) = [item for item in loaded.diagnostics if item.code == code]
    assert found.file == str(folder / "b.yaml")


def test_includes_are_bounded(tmp_path: Path) -> None:
    """Neither many files nor a long chain of them is followed without end."""
    for i in range(20):
        (tmp_path / f"{i}.yaml").write_text(f"include: [{i + 1}.yaml]\n")
    (tmp_path / "leaf.yaml").write_text("models: {}\n")
    (tmp_path / "wide.yaml").write_text(f"version: 1\ninclude: [{', '.join(['leaf.yaml'] * 70)}]\n")
    assert "too-large" in {item.code for item in load_file(tmp_path / "0.yaml").diagnostics}
    assert "too-large" in {item.code for item in load_file(tmp_path / "wide.yaml").diagnostics}


def test_text_has_a_base_directory(folder: Path) -> None:
    """Relative paths of text are of base_dir."""
    loaded = load_text("version: 1\ninclude: [b.yaml]\n", base_dir=folder, file="inline")
    assert sorted(loaded.require().models) == ["b"]


def test_config_error_has_every_finding() -> None:
    """require() raises with all findings, and its text is their lines."""
    loaded = load_text("version: 1\nmodels: {a: b, c: d}\n", file="f")
    with pytest.raises(ConfigError) as caught:
        loaded.require()
    assert len(caught.value.diagnostics) == 2
    assert str(caught.value).splitlines() == [str(item) for item in loaded.diagnostics]


def test_names_resolve_like_callers_names() -> None:
    """A fallback may be a group, an alias or what a wildcard matches; the longest literal part wins."""
    text = """\
version: 1
models:
  "*": bytez/x/*
  "bytez/*": bytez/*
  "bytez/a/*": bytez/a/*
  plain: {targets: [bytez/a/b], aliases: [simple]}
  asks: {targets: [bytez/a/b], fallbacks: [plain, bytez/a/b, bytez/c/d, other]}
  mutual: {targets: [bytez/a/b], fallbacks: [asks]}
"""
    assert lines(text) == []
    found = lines(text.replace("[asks]", "['bytez/*', simple, plain, a//b, " + "x" * 300 + "]"))
    assert [line.split("`")[1] for line in found] == ["bytez/*", "plain", "a//b", "x" * 39 + "…"]


@pytest.mark.parametrize(
    "secret",
    [
        "models: {a: sk-canary-0123456789}",
        "providers: {bytez: sk-canary-0123456789}",
        "providers: {bytez: {api_key: sk-canary-0123456789}}",
        "providers: {bytez: {api_key: [sk-canary-0123456789]}}",
        "providers: {bytez: {api_kye: sk-canary-0123456789}}",
        "providers: {bytez: {adapter: sk-canary-0123456789}}",
        "providers: {bytez: {base_url: 'https://u:sk-canary-0123456789@x/'}}",
        "providers: {bytez: {proxy: 'http://u:sk-canary-0123456789@x/'}}",
        "providers: {bytez: {headers: {x-api-key: sk-canary-0123456789}}}",
        'providers: {bytez: {headers: {x: "sk-canary-0123456789\\n"}}}',
        "providers: {bytez: {api_key: 'env:sk-canary-0123456789'}}",
        "callers: [sk-canary-0123456789]",
        "callers: [{name: a, key: sk-canary-0123456789}]",
        "callers: [{name: a, key: 'sha256:sk-canary-0123456789'}]",
        "callers: [{name: a, key: [sk-canary-0123456789]}]",
    ],
)
def test_no_finding_shows_a_secret(secret: str) -> None:
    """Whatever stands where a secret is expected, or next to it, is in no message, path or hint."""
    loaded = load_text(
        f"version: 1\nmodels: {{chat: bytez/a/b}}\n{secret}\n".replace(
            "models: {chat: bytez/a/b}\nmodels", "models"
        )
    )
    assert not loaded.diagnostics.ok
    if not secret.startswith("models"):  # A model id is not where a key is expected.
        assert "canary" not in "".join(str(item) for item in loaded.diagnostics)
    assert "canary" not in repr(loaded.references)


def test_configs_built_in_python() -> None:
    """Short forms work in Python, and load_data follows the names of what was built."""
    models = {"a": "bytez/a/b", "c": {"targets": ["bytez/a/b"], "fallbacks": ["a"]}}
    config = RouterConfig.model_validate({"version": 1, "models": models})
    assert load_data(config.model_dump(exclude_unset=True)).config == config
    loaded = load_data({"version": 1, "models": {"a": "nowhere/b"}})
    (found,) = loaded.diagnostics
    assert str(found).startswith("<python>:0:0: error[unknown-provider] models.a: there is no provider")


def test_odd_values_are_passed_over_by_cross_references() -> None:
    """What has the wrong type is named once, by validation, and breaks nothing."""
    text = """\
version: 1
providers: {bytez: {passthrough: any}, x: {adapter: bytez, passthrough: known, base_url: ''}, y: 3}
models:
  a: {targets: [3, {weight: 1}, {model: 3}], aliases: [3, "b*", " b"], fallbacks: [3], profile: 3}
  b: {targets: 3, fallbacks: 3}
  c: 3
callers: [3, {name: " a", key: env:A, groups: [3, a]}]
"""
    codes = [item.code for item in load_text(text).diagnostics]
    assert set(codes) == {"wrong-type", "missing-key", "bad-name", "bad-url"}
    assert codes.count("bad-name") == 3


def test_an_unreadable_yaml_has_a_place() -> None:
    """Without a tree every path is the file's beginning, and there is no config to require."""
    loaded = load_text("a: [", file="f")
    assert loaded.locate(("models",)) == Place("f", 1, 1)
    with pytest.raises(ConfigError):
        loaded.require()


def test_dump_is_what_would_be_written() -> None:
    """A config loaded, dumped and loaded again is the same config."""
    config = load_text(
        PAGE + "callers: [{name: a, key: 'sha256:" + "AB" * 32 + "', groups: [gemma]}]\n"
    ).require()
    dumped = config.model_dump(exclude_unset=True, mode="json")
    assert dumped["defaults"] == {"timeout": "2m", "retries": {"max": 2}}
    assert dumped["callers"][0]["key"] == "sha256:" + "ab" * 32
    again = load_data(dumped)
    assert again.config == config


def test_references_are_looked_up(tmp_path: Path) -> None:
    """Each kind of reference is found or named; built-in ones never are."""
    (tmp_path / "good.key").write_text("abc\n")
    (tmp_path / "bad.key").write_bytes(b"a\xffb")
    (tmp_path / "ca.pem").write_text("pem")
    text = """\
version: 1
providers:
  bytez:
  one:
    {adapter: openai, base_url: env:URL, api_key: file:good.key, ca_file: ca.pem, headers: {cookie: env:AUTH}}
  two: {adapter: openai, base_url: env:BAD_URL, api_key: file:bad.key, ca_file: no.pem, proxy: env:NONE}
models: {a: one/b}
callers: [{name: a, key: env:EMPTY}]
"""
    environ = {"URL": "https://x/v1", "BAD_URL": "ftp://x", "AUTH": "Bearer x", "EMPTY": ""}
    loaded = load_text(text, base_dir=tmp_path)
    loaded.check_references(environ)
    assert sorted((item.path, item.code, item.severity) for item in loaded.diagnostics) == [
        ("callers[0].key", "missing-reference", "error"),
        ("providers.two.api_key", "bad-secret", "error"),
        ("providers.two.base_url", "bad-url", "error"),
        ("providers.two.ca_file", "missing-reference", "error"),
        ("providers.two.proxy", "missing-reference", "error"),
    ]
    loaded = load_text(text, base_dir=tmp_path)
    loaded.check_references({}, required=False)
    assert loaded.diagnostics.ok
    assert {item.severity for item in loaded.diagnostics} == {"note"}


def test_reserved_names_cover_the_requests() -> None:
    """What a chat request may not carry, a file's params may not either."""
    from router.adapters.params import RESERVED  # noqa: PLC0415 - the config itself must not need it

    assert RESERVED <= RESERVED_PARAMS


def test_provider_rules() -> None:
    """Keys of another adapter, encryption and references in headers."""
    found = lines("""\
version: 1
providers:
  a: {adapter: openai, base_url: 'https://x', auto_scale: true, protocol: auto}
  b: {adapter: bytez, base_url: 'http://x.internal'}
  c: {adapter: openai, base_url: 'http://x.internal', headers: {x-token: env:T}}
  d: {adapter: openai, base_url: 'http://[::1]:80/v1', api_key: env:T, headers: {x: 3}, proxy: 3}
  e: {adapter: openai, base_url: 'https://x:port'}
  f: {adapter: openai, base_url: 'https://x?y', api_key: 3, ca_file: 3}
  g: {adapter: openai, base_url: "https://x\\\\y", passthrough: 3, api_key: 'file:'}
  h: {adapter: openai, base_url: 'https://x y', passthrough: [a], api_key: true}
models: {chat: bytez/a/b}
""")
    assert [f"{line.split(':')[1]} {line.split('error[')[1].split(']')[0]}" for line in found] == [
        "3 unknown-key",
        "3 unknown-key",
        "4 insecure-http",
        "5 insecure-http",
        "6 wrong-type",
        "6 wrong-type",
        "7 bad-url",
        "8 bad-url",
        "8 literal-secret",
        "8 wrong-type",
        "9 bad-url",
        "9 bad-value",
        "9 bad-reference",
        "10 bad-url",
        "10 wrong-type",
    ]


def test_attempt_timeout_is_compared_with_what_applies() -> None:
    """The group's value wins over its profile's, that over defaults; built-in ones never warn."""
    base = (
        "version: 1\nmodels: {a: {targets: [bytez/a/b]PROFILE}}\nprofiles: {p: {timeout: 2h}}\n"
        "defaults: {attempt_timeout: 1hDEFAULT}\n"
    )
    built_in = base.replace("PROFILE", "").replace("DEFAULT", "")
    assert lines(built_in) == []
    assert len(lines(built_in.replace("1h", "1h, timeout: 1m"))) == 1
    assert lines(base.replace("PROFILE", ", profile: p").replace("DEFAULT", ", timeout: 1m")) == []


def test_an_empty_collector_is_not_false() -> None:
    """`diagnostics or Diagnostics()` must keep the collector it was given."""
    assert not hasattr(Diagnostics, "__len__")
    assert Diagnostics().count == 0

"""Comparing configs: what means the same shows no difference, and every real change is shown."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from router.config import load_file, load_text
from router.config.models import PolicySettings
from router.errors import ConfigError
from router.offline import offline_engine
from router.request import Ask
from router.testing.good import configs
from router.tools.convert import convert
from router.tools.diff import Diff, Kind, diff
from router.tools.explain import explained
from tests.config.litellm_files import litellm_files
from tests.tools.converted import written

if TYPE_CHECKING:
    from pathlib import Path

    from router.config import Loaded

Data = dict[str, Any]
_SETTINGS = settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_POLICIES = frozenset(PolicySettings.model_fields)


def load(data: Data) -> Loaded:
    """A config from data, as from its file."""
    return load_text(json.dumps(data))


def compare(old: Data, new: Data) -> Diff:
    """What becomes otherwise; both must be without errors."""
    return diff(load(old), load(new))


# --- what means the same


def reordered(value: Any, draw: Callable[[st.SearchStrategy[Any]], Any]) -> Any:
    """*value* with the keys of its maps in another order."""
    if isinstance(value, dict):
        return {key: reordered(value[key], draw) for key in draw(st.permutations(list(value)))}
    return [reordered(item, draw) for item in value] if isinstance(value, list) else value


def respelt(data: Data) -> Data:
    """*data* with other words for the same: synonyms, long forms, profiles in place of settings."""
    made = copy.deepcopy(data)
    for name, group in made["models"].items():
        for params in (group.get("params", {}), group.get("bounds", {})):
            if "max_tokens" in params:
                params["max_completion_tokens"] = params.pop("max_tokens")
        if isinstance(group.get("retries"), int):
            group["retries"] = {"max": group["retries"]}
        for target in group["targets"]:
            if isinstance(target, dict):
                target.setdefault("weight", 1)
        if "profile" not in group:
            own = {key: group.pop(key) for key in list(group) if key in _POLICIES}
            made.setdefault("profiles", {})[f"of {name}"] = own
            group["profile"] = f"of {name}"
    return made


@_SETTINGS
@given(data=configs(), draw=st.data())
def test_order_and_spelling_are_no_difference(data: Data, draw: st.DataObject) -> None:
    """Keys in another order, synonyms, long forms, and settings in a profile or inline come to the same."""
    assert compare(data, reordered(respelt(data), draw.draw)).changes == ()
    assert compare(respelt(data), data).changes == ()


@_SETTINGS
@given(data=configs(), parts=st.sets(st.sampled_from(["providers", "profiles", "models", "callers"])))
def test_a_config_in_several_files_is_no_difference(
    data: Data, parts: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What an include adds counts as if it stood in the file, in another directory too."""
    here, there = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("many")
    whole = {"providers": {}, **copy.deepcopy(data)}
    whole["providers"]["by-file"] = {
        "adapter": "openai",
        "base_url": "https://files.example/v1",
        "api_key": "file:key",
        "headers": {"x-token": "file:token"},
        "ca_file": "ca.pem",
    }
    whole["models"]["filed"] = {"targets": ["by-file/a"], "cache": {"ttl": "1h"}}
    (here / "router.yaml").write_text(json.dumps(whole))
    own = {key: value for key, value in whole.items() if key not in parts}
    files = {f"{key}.yaml": {key: whole[key]} for key in parts if key in whole}
    if "models" in parts:  # One in each file: they are united.
        first, *rest = whole["models"]
        own["models"] = {first: whole["models"][first]}
        files["models.yaml"] = {"models": {name: whole["models"][name] for name in rest}}
    for name, content in files.items():
        (there / name).write_text(json.dumps(content))
    (there / "router.yaml").write_text(json.dumps({**own, "include": sorted(files)}))
    old, new = load_file(here / "router.yaml"), load_file(there / "router.yaml")
    assert old.config is not None, [str(item) for item in old.diagnostics]
    assert new.config is not None, [str(item) for item in new.diagnostics]
    assert diff(old, new).changes == ()


@_SETTINGS
@given(data=litellm_files())
def test_litellms_form_and_the_native_file_are_no_difference(
    data: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What ``router convert`` writes means what LiteLLM's file meant."""
    directory: Path = tmp_path_factory.mktemp("litellm")
    (directory / "config.yaml").write_text(written(data), encoding="utf-8")
    made = convert(directory / "config.yaml")
    assume(made.text is not None)
    assert made.text is not None
    (directory / "router.yaml").write_text(made.text, encoding="utf-8")
    found = diff(load_file(directory / "config.yaml"), load_file(directory / "router.yaml"))
    assert found.changes == ()


# --- what does not

Edit = Callable[[Data, Data, str], None]
"""Makes of two equal configs two that differ in one thing, in the group that is named."""


def _group(**settings: tuple[Any, Any]) -> Edit:
    """A setting of the group: the old value and the new one; None: not written."""

    def edit(old: Data, new: Data, name: str) -> None:
        for key, values in settings.items():
            for data, value in zip((old, new), values, strict=True):
                data["models"][name].pop(key, None)
                if value is not None:
                    data["models"][name][key] = value

    return edit


def _target(**settings: tuple[Any, Any]) -> Edit:
    """The same of the group's last target, of which there are two, alike in all else."""

    def edit(old: Data, new: Data, name: str) -> None:
        for at, data in enumerate((old, new)):
            group = data["models"][name]
            group["strategy"] = "weighted"
            first = {"model": group["targets"][0]["model"]}
            provider = first["model"].partition("/")[0]
            values = {key: both[at] for key, both in settings.items() if both[at] is not None}
            group["targets"] = [first, {"model": f"{provider}/other/model", **values}]
            group.pop("require", None)

    return edit


def _provider(**settings: tuple[Any, Any]) -> Edit:
    """The same of a provider that the group uses."""

    def edit(old: Data, new: Data, name: str) -> None:
        for at, data in enumerate((old, new)):
            target = data["models"][name]["targets"][0]["model"]
            provider = data["providers"][target.partition("/")[0]]
            for key, both in settings.items():
                provider.pop(key, None)
                if both[at] is not None:
                    provider[key] = both[at]

    return edit


def _file(**settings: tuple[Any, Any]) -> Edit:
    """The same of the file's own keys."""

    def edit(old: Data, new: Data, _name: str) -> None:
        for key, values in settings.items():
            for data, value in zip((old, new), values, strict=True):
                data.pop(key, None)
                if value is not None:
                    data[key] = value

    return edit


def _new_group(old: Data, new: Data, name: str) -> None:
    new["models"]["quite-new"] = copy.deepcopy(old["models"][name] | {"aliases": []})


def _old_group(old: Data, new: Data, name: str) -> None:
    _new_group(new, old, name)


def _fallback(old: Data, new: Data, name: str) -> None:
    for data in (old, new):
        data["models"]["far"] = {"targets": ["far/away"], "tags": ["eu"]}
        data["providers"]["far"] = {"adapter": "openai", "base_url": "https://far.example"}
        data["models"][name].pop("worst_case", None)
    old["models"][name].pop("fallbacks", None)
    new["models"][name]["fallbacks"] = ["far"]


_CALLER = {"name": "bob", "key": "env:CALLER_KEY"}
EDITS: dict[str, tuple[Kind, str, Edit]] = {
    "a new group": (Kind.GROUP, "answered by", _new_group),
    "a group less": (Kind.GROUP, "answered by", _old_group),
    "an alias": (Kind.GROUP, "answered by", _group(aliases=(None, ["further"]))),
    "a target": (Kind.TARGET, "target", _group(
        targets=(["near/a"], ["near/a", "near/b"]), require=(None, None)
    )),
    "a window": (Kind.TARGET, "context_window", _target(context_window=(None, 900))),
    "a lack": (Kind.TARGET, "does not support", _target(supports=(None, {"tools": False}))),
    "a weight": (Kind.SHARE, "share", _target(weight=(1, 3))),
    "a tier": (Kind.SHARE, "share", _target(tier=(1, 2))),
    "a strategy": (Kind.SHARE, "strategy", _group(strategy=("fastest", "cheapest"))),
    "affinity": (Kind.SHARE, "affinity", _group(affinity=("user", None))),
    "a fallback": (Kind.FALLBACK, "on_error", _fallback),
    "a fallback's host": (Kind.DESTINATION, "may go to", _fallback),
    "a param": (Kind.PARAM, "top_k", _group(params=({"top_k": 3}, {"top_k": 4}))),
    "a param's type": (Kind.PARAM, "top_k", _group(params=({"top_k": 3}, {"top_k": 3.0}))),
    "force": (Kind.PARAM, "top_k", _group(params=({"top_k": 3}, None), force=(None, {"top_k": 3}))),
    "a bound": (Kind.PARAM, "top_k bounds", _group(bounds=({"top_k": {"max": 3}}, {"top_k": {"max": 4}}))),
    "a drop": (Kind.PARAM, "user", _group(drop=(False, ["user"]))),
    "unsupported": (Kind.PARAM, "unsupported", _group(unsupported=("error", "drop"))),
    "a host": (Kind.DESTINATION, "may go to", _provider(base_url=("https://a.example", "https://b.example"))),
    "a proxy": (Kind.DESTINATION, "may go to", _provider(proxy=(None, "http://proxy.example:3128"))),
    "tags": (Kind.DESTINATION, "may go to", _provider(tags=(["cheap"], ["cheap", "late"]))),
    "require": (Kind.DESTINATION, "require", _group(require=(["eu"], None))),
    "a timeout": (Kind.POLICY, "timeout", _group(timeout=("77s", "78s"))),
    "retries": (Kind.POLICY, "retries.max", _group(retries=(1, 2))),
    "silence": (Kind.POLICY, "stream.idle_timeout", _group(
        stream=({"idle_timeout": "9s"}, {"idle_timeout": "8s"})
    )),
    "ejection": (Kind.POLICY, "ejection", _group(ejection=(False, {"consecutive": 3}))),
    "a limit": (Kind.LIMIT, "limits.rpm", _group(limits=({"rpm": 70}, {"rpm": 71}))),
    "a target's limit": (Kind.LIMIT, "limits.tpm", _target(limits=({"tpm": 70}, {"tpm": 71}))),
    "a provider's limit": (Kind.LIMIT, "limits.rpm", _provider(limits=(None, {"rpm": 71}))),
    "a worst case": (Kind.WORST_CASE, "attempts", _group(
        retries=(0, 1),
        max_attempts=(9, 9),
        **dict.fromkeys(("fallbacks", "hedge", "worst_case"), (None, None)),
    )),
    "a promise": (Kind.WORST_CASE, "worst_case.max_attempts", _group(
        worst_case=({"max_attempts": 60}, {"max_attempts": 61})
    )),
    "a price": (Kind.COST, "price", _target(price=({"per_second": 1}, {"per_second": 2}))),
    "a cost": (Kind.COST, "cost of a usual request", _group(targets=(
        [{"model": "near/a", "price": {"per_second": 1}}], [{"model": "near/a", "price": {"per_second": 2}}]
    ), require=(None, None))),
    "a time to live": (Kind.CACHE, "cache.ttl", _group(cache=({"ttl": "70s"}, {"ttl": "71s"}))),
    "no cache": (Kind.CACHE, "cache", _group(cache=({"ttl": "70s"}, False))),
    "cache keys": (Kind.CACHE, "keys", _group(
        cache=({"ttl": "70s"}, {"ttl": "70s"}), params=({"top_k": 3}, {"top_k": 4})
    )),
    "a key": (Kind.PROVIDER, "api_keys", _provider(
        api_keys=(["env:FIRST_KEY"], ["env:THIRD_KEY"]), base_url=("https://a.example", "https://a.example")
    )),
    "a header": (Kind.PROVIDER, "headers.x-team", _provider(headers=(None, {"X-Team": "blue"}))),
    "a decision log": (Kind.LOG, "decision_log", _file(decision_log=(None, {"path": "d.jsonl"}))),
    "a file of decisions": (Kind.LOG, "decision_log.path", _file(
        decision_log=({"path": "d.jsonl"}, {"path": "e.jsonl"}))),
    "whole decisions": (Kind.LOG, "decision_log.decisions", _file(
        decision_log=({"path": "d.jsonl"}, {"path": "d.jsonl", "decisions": True}))),
    "a caller": (Kind.CALLER, "rights", _file(callers=(None, [_CALLER]))),
    "a right": (Kind.CALLER, "rights", _file(callers=([_CALLER], [{**_CALLER, "may": ["explain"]}]))),
    "a caller's key": (Kind.CALLER, "key", _file(callers=([_CALLER], [{**_CALLER, "key": "env:FIRST_KEY"}]))),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
@settings(_SETTINGS, max_examples=12)
@given(data=configs(), draw=st.data())
def test_each_real_change_is_shown_under_its_kind(name: str, data: Data, draw: st.DataObject) -> None:
    """A change of one thing, in any config, is there by its kind and name, and back again too."""
    kind, what, edit = EDITS[name]
    group = draw.draw(st.sampled_from([one for one in data["models"] if "*" not in one]))
    near = {"adapter": "openai", "base_url": "http://127.0.0.1:8081/v1"}
    data.setdefault("providers", {}).setdefault("near", near)
    old, new = copy.deepcopy(data), copy.deepcopy(data)
    edit(old, new, group)
    both = load(old), load(new)
    for loaded in both:
        assume(loaded.config is not None)  # Some promises and preconditions do not bear some changes.
    try:
        there, back = diff(*both), diff(*reversed(both))
    except ConfigError:
        assume(False)
    for found in (there, back):
        assert (kind, what) in {(change.kind, change.what) for change in found.changes}, found
    assert there.failing([kind]) or back.failing([kind])


@_SETTINGS
@given(data=configs(), other=configs(), draw=st.data())
def test_what_shows_no_difference_is_explained_alike(data: Data, other: Data, draw: st.DataObject) -> None:
    """Where nothing is shown, ``explain`` tells no difference either: shares, params, waits, worst cases."""
    new = copy.deepcopy(data)
    name = draw.draw(st.sampled_from([one for one in data["models"] if "*" not in one]))
    source = draw.draw(st.sampled_from([one for one in other["models"] if "*" not in one]))
    into, of = new["models"][name], other["models"][source]
    key = draw.draw(st.sampled_from(sorted({*into, *of} - {"targets", "fallbacks", "profile", "aliases"})))
    into.pop(key, None)
    if key in of:
        into[key] = of[key]
    old, changed = load(data), load(new)
    assume(changed.config is not None)
    try:
        found = diff(old, changed)
    except ConfigError:
        assume(False)
    said = [[told(one, asked) for asked in data["models"] if "*" not in asked] for one in (old, changed)]
    assert found.changes or said[0] == said[1]


def told(loaded: Loaded, name: str) -> Any:
    """What ``explain`` says of a request for *name*, but for places and the plan's digest."""
    engine = offline_engine(loaded.require(), locate=loaded.locate, environ={})
    ask = Ask(name, [{"role": "user", "content": "Hello!"}], {})
    return placeless(explained(engine, ask).to_dict()["decision"])


def placeless(value: Any) -> Any:
    """*value* without the places of its settings, and the key of its answer, with its own secret."""
    if isinstance(value, dict):
        return {name: placeless(item) for name, item in value.items() if name not in ("source", "key")}
    return [placeless(item) for item in value] if isinstance(value, list) else value

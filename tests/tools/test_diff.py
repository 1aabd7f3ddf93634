"""Comparing two configs by what they mean: what is shown, how it is put together, and how it reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router.config import load_text
from router.errors import ConfigError
from router.tools.diff import Change, Diff, Kind, diff
from router.tools.diff_text import markdown, render

PROVIDERS = """version: 1
providers:
  eu: {adapter: openai, base_url: https://eu.example/v1, tags: [eu]}
  us: {adapter: openai, base_url: https://us.example/v1, api_key: env:US_KEY}
"""


def found(old: str, new: str) -> Diff:
    """What becomes otherwise, after the same providers."""
    return diff(load_text(PROVIDERS + old, file="old"), load_text(PROVIDERS + new, file="new"))


def only(changes: Diff, kind: Kind) -> list[Change]:
    """The changes of one kind."""
    return [change for change in changes.changes if change.kind is kind]


def brief(changes: list[Change]) -> list[tuple[Any, ...]]:
    """Whom, what, old, new."""
    return [(change.asked, change.subjects, change.what, change.old, change.new) for change in changes]


# --- for whom, and where


def test_one_line_that_changes_many_things_is_one_change() -> None:
    """A param of the defaults: all groups, all targets, the line of each side."""
    models = "models: {a: {targets: [eu/x, eu/y]}, b: us/z}\n"
    changes = found(
        f"defaults: {{params: {{seed: 1}}}}\n{models}", f"\ndefaults: {{params: {{seed: 2}}}}\n{models}"
    )
    (change,) = changes.changes
    assert change.kind is Kind.PARAM
    assert brief([change]) == [(("a", "b"), ("eu/x", "eu/y", "us/z"), "seed", {"default": 1}, {"default": 2})]
    assert (change.old_at, change.new_at) == ("old:5", "new:6")


def test_a_travelling_force_is_told_for_the_groups_it_travels_to() -> None:
    """What the asked group forces changes what its fallbacks are sent, for its requests alone."""
    rest = "fallbacks: [spare]}, spare: us/z}\n"
    changes = found(
        f"models: {{a: {{targets: [eu/x], {rest}",
        f"models: {{a: {{targets: [eu/x], force: {{seed: 2}}, {rest}",
    )
    assert brief(only(changes, Kind.PARAM)) == [(("a",), ("eu/x", "us/z"), "seed", None, {"force": 2})]


def test_equal_shares_of_different_targets_are_different_changes() -> None:
    """Nothing was written in one place, so nothing is put together."""
    changes = found(
        "models: {a: {targets: [{model: eu/x, weight: 3}, us/y]}}\n", "models: {a: {targets: [eu/x, us/y]}}\n"
    )
    half = {"tier": 1, "share": 0.5}
    assert brief(list(changes.changes)) == [
        (("a",), ("eu/x",), "share", {"tier": 1, "share": 0.75}, half),
        (("a",), ("us/y",), "share", {"tier": 1, "share": 0.25}, half),
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "targets: [{model: eu/x, weight: 3}, eu/y]",
            "targets: [{model: eu/x, weight: 6}, {model: eu/y, weight: 2}]",
        ),
        (
            "targets: [{model: eu/x, tier: 2}, {model: eu/y, tier: 5}]",
            "targets: [eu/x, {model: eu/y, tier: 2}]",
        ),
        ("targets: [eu/x], drop: [user], params: {user: me}", "targets: [eu/x], drop: [user]"),
        ("targets: [eu/x], force: {seed: 1}, params: {seed: 3}", "targets: [eu/x], force: {seed: 1}"),
        ("targets: [eu/x], timeout: 5m", "targets: [eu/x], timeout: 300s"),
        ("targets: [eu/x], worst_case: {max_attempts: null}", "targets: [eu/x]"),
    ],
)
def test_what_has_no_effect_is_no_change(old: str, new: str) -> None:
    """Scaled weights, gaps between tiers, params that never go up, other words for the same time."""
    assert found(f"models: {{a: {{{old}}}}}\n", f"models: {{a: {{{new}}}}}\n").changes == ()


def test_a_provider_that_nobody_uses_is_no_change() -> None:
    """Its account may become anything."""
    old = load_text(PROVIDERS + "models: {a: eu/x}\n")
    new = load_text(PROVIDERS.replace("us.example", "ch.example") + "models: {a: eu/x}\n")
    assert diff(old, new).changes == ()


# --- groups


def test_a_name_that_gets_a_group_of_its_own() -> None:
    """What a wildcard answered before is compared with the group that answers now."""
    star = '"eu/*": eu/*'
    changes = found(
        f"models: {{{star}}}\n", f"models: {{{star}, eu/x: {{targets: [eu/x], params: {{seed: 1}}}}}}\n"
    )
    assert brief(only(changes, Kind.GROUP)) == [((), ("eu/x",), "answered by", "eu/*", "eu/x")]
    assert brief(only(changes, Kind.PARAM)) == [(("eu/x",), ("eu/x",), "seed", None, {"default": 1})]


def test_an_alias_that_moves() -> None:
    """The name, the group that answered to it, and the line of its aliases."""
    changes = found(
        "models:\n  a: {targets: [eu/x], aliases: [c]}\n  b: eu/y\n",
        "models:\n  a: eu/x\n  b: {targets: [eu/y], aliases: [c]}\n",
    )
    (change,) = changes.changes
    assert brief([change]) == [((), ("c",), "answered by", "a", "b")]
    assert (change.old_at, change.new_at) == ("old:6", "new:7")


def test_fallbacks_that_a_wildcard_serves() -> None:
    """They go by the model that they stand for."""
    star = '"eu/*": eu/*'
    changes = found(
        f"models: {{a: {{targets: [us/x], fallbacks: [eu/y]}}, {star}}}\n",
        f"models: {{a: {{targets: [us/x], fallbacks: [eu/z]}}, {star}}}\n",
    )
    assert brief(only(changes, Kind.FALLBACK)) == [
        (("a",), (), "on_error", ["eu/* as eu/y"], ["eu/* as eu/z"])
    ]


def test_targets_that_come_go_and_change_places() -> None:
    """Each by its id; a target that is there twice is counted."""
    changes = found(
        "models: {a: {targets: [eu/x, eu/y, eu/z]}}\n", "models: {a: {targets: [eu/y, eu/x, us/w]}}\n"
    )
    assert [one[2:] for one in brief(only(changes, Kind.TARGET))] == [
        ("target", "eu/z", None),
        ("target", None, "us/w"),
        ("order of targets", ["eu/x", "eu/y"], ["eu/y", "eu/x"]),
    ]


# --- destinations, and what eases


def test_destinations_of_a_new_group_and_of_an_old_one() -> None:
    """A new group's count where nothing went before; a fallback's count for each group."""
    changes = found("models: {a: eu/x}\n", "models: {a: eu/x, b: {targets: [us/y], fallbacks: [a]}}\n")
    (change,) = only(changes, Kind.DESTINATION)
    assert brief([change]) == [
        (("b",), ("us",), "may go to", None, {"provider": "us", "host": "https://us.example", "tags": []})
    ]
    (back,) = only(
        found("models: {a: eu/x, b: {targets: [us/y], fallbacks: [a]}}\n", "models: {a: eu/x}\n"),
        Kind.DESTINATION,
    )
    assert (change.eases, back.eases) == (False, True)


def test_what_is_required_is_no_destination_otherwise() -> None:
    """A target without the required tags gets nothing: no share, no data."""
    both = "targets: [eu/x, us/y]"
    changes = found(f"models: {{a: {{{both}, require: [eu]}}}}\n", f"models: {{a: {{{both}}}}}\n")
    assert [(one.what, one.subjects) for one in only(changes, Kind.DESTINATION)] == [
        ("may go to", ("us",)),
        ("require", ()),
    ]
    assert brief(only(changes, Kind.SHARE))[1][3:] == (None, {"tier": 1, "share": 0.5})


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        (Kind.WORST_CASE, "a: {targets: [eu/x], retries: 3}", "a: {targets: [eu/x], retries: 1}"),
        (
            Kind.COST,
            "a: {targets: [{model: eu/x, price: {per_second: 2}}]}",
            "a: {targets: [{model: eu/x, price: {per_second: 1}}]}",
        ),
        (Kind.DESTINATION, "a: {targets: [eu/x, us/y]}", "a: {targets: [eu/x]}"),
        (Kind.DESTINATION, "a: {targets: [eu/x]}", "a: {targets: [eu/x], require: [eu]}"),
    ],
)
def test_what_eases_is_shown_and_allowed(kind: Kind, old: str, new: str) -> None:
    """Less of what may not grow passes; the way back does not."""
    there, back = (
        found(f"models: {{{old}}}\n", f"models: {{{new}}}\n"),
        found(f"models: {{{new}}}\n", f"models: {{{old}}}\n"),
    )
    assert only(there, kind)
    assert not there.failing([kind])
    assert back.failing([kind])


def test_rights_that_shrink_ease() -> None:
    """Fewer groups, fewer rights, no caller at all; a caller with another set of groups is no less."""
    models = "models: {a: eu/x, b: eu/y}\ncallers: [{name: alice, key: env:K"
    most, some = f"{models}, may: [explain]}}]\n", f"{models}, groups: [a]}}]\n"
    other = f"{models}, groups: [b]}}]\n"
    assert [
        found(*two).failing([Kind.CALLER]) != () for two in ((most, some), (some, most), (some, other))
    ] == [
        False,
        True,
        True,
    ]


def test_a_share_is_told_with_the_lines_of_its_target() -> None:
    """The weight where it is written, else the target."""
    config = "models:\n  a:\n    targets:\n      - {{model: eu/x,\n         weight: {}}}\n      - eu/y\n"
    changes = only(found(config.format(1), "# moved\n" + config.format(3)), Kind.SHARE)
    assert [(change.subjects, change.old_at, change.new_at) for change in changes] == [
        (("eu/x",), "old:9", "new:10"),
        (("eu/y",), "old:10", "new:11"),
    ]


def test_an_alias_among_a_callers_groups_is_its_group() -> None:
    """Another name of the same group allows the same."""
    models = "models: {{a: {{targets: [eu/x], aliases: [b]}}}}\n"
    config = models + "callers: [{{name: alice, key: env:K, groups: [{}]}}]\n"
    assert not found(config.format("a"), config.format("b")).changes


def test_unpriced_is_no_less() -> None:
    """A cost without a bound is above any other."""
    priced = "models: {a: {targets: [{model: eu/x, price: {per_second: 2}}], stream: {timeout: 1m}}}\n"
    free = "models: {a: {targets: [eu/x], stream: {timeout: 1m}}}\n"
    assert {one.what for one in found(priced, free).failing([Kind.COST])} == {
        "price",
        "worst cost",
        "cost of a usual request",
    }
    assert not found(free, priced).failing([Kind.COST])


def test_shares_decide_the_usual_cost() -> None:
    """A dearer target with more of the traffic costs more; by need it is not known beforehand."""
    dear = "{{model: us/y, price: {{per_second: 3}}}}"
    cheap = "{{model: eu/x, weight: {}, price: {{per_second: 1}}}}"
    text = f"models: {{{{a: {{{{strategy: {{}}, targets: [{cheap}, {dear}]}}}}}}}}\n"
    (change,) = only(found(text.format("weighted", 1), text.format("weighted", 3)), Kind.COST)
    assert (change.old, change.new, change.eases) == (20.0, 15.0, True)
    (change,) = only(found(text.format("weighted", 1), text.format("fastest", 1)), Kind.COST)
    assert (change.old, change.new) == (20.0, None)


# --- secrets and files


def test_secrets_stand_as_references() -> None:
    """LiteLLM's literal keys are compared, never shown; a digest of a caller's key is shown in part."""
    text = "model_list: [{{model_name: a, litellm_params: {{model: bytez/a/b, api_key: canary-{}}}}}]\n"
    changes = diff(load_text(text.format(1)), load_text(text.format(2)))
    (change,) = changes.changes
    assert (change.what, change.old, change.new) == ("api_keys", ["*** (old)"], ["*** (new)"])
    assert "canary" not in render(changes) + markdown(changes) + json.dumps(changes.to_dict()) + repr(changes)
    callers = "models: {{a: eu/x}}\ncallers: [{{name: al, key: 'sha256:{}'}}]\n"
    (change,) = found(callers.format("a" * 64), callers.format("b" * 64)).changes
    assert (change.old, change.new) == ("sha256:aaaaaa…", "sha256:bbbbbb…")


def test_no_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL that is a reference is its own host; BYTEZ_BASE_URL changes nothing."""
    monkeypatch.setenv("US_URL", "https://canary.example")
    monkeypatch.setenv("BYTEZ_BASE_URL", "https://canary.example")
    text = "version: 1\nproviders: {{us: {{adapter: openai, base_url: env:{}}}}}\n"
    text += "models: {{a: us/x, b: bytez/a/b}}\n"
    changes = diff(load_text(text.format("US_URL")), load_text(text.format("CH_URL")))
    assert "canary" not in json.dumps(changes.to_dict())
    assert {one.kind for one in changes.changes} == {Kind.DESTINATION, Kind.PROVIDER}


def test_a_config_with_errors_is_none_to_compare() -> None:
    """On either side; also one that only its plan shows."""
    with pytest.raises(ConfigError, match="worst_case"):
        found("models: {a: eu/x}\nworst_case: {max_attempts: 1}\n", "models: {a: eu/x}\n")
    with pytest.raises(ConfigError):
        found("models: {a: eu/x}\n", "models: {a: nobody/x}\n")


def test_what_is_switched_is_told_once() -> None:
    """Ejection, hedging and caches that come or go: not each of their settings with its default."""
    on = "hedge: {after: 2s}, ejection: {consecutive: 3}, cache: {ttl: 1m}"
    off = "hedge: false, ejection: false, cache: false"
    both = "a: {targets: [eu/x, eu/y]"
    changes = found(f"models: {{{both}, {off}}}}}\n", f"models: {{{both}, {on}}}}}\n")
    switched = [(one.what, one.old, one.new) for one in changes.changes if one.kind is not Kind.WORST_CASE]
    assert switched == [("ejection", "never", "on"), ("hedge", "never", "on"), ("cache", "never", "on")]
    changes = found(
        f"models: {{{both}, hedge: {{after: 2s}}, cache: {{ttl: 1m}}, limits: {{rpm: 1}}}}}}\n",
        f"models: {{{both}, hedge: {{after: p95, max: 1}}, cache: {{ttl: 2m}}}}}}\n",
    )
    assert [(one.what, one.old, one.new, one.old_at, one.new_at) for one in changes.changes] == [
        ("hedge.after", "2s", "p95", "old:5", "new:5"),
        ("limits.rpm", 1, None, "old:5", ""),
        ("limits.max_wait", 5.0, None, "old:5", ""),
        ("cache.ttl", 60.0, 120.0, "old:5", "new:5"),
    ]


def test_limits_of_targets_and_providers() -> None:
    """Each by its name, with the lines."""
    text = "models: {{a: {{targets: [{{model: eu/x, limits: {{concurrency: {}}}}}]}}}}\n"
    (change,) = found(text.format(3), text.format("adaptive")).changes
    assert brief([change]) == [(("a",), ("eu/x",), "limits.concurrency", 3, "adaptive")]
    limited = PROVIDERS.replace("tags: [eu]", "tags: [eu], limits: {rpm: 6}") + "models: {a: eu/x}\n"
    changes = diff(load_text(limited), load_text(limited.replace("rpm: 6", "rpm: 7")))
    assert brief(list(changes.changes)) == [((), ("eu",), "limits.rpm", 6, 7)]


# --- what is written to disk


def test_a_log_that_begins_or_ends() -> None:
    """Names of callers, tags and models then go to disk: one change, at the line that says so."""
    models = "models: {a: eu/x}\n"
    log = {"path": "d.jsonl", "max_size": 100 * 1024**2, "keep": 5, "decisions": False}
    (change,) = found(models, f"{models}decision_log: {{path: d.jsonl}}\n").changes
    assert (change.kind, change.what, change.old, change.new) == (Kind.LOG, "decision_log", None, log)
    assert (change.old_at, change.new_at, change.eases) == ("", "new:6", False)
    (change,) = found(f"{models}decision_log: {{path: d.jsonl}}\n", models).changes
    assert (change.old, change.new, change.eases) == (log, None, True)


@pytest.mark.parametrize(
    ("key", "less", "more"),
    [("decisions", "false", "true"), ("keep", "2", "9"), ("max_size", "1MiB", "2MiB")],
)
def test_a_log_that_holds_more(key: str, less: str, more: str) -> None:
    """Each key is a change of its own, with both lines; only what is more may not pass."""
    text = "models: {{a: eu/x}}\ndecision_log:\n  path: d.jsonl\n  {}: {}\n"
    grown = found(text.format(key, less), text.format(key, more))
    (change,) = grown.failing([Kind.LOG])
    assert (change.what, change.old_at, change.new_at) == (f"decision_log.{key}", "old:8", "new:8")
    shrunk = found(text.format(key, more), text.format(key, less))
    assert len(shrunk.changes) == 1
    assert shrunk.failing([Kind.LOG]) == ()


def test_a_log_elsewhere() -> None:
    """Another file is a change; what is built in, written out, is none."""
    text = "models: {{a: eu/x}}\ndecision_log: {{path: {}}}\n"
    (change,) = found(text.format("d.jsonl"), text.format("/var/log/d.jsonl")).changes
    assert (change.what, change.old, change.new) == ("decision_log.path", "d.jsonl", "/var/log/d.jsonl")
    assert not change.eases
    assert found(text.format("d.jsonl"), text.format("d.jsonl, keep: 5, max_size: 100MiB")).changes == ()

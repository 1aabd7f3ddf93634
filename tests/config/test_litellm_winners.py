"""Two keys of a LiteLLM file that say the same thing: one is used, and the other's finding says it is not."""

from __future__ import annotations

import pytest

from router.config import load_text
from tests.config.litellm_entries import HEAD, deployment, native

PAIRS = [
    ("router_settings.fallbacks", "[{m: [n]}]", "litellm_settings.fallbacks", "[{n: [m]}]"),
    ("router_settings.default_fallbacks", "[n]", "litellm_settings.default_fallbacks", "[m]"),
    *(
        (f"router_settings.{key}", "[{m: [n]}]", f"litellm_settings.{key}", "[{n: [m]}]")
        for key in ("context_window_fallbacks", "content_policy_fallbacks")
    ),
    ("router_settings.num_retries", "3", "litellm_settings.num_retries", "1"),
    ("router_settings.num_retries", "3", "litellm_settings.num_retries", "3"),
    ("router_settings.allowed_fails", "3", "litellm_settings.allowed_fails", "1"),
    ("litellm_settings.request_timeout", "600", "router_settings.timeout", "60"),
    (
        "router_settings.timeout", "60", "router_settings.default_litellm_params",
        "{timeout: 7, temperature: 1}",
    ),
    (
        "router_settings.stream_timeout", "6", "router_settings.default_litellm_params",
        "{stream_timeout: 7, temperature: 1}",
    ),
    (
        "router_settings.allowed_fails_policy", "{TimeoutErrorAllowedFails: 4}",
        "router_settings.allowed_fails", "1",
    ),
    (
        "router_settings.allowed_fails_policy", "{TimeoutErrorAllowedFails: 4}",
        "litellm_settings.allowed_fails", "1",
    ),
    ("router_settings.disable_cooldowns", "true", "router_settings.cooldown_time", "20"),
    ("router_settings.disable_cooldowns", "true", "litellm_settings.allowed_fails", "1"),
    ("router_settings.default_max_parallel_requests", "2", "general_settings.max_parallel_requests", "3"),
]  # fmt: skip
HERE = {"router_settings.allowed_fails_policy", "router_settings.default_max_parallel_requests"}
HEADS = HEAD + deployment() + deployment(name="n")


def _text(*said: tuple[str, str]) -> str:
    """A file that says all of it, in this order."""
    made = HEADS
    sections: dict[str, list[str]] = {}
    for path, value in said:
        section, _, key = path.partition(".")
        sections.setdefault(section, []).append(f"{key}: {value}")
    for section, keys in sections.items():
        made += f"{section}:\n" + "".join(f"  {key}\n" for key in keys)
    return made


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("winner", "held", "loser", "lost"), PAIRS)
def test_of_two_keys_one_is_said_to_be_used(
    winner: str, held: str, loser: str, lost: str, *, first: bool
) -> None:
    """The loser has a warning at its own place that names the winner; that one has its own finding."""
    said = [(winner, held), (loser, lost)]
    text = _text(*(said if first else said[::-1]))
    path = loser
    if loser.endswith("default_litellm_params"):
        path = f"{loser}.{lost[1:].partition(':')[0]}"
    loaded = load_text(text)
    assert loaded.conversion is not None
    found = {item.path: item for item in loaded.conversion.findings}
    assert (found[winner].status, bool(found[winner].native)) == ("approximate", True)
    whose = "of no effect here" if winner in HERE else "of no effect, as in LiteLLM"
    assert (found[path].status, found[path].native) == ("manual", "")
    assert found[path].note == f"{whose}: `{winner}` wins"
    (warning,) = [item for item in loaded.diagnostics if item.code == "litellm-manual"]
    section, _, key = loser.partition(".")
    lines = text.splitlines()
    line = lines.index(f"  {key}: {lost}", lines.index(f"{section}:")) + 1
    assert (warning.path, warning.severity, warning.line) == (path, "warning", line)
    without = _text(said[0], *([(loser, "{temperature: 1}")] if path != loser else []))
    assert native(text) == native(without)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (("router_settings.fallbacks", "[]"), ("litellm_settings.fallbacks", "[{n: [m]}]")),
        (("router_settings.default_fallbacks", "[]"), ("litellm_settings.default_fallbacks", "[m]")),
        (("router_settings.num_retries", "null"), ("litellm_settings.num_retries", "1")),
        (("litellm_settings.request_timeout", "0"), ("router_settings.timeout", "60")),
        (("router_settings.num_retries", "os.environ/N"), ("litellm_settings.num_retries", "1")),
        (("router_settings.allowed_fails_policy", "{}"), ("router_settings.allowed_fails", "1")),
        (("router_settings.disable_cooldowns", "false"), ("router_settings.allowed_fails", "1")),
    ],
)
def test_what_says_nothing_wins_over_nothing(winner: tuple[str, str], loser: tuple[str, str]) -> None:
    """LiteLLM takes empty, null and 0 for not written, and then the other key holds."""
    text = _text(winner, loser)
    loaded = load_text(text)
    assert loaded.conversion is not None
    used = {item.path for item in loaded.conversion.findings if item.status == "approximate"}
    assert loser[0] in used
    assert native(text) == native(_text(loser))
    assert not [item for item in loaded.conversion.findings if item.note.startswith("of no effect")]


def test_a_group_has_one_affinity() -> None:
    """Of two checks that keep requests on a target the second is said to have no effect."""
    checks = "[session_affinity, deployment_affinity]"
    loaded = load_text(_text(("router_settings.optional_pre_call_checks", checks)))
    assert loaded.conversion is not None
    path = "router_settings.optional_pre_call_checks"
    found = {item.path: item for item in loaded.conversion.findings}
    assert found[f"{path}[0]"].native == "affinity: header:x-litellm-session-id"
    assert (found[f"{path}[1]"].status, found[f"{path}[1]"].native) == ("manual", "")
    assert found[f"{path}[1]"].note == f"of no effect here: `{path}[0]` wins"


@pytest.mark.parametrize(
    ("settings", "paths"),
    [
        ("fallbacks: [{n: [nope]}], default_fallbacks: [zip]", ["fallbacks.n", "default_fallbacks"]),
        ("fallbacks: [{gone: [n]}]", ["fallbacks.gone"]),
        ("context_window_fallbacks: [{n: [nope]}]", ["context_window_fallbacks.n"]),
        ('content_policy_fallbacks: [{"*": [nope]}]', ["content_policy_fallbacks.*"]),
    ],
)
@pytest.mark.parametrize("section", ["router_settings", "litellm_settings"])
def test_a_list_is_named_by_its_own_section(section: str, settings: str, paths: list[str]) -> None:
    """What is wrong in a list of fallbacks is said of the section where it stands."""
    loaded = load_text(f"{HEADS}{section}: {{{settings}}}\n")
    found = [item.path for item in loaded.diagnostics if item.code == "unknown-group"]
    assert found == [f"{section}.{path}" for path in paths]


def test_default_fallbacks_of_one_section_beside_a_star_of_the_other() -> None:
    """The star that loses is named where it stands, with what wins over it."""
    text = _text(("litellm_settings.fallbacks", '[{"*": [n]}]'), ("router_settings.default_fallbacks", "[m]"))
    (found,) = [item for item in load_text(text).diagnostics if item.code == "litellm-manual"]
    assert found.path == "litellm_settings.fallbacks.*"

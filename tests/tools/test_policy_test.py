"""Running tests of a policy: what passes, what fails, where and with what words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from router.config import load_text
from router.config.tests_file import load_tests
from router.errors import ConfigError
from router.tools.expect import may_fit
from router.tools.policy_test import run_tests
from router.tools.policy_test_text import render
from router.tools.text import Paint

if TYPE_CHECKING:
    from pathlib import Path

    from router.tools.policy_test import TestReport

POLICY = """version: 1
providers:
  a: {adapter: openai, base_url: "http://127.0.0.1:1/v1", api_key: env:NOT_SET}
  b: {adapter: openai, base_url: "http://127.0.0.1:1/v1"}
models:
  chat:
    targets: [{model: a/x, weight: 2, tags: [eu]}, {model: a/y, context_window: 100}, {model: b/z, tier: 2}]
    params: {temperature: 0.5}
    bounds: {max_tokens: {max: 50}}
    drop: [user]
    fallbacks: [spare]
  spare: {targets: [b/spare], retries: 0}
  lone: {targets: [a/x], retries: {max: 1, max_wait: 5s}, timeout: 20s}
  sticky: {targets: [b/1, b/2, b/3, b/4], affinity: "header:x-user"}
  mine: {targets: [b/1, b/2, b/3, b/4], affinity: caller}
  short: {targets: [{model: a/x, context_window: 1000}]}
  goes-on:
    targets: [{model: b/1, supports: {prefill: true}}, {model: b/2, supports: {prefill: true}}]
    stream: {on_break: continue}
  held: {targets: [b/1], retries: 0, stream: {on_break: buffer, first_chunk_timeout: 1s}}
  whole: {targets: [bytez/c/d], retries: 0, stream: {on_break: buffer, first_chunk_timeout: 1s}}
tests:
"""
PAUSE = "outcomes: {a/x: [{status: 429, retry_after: 2s}, ok]}"
SILENT = "outcomes: {a/x: timeout}"
BREAK = "outcomes: {b/1: {fails: connection, content_after: 1s}}"
BREAKS = "outcomes: {a/x: {fails: connection, content_after: 1s}}"
RESERVED = "may not be set by a caller; it belongs in the config file"
WRONG = "{max_tokens: 90, temperature: null, n: 1}"
PARAMS = "{max_tokens: 50, user: null, n: null, temperature: 0.5}"


def _run(*tests: str, policy: str = POLICY) -> TestReport:
    """The report on tests that begin at line 23, one a line."""
    return run_tests(load_text(policy + "".join(f"  - {test}\n" for test in tests), file="r.yaml"))


def _findings(test: str, policy: str = POLICY) -> list[tuple[str, str, str]]:
    (result,) = _run(f"{{name: t, {test}}}", policy=policy).results
    return [(item.what, item.expected, item.actual) for item in result.findings]


@pytest.mark.parametrize(
    "test",
    [
        "request: {model: chat}",
        "request: {model: chat}, expect: {target: a/x, attempts: 1, seconds: 1s}",
        "request: {model: chat}, expect: {target: [a/y, a/x]}",
        "request: {model: chat}, outcomes: {a/x: 503}, expect: {attempts: [a/x, a/y], max_attempts: 2}",
        "request: {model: chat}, outcomes: {a/x: 503, a/y: connection}, expect: {target: b/z}",
        "request: {model: chat}, outcomes: {a/x: 401}, expect: {attempts: [a/x, b/z]}",
        "request: {model: chat}, given: {a/x: ejected}, expect: {target: a/y}",
        "request: {model: chat}, given: {a: ejected 20s}, expect: {target: b/z}",
        "request: {model: lone}, given: {a/x: cooling 3s}, expect: {target: a/x, seconds: 3s}",
        "request: {model: lone}, given: {a/x: cooling 9s}, expect: {error: rate_limit_exceeded, attempts: 0}",
        "request: {model: lone}, given: {a/x: ejected}, expect: {target: a/x}",
        f"request: {{model: lone}}, given: {{a/x: failing}}, {PAUSE}, expect: {{attempts: 2, seconds: 2s}}",
        "request: {model: lone}, outcomes: {a/x: timeout}, expect: {error: timeout, seconds: 20s}",
        f"request: {{model: lone}}, timeout: 2s, {SILENT}, expect: {{error: timeout, seconds: 2s}}",
        f"request: {{model: lone, stream: true}}, {BREAKS}, expect: {{error: stream_interrupted}}",
        f"request: {{model: chat, max_tokens: 90, user: u}}, expect: {{params: {PARAMS}}}",
        f"request: {{model: goes-on, stream: true}}, {BREAK}, expect: {{attempts: [b/1, b/2]}}",
        f"request: {{model: goes-on, stream: true, n: 2}}, {BREAK}, expect: {{error: stream_interrupted}}",
        "request: {model: held, stream: true}, outcomes: {b/1: {after: 3s}}, expect: {error: timeout}",
        "request: {model: whole, stream: true}, outcomes: {bytez/c/d: {after: 3s}}, expect: {attempts: 1}",
        "request: {model: chat}, tags: [eu], expect: {stays_within: [eu]}",
        "request: {model: chat}, tags: [mars], expect: {error: invalid_request}",
        "request: {model: nothing}, expect: {error: model_not_found}",
        "request: {model: chat}, expect: {never: ['b/*', b/spare]}",
        "request: {model: short}, tokens: 5000, expect: {error: context_length_exceeded}",
        "request: {model: short, messages: [{role: user, content: hi}]}, expect: {target: a/x}",
        "request: {model: lone, input: [text]}, expect: {target: a/x}",
    ],
)
def test_what_holds_passes(test: str) -> None:
    """One example of each key, and of each way in which the core can go."""
    assert _findings(test) == []


@pytest.mark.parametrize(
    ("test", "findings"),
    [
        (
            "request: {model: chat}, expect: {target: b/z}",
            [("target", "b/z", "a/x")],
        ),
        (
            "request: {model: lone}, outcomes: {a/x: 400}, expect: {target: [a/x, b/z]}",
            [("outcome", "an answer", "error bad_request"), ("target", "a/x or b/z", "no answer")],
        ),
        ("request: {model: chat}, expect: {attempts: 2}", [("attempts", "2", "1")]),
        ("request: {model: chat}, expect: {attempts: []}", [("attempts", "none", "a/x")]),
        (
            "request: {model: chat}, outcomes: {a/x: 503}, expect: {attempts: [a/x, b/z], max_attempts: 1}",
            [("attempts", "a/x, b/z", "a/x, a/y"), ("max_attempts", "at most 1 attempt", "2")],
        ),
        ("request: {model: chat}, expect: {error: timeout}", [("error", "timeout", "an answer")]),
        (
            "request: {model: lone}, outcomes: {a/x: 400}, expect: {error: timeout}",
            [("error", "timeout", "bad_request")],
        ),
        (
            "request: {model: lone}, outcomes: {a/x: {after: 3s}}, expect: {seconds: 2s}",
            [("seconds", "at most 2s", "3s")],
        ),
        (
            f"request: {{model: chat, max_tokens: 90}}, expect: {{params: {WRONG}}}",
            [
                ("params.max_tokens", "90", "50 (r.yaml:9)"),
                ("params.temperature", "it does not go up", "0.5 (r.yaml:8)"),
                ("params.n", "1", "it does not go up"),
            ],
        ),
        (
            "request: {model: chat, logprobs: true}, expect: {params: {logprobs: 1}}",
            [("params.logprobs", "1", "true (request)")],
        ),
        (
            f"request: {{model: chat, stop: {'s' * 99}}}, expect: {{params: {{stop: x}}}}",
            [("params.stop", '"x"', '"' + "s" * 58 + "… (request)")],
        ),
        (
            "request: {model: chat}, expect: {never: ['*/spare', 'a/*'], stays_within: [eu, us]}",
            [("never.1", "never a/*", "a/x was asked"), ("stays_within.1", "only us", "a/x was asked")],
        ),
        (
            "request: {model: chat}, tags: [mars], expect: {params: {n: 1}}",
            [
                (
                    "outcome",
                    "an answer",
                    "error invalid_request (no target that could serve 'chat' has the tag 'mars')",
                ),
                ("params.n", "1", "no attempt"),
            ],
        ),
        (
            "request: {model: chut}, expect: {error: timeout}",
            [("error", "timeout", "model_not_found (no model group is named 'chut'; did you mean 'chat'?)")],
        ),
        (
            "request: {model: chat, timeout: 3}",
            [
                (
                    "outcome",
                    "an answer",
                    f"error invalid_request (timeout {RESERVED})",
                )
            ],
        ),
        (
            "request: {model: lone}, given: {a/y: ejected, b: ejected}, outcomes: {b/z: ok}",
            [
                ("given.a/y", "a/y", "the chain has a/x"),
                ("given.b", "b", "the chain has a/x"),
                ("outcomes.b/z", "b/z", "the chain has a/x"),
            ],
        ),
    ],
)
def test_what_does_not_hold_is_a_finding(test: str, findings: list[tuple[str, str, str]]) -> None:
    """Each with what is written and what came of it."""
    assert _findings(test) == findings


@pytest.mark.parametrize(
    ("never", "index", "actual"),
    [
        (["b/*", "a/zz"], 1, "no target of the config is so named"),
        (["a/x", "b/spair"], 1, "no target of the config is so named; did you mean `b/spare`?"),
        (["bb/*"], 0, "no target of the config is so named; did you mean `b/*`?"),
    ],
)
def test_a_never_that_holds_whatever_happens_fails(never: list[str], index: int, actual: str) -> None:
    """A name that nobody has shows nothing: it is an error in its place, also where a request is refused."""
    for asked in ("lone", "nobody-is-named-so"):
        found = _findings(f"request: {{model: {asked}}}, expect: {{error: model_not_found, never: {never}}}")
        assert found == [(f"never.{index}", f"never {never[index]}", actual)]


KEEPING = """models:
  kept: {targets: [a/x], retries: 0, cache: {stale_if_error: 1m}, fallbacks: [spare]}
  cold: {targets: [a/x], retries: 0, timeout: 20s, cache: {when: deterministic, stale_if_error: 5s}}
"""
FAILS = "expect: {cache: bypass, error: upstream_server_error}"
BROKEN = "outcomes: {a/x: 503, b/spare: 503}"


@pytest.mark.parametrize(
    "test",
    [
        "request: {model: kept}, kept: fresh, expect: {cache: hit, target: a/x, attempts: 0}",
        "request: {model: kept, stream: true}, kept: fresh, expect: {cache: hit}",
        f"request: {{model: kept}}, kept: fresh, {BROKEN}, expect: {{cache: hit}}",
        "request: {model: kept}, expect: {cache: miss, attempts: 1}",
        "request: {model: kept}, kept: stale, expect: {cache: miss, attempts: 1}",
        f"request: {{model: kept}}, kept: stale, {BROKEN}, expect: {{cache: stale, attempts: 2}}",
        "request: {model: kept}, kept: stale, outcomes: {a/x: 400}, expect: {error: bad_request}",
        f"request: {{model: kept}}, {BROKEN}, expect: {{cache: miss, error: upstream_server_error}}",
        "request: {model: kept}, cache: off, kept: fresh, expect: {cache: bypass, attempts: 1}",
        "request: {model: kept}, cache: refresh, kept: fresh, expect: {cache: bypass, attempts: 1}",
        f"request: {{model: kept}}, cache: refresh, kept: stale, {BROKEN}, {FAILS}",
        "request: {model: kept, n: 2}, kept: fresh, expect: {cache: bypass}",
        "request: {model: cold}, kept: fresh, expect: {cache: bypass}",
        "request: {model: cold, temperature: 0}, kept: fresh, expect: {cache: hit}",
        "request: {model: cold, seed: 1}, kept: stale, outcomes: {a/x: 503}, expect: {cache: stale}",
        "request: {model: cold, seed: 1}, kept: stale, outcomes: {a/x: timeout}, expect: {error: timeout}",
        "request: {model: lone}, kept: fresh, expect: {cache: none, attempts: 1}",
        "request: {model: kept}, kept: fresh, tags: [mars], expect: {error: invalid_request, cache: bypass}",
    ],
)
def test_what_is_kept_comes_before_the_chain(test: str) -> None:
    """Hits, stale answers as long as they last, and requests that have nothing to do with either."""
    assert _findings(test, POLICY.replace("models:\n", KEEPING)) == []


@pytest.mark.parametrize(
    ("test", "actual"),
    [
        ("request: {model: kept}, expect: {cache: hit}", "miss"),
        ("request: {model: kept, n: 2}, expect: {cache: hit}", "bypass (it asks for several answers)"),
        ("request: {model: lone}, expect: {cache: hit}", "none"),
        ("request: {model: lone}, expect: {cache: bypass}", "none"),
    ],
)
def test_what_is_said_of_kept_answers_is_a_finding(test: str, actual: str) -> None:
    """With the reason why nobody looked."""
    ((what, _, found),) = _findings(test, POLICY.replace("models:\n", KEEPING))
    assert (what, found) == ("cache", actual)


def test_a_malformed_request_says_nothing_of_kept_answers() -> None:
    """There is nothing to hold against what is expected."""
    test = "request: {model: chut}, kept: fresh, expect: {error: model_not_found, cache: hit}"
    assert _findings(test) == [("cache", "hit", "nothing: the request is malformed")]


def test_affinity_has_its_key() -> None:
    """The same caller, or header, goes to the same target; others go elsewhere."""
    callers = ("u", "u", *"abcdefgh")
    for key, model in (("caller: {}", "mine"), ("headers: {{X-User: {}}}", "sticky")):
        tests = [f"{{name: t, request: {{model: {model}}}, {key.format(who)}}}" for who in callers]
        asked = [result.attempts[0].target for result in _run(*tests).results]
        assert asked[0] == asked[1]
        assert len(set(asked)) > 1


def test_each_test_begins_anew() -> None:
    """No test sees the health or the turns that another left behind."""
    test = "{name: t, request: {model: chat}, outcomes: {a/x: 503}, expect: {attempts: [a/x, a/y]}}"
    assert _run(*[test] * 20).ok


def test_findings_have_their_lines() -> None:
    """The line of the key that does not hold; of the test where nothing is expected."""
    report = _run(
        "{name: good, request: {model: chat}}",
        "name: bad\n    request: {model: chat}\n    expect:\n      attempts: 2\n      target: b/z",
        "{name: silent, request: {model: chut}}",
    )
    places = [[(item.line, item.column) for item in result.findings] for result in report.results]
    assert places == [[], [(28, 15), (27, 17)], [(29, 5)]]
    assert [(result.line, result.column) for result in report.results] == [(23, 5), (24, 5), (29, 5)]
    assert {result.file for result in report.results} == {"r.yaml"}


def test_files_add_tests(tmp_path: Path) -> None:
    """They are run against the config, after its own; their findings have their own places."""
    path = tmp_path / "tests.yaml"
    path.write_text("version: 1\ntests:\n- {name: other, request: {model: chat}, expect: {attempts: 2}}\n")
    loaded = load_text(POLICY + "  - {name: own, request: {model: chat}}\n")
    report = run_tests(loaded, [load_tests(path)])
    assert [(result.name, result.ok) for result in report.results] == [("own", True), ("other", False)]
    assert (report.results[1].findings[0].file, report.results[1].findings[0].line) == (str(path), 3)


def test_a_broken_config_is_an_error() -> None:
    """Its tests are not run."""
    with pytest.raises(ConfigError):
        run_tests(load_text("version: 1\nmodels: {m: nowhere/x}\n"))


def test_json_is_the_whole_report() -> None:
    """With attempts, outcome and findings of each test."""
    report = _run("{name: t, request: {model: chat}, expect: {attempts: [a/y]}}")
    data = json.loads(json.dumps(report.to_dict()))
    (test,) = data["tests"]
    assert (data["ok"], test["ok"], test["outcome"], test["expected"]) == (False, False, "ok", ["a/y"])
    assert (test["attempts"][0]["target"], test["findings"][0]["actual"]) == ("a/x", "a/x")


def test_failures_show_both_routes_side_by_side() -> None:
    """Places that can be clicked, then the routes, an attempt a row; tests that pass are one line each."""
    report = _run(
        "{name: passes, request: {model: chat}}",
        f"{{name: fails, request: {{model: lone}}, {PAUSE}, expect: {{attempts: [a/x]}}}}",
        "{name: says no route, request: {model: chat}, expect: {target: b/z}}",
        "{name: unusable, request: {model: chat}, outcomes: {x/y: ok}}",
    )
    assert render(report).splitlines() == [
        "ok    passes  1 attempt, 0s",
        "FAIL  fails  r.yaml:24:5",
        "      r.yaml:24:117: attempts",
        "        expected  a/x",
        "        actual    a/x, a/x",
        "",
        "        expected route   actual route",
        "        1. a/x           1. a/x: rate_limited after 0s",
        "                         2. a/x: ok after 0s, waited 2s",
        "                         ok, 2s in all",
        "",
        "FAIL  says no route  r.yaml:25:5",
        "      r.yaml:25:68: target",
        "        expected  b/z",
        "        actual    a/x",
        "",
        "        actual route",
        "        1. a/x: ok after 0s",
        "        ok, 0s in all",
        "",
        "FAIL  unusable  r.yaml:26:5",
        "      r.yaml:26:62: outcomes.x/y",
        "        expected  x/y",
        "        actual    the chain has a/x, a/y, b/spare, b/z",
        "",
        "        actual route",
        "        not run, 0s in all",
        "",
        "3 failed, 1 passed",
    ]


def test_all_is_well_in_a_word() -> None:
    """The summary names failures only where there are any; colours are around words."""
    report = _run("{name: passes, request: {model: chat}}")
    assert render(report).endswith("\n1 passed")
    assert "\x1b[32mok\x1b[0m" in render(report, paint=Paint(on=True))


@pytest.mark.parametrize(
    ("target", "pattern", "may"),
    [
        ("a/x", "a/*", True),
        ("a/x", "*x", True),
        ("a/x", "b/*", False),
        ("a/x", "a/x", True),
        ("bytez/*", "bytez/org/model", True),
        ("bytez/*", "bytez/paid/*", True),
        ("bytez/paid/*", "bytez/*", True),
        ("bytez/*", "byetz/*", False),
        ("bytez/*", "byetz/a/b", False),
        ("bytez/*-it", "*-instruct", False),
        ("bytez/*-it", "*-4b-it", True),
    ],
)
def test_which_patterns_may_name_a_wildcards_target(target: str, pattern: str, may: bool) -> None:
    """Of a target that stands for many models it is enough that one of them could be meant."""
    assert may_fit(target, pattern) is may

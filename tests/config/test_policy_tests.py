"""Tests of a policy, as they are written: what is accepted, and where a mistake is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from router import Router
from router.config import RouterConfig, load_text
from router.config.outcomes import OutcomeConfig
from router.config.policy_tests import State
from router.config.schema import text_of
from router.config.tests_file import load_tests, main, schema
from router.core.failure import Failure, FailureClass
from router.errors import ConfigError
from router.outcomes import reply_of
from router.virtual import Reply

SCHEMA = Path(__file__).parents[2] / "schemas" / "tests.schema.json"
POLICY = "version: 1\nmodels: {m: bytez/a/b}\n"
FULL = """
- name: all keys
  request: {model: m, messages: hi, stream: true, max_tokens: 5, own: {x: 1}}
  caller: alice
  tags: [eu]
  timeout: 5s
  headers: {x-user: u}
  tokens: 9
  given: {bytez/a/b: cooling 1s, bytez: ejected 20s}
  outcomes:
    bytez/a/b: [ok, 503, timeout, {status: 429, retry_after: 2s, code: x, after: 1s}, {content_after: 1s}]
    bytez/c/d: 500
  expect:
    target: bytez/a/b
    attempts: [bytez/a/b]
    params: {max_tokens: 5, user: null}
    error: timeout
    max_attempts: 2
    seconds: 5s
    never: [x/*]
    stays_within: [eu]
- {name: little, request: {model: m}, expect: {target: [a/b, c/d], attempts: 0}}
"""


def _config(tests: str) -> str:
    return POLICY + "tests:" + "\n  ".join(f"\n{tests.strip()}".splitlines()) + "\n"


def _findings(tests: str) -> list[str]:
    return [f"{item.line}:{item.path}: {item.message}" for item in load_text(_config(tests)).diagnostics]


def test_every_key_is_accepted_and_survives() -> None:
    """Written, read, dumped and read again it is the same; and a router opens on it."""
    config = load_text(_config(FULL)).require()
    assert config.tests is not None
    full, little = config.tests
    assert full.request.params == {"max_tokens": 5, "own": {"x": 1}}
    assert full.given == {"bytez/a/b": State("cooling", 1.0), "bytez": State("ejected", 20.0)}
    assert full.expect is not None
    assert (full.expect.target, full.expect.attempts) == (("bytez/a/b",), ("bytez/a/b",))
    assert little.expect is not None
    assert little.expect.attempts == 0
    dumped = config.model_dump(exclude_unset=True)
    assert RouterConfig(**dumped) == config
    assert RouterConfig(**json.loads(config.model_dump_json(exclude_unset=True))) == config


def test_tests_do_not_change_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are no part of what decides."""
    monkeypatch.setenv("BYTEZ_API_KEY", "any")
    with Router.from_yaml(POLICY) as bare, Router.from_yaml(_config(FULL)) as tested:
        assert tested.plan == bare.plan


@pytest.mark.parametrize(
    ("test", "finding"),
    [
        ("- {request: {model: m}}", "4:tests[0]: `name` is missing"),
        ("- {name: a}", "4:tests[0]: `request` is missing"),
        ("- {name: a, request: {}}", "4:tests[0].request: `model` is missing"),
        ("- {name: a, reqest: {model: m}}", "4:tests[0].reqest: unknown key"),
        ("- {name: a, request: {model: m}, given: {x/y: sick}}", 'given."x/y": is no state of a target'),
        ("- {name: a, request: {model: m}, given: {x/y: cooling}}", 'given."x/y": is no state of a target'),
        (
            "- {name: a, request: {model: m}, given: {x/y: failing 2s}}",
            'given."x/y": is no state of a target',
        ),
        ("- {name: a, request: {model: m}, given: {x/y: ejected 2}}", 'given."x/y": must be a duration'),
        ("- {name: a, request: {model: m}, outcomes: {x/y: []}}", "must hold at least one outcome"),
        ("- {name: a, request: {model: m}, outcomes: {x/y: [broken]}}", '"x/y"[0]: is no outcome'),
        ("- {name: a, request: {model: m}, outcomes: {x/y: [cancelled]}}", "is no outcome"),
        ("- {name: a, request: {model: m}, outcomes: {x/y: [200]}}", "must be at least 300"),
        ("- {name: a, request: {model: m}, outcomes: {x/y: [{fails: nothing}]}}", "is no failure class"),
        (
            "- {name: a, request: {model: m}, outcomes: {x/y: [{status: 500, fails: timeout}]}}",
            "`status` and `fails` say the same",
        ),
        ("- {name: a, request: {model: m}, outcomes: {x/y: [{code: x}]}}", "`code` goes with `status`"),
        ("- {name: a, request: {model: m}, outcomes: {x/y: [{retry_after: 1s}]}}", "only a failure asks"),
        (
            "- {name: a, request: {model: m}, outcomes: {x/y: [{content_after: 2s, after: 1s}]}}",
            "must not be later",
        ),
        ("- {name: a, request: {model: m}, expect: {attempts: two}}", "must be a number of attempts"),
        ("- {name: a, request: {model: m}, expect: {attempts: -1}}", "must be a number of attempts"),
        ("- {name: a, request: {model: m}, expect: {seconds: 5}}", "a duration needs its unit"),
    ],
)
def test_a_mistake_is_found_at_its_line(test: str, finding: str) -> None:
    """In the words of every other finding."""
    (found,) = _findings(test)
    assert found.startswith("4:tests[0]")
    assert finding in found


@pytest.mark.parametrize(
    ("written", "reply"),
    [
        ("ok", Reply()),
        ({}, Reply()),
        (503, Reply(Failure(FailureClass.SERVER_ERROR, 503))),
        ({"status": 503, "retry_after": "1.5s"}, Reply(Failure(FailureClass.OVERLOADED, 503, 1.5))),
        ({"status": 429, "code": "insufficient_quota"}, Reply(Failure(FailureClass.PAYMENT, 429))),
        ("connection", Reply(Failure(FailureClass.CONNECTION))),
        ({"fails": "overloaded", "retry_after": "2s"}, Reply(Failure(FailureClass.OVERLOADED, None, 2.0))),
        ("timeout", Reply(None, float("inf"), stalls=True)),
        ({"fails": "timeout", "content_after": "1s"}, Reply(None, float("inf"), 1.0, stalls=True)),
        ({"fails": "timeout", "after": "1s"}, Reply(Failure(FailureClass.TIMEOUT), 1.0)),
        (408, Reply(Failure(FailureClass.TIMEOUT, 408))),
        ({"content_after": "1s"}, Reply(None, 1.0, 1.0)),
        ({"content_after": "1s", "after": "2s", "tokens": 9}, Reply(None, 2.0, 1.0, 9)),
    ],
)
def test_what_an_outcome_means(written: Any, reply: Reply) -> None:
    """A status is read as from a live upstream; a timeout is silence."""
    assert reply_of(OutcomeConfig.model_validate(written)) == reply


# --- files


def test_a_file_of_tests(tmp_path: Path) -> None:
    """It has a version and tests, and knows its lines."""
    path = tmp_path / "tests.yaml"
    path.write_text(f"version: 1\ntests:\n{FULL}")
    found = load_tests(path)
    assert [test.name for test in found.tests] == ["all keys", "little"]
    assert found.locate(("tests", 1, "expect", "attempts")).line == 24


@pytest.mark.parametrize(
    ("text", "code"),
    [("tests: []", "bad-version"), ("version: 1", "missing-key"), ("version: 1\ntests: {}", "wrong-type")],
)
def test_a_file_that_is_no_file_of_tests(tmp_path: Path, text: str, code: str) -> None:
    """Every finding has its place and its code."""
    path = tmp_path / "tests.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_tests(path)
    assert [str(item).partition("[")[2].partition("]")[0] for item in caught.value.diagnostics] == [code]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is an error like any other."""
    with pytest.raises(ConfigError, match="cannot read"):
        load_tests(tmp_path / "missing.yaml")


def test_the_schema_file_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`make schema` was run after the last change."""
    assert SCHEMA.read_text(encoding="utf-8") == text_of(schema())
    main()
    assert json.loads(capsys.readouterr().out) == schema()


def test_the_schema_agrees() -> None:
    """It accepts what is accepted, and each key's examples."""
    Draft202012Validator.check_schema(schema())
    validator = Draft202012Validator(schema())
    assert list(validator.iter_errors(yaml.safe_load(f"version: 1\ntests:\n{FULL}"))) == []
    assert not validator.is_valid({"version": 1, "tests": [{"name": "a"}]})
    for definition in (schema(), *schema()["$defs"].values()):
        body = definition if "properties" in definition else definition["anyOf"][-1]
        for key, value in body["properties"].items():
            own = validator.evolve(schema={**value, "$defs": schema()["$defs"]})
            assert [own.is_valid(example) for example in value["examples"]] == [True], key


def test_a_misspelt_model_of_a_request_in_a_file_of_tests(tmp_path: Path) -> None:
    """A request takes any key as a param, so its `model` is missed at the key that is there in its place."""
    path = tmp_path / "tests.yaml"
    path.write_text("version: 1\ntests:\n  - name: x\n    request: {modle: m}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_tests(path)
    assert str(caught.value).startswith(
        f"{path}:4:15: error[missing-key] tests[0].request: `model` is missing"
    )

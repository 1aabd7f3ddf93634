"""Scenario files of simulations: what is wrong with them, their schema, and their bounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from router.config import reader
from router.config.diagnostics import Diagnostics
from router.config.nodes import plain
from router.config.schema import text_of
from router.config.source import parse
from router.errors import ConfigError
from router.tools.simulate import load_scenario
from router.tools.simulate import scenario as module
from router.tools.simulate.schema import main, schema
from tests.tools.simulate.files import CONFIG, scenario, simulated

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "examples" / "simulate" / "outage.yaml"
OK = "{'*': {latency: 1s}}"


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "1:1: error[file-empty] there is no config in it"),
        ("{}", "error[bad-version] version: `version` is missing"),
        ("version: 1", "error[missing-key] `duration` is missing (hint: add it, such as `duration: 10m`)"),
        (scenario(OK, duration="60"), "2:11: error[missing-unit] duration: a duration needs its unit"),
        (scenario(OK, arrivals="{}"), "arrivals: must have exactly one of `constant`, `poisson` and `trace`"),
        (scenario(OK, arrivals="{poisson: 1, constant: 1}"), "must have exactly one of"),
        (
            scenario(OK, arrivals="{poison: 5}"),
            "arrivals.poison: unknown key (hint: did you mean `poisson`?)",
        ),
        (scenario(OK, arrivals="{trace: a.csv, bursts: {every: 2s, lasts: 1s, rate: 1}}"), "no `bursts`"),
        (scenario(OK, arrivals="{poisson: 1, bursts: {every: 1s, lasts: 1s, rate: 1}}"), "must be shorter"),
        (scenario(OK, more="requests: []\n"), "requests: must have at least 1 item"),
        (scenario(OK, more="requests: [{model: m, share: 0}]\n"), "requests[0].share: must be more than 0"),
        (scenario("{a b: {latency: 1s}}"), 'targets."a b": must be `provider/model`, with at most one `*`'),
        (scenario("{'*': {}}"), "5:11: error[missing-key] targets.*: `latency` is missing"),
        (scenario("{'*': {latency: 5}}"), "a duration needs its unit"),
        (scenario("{'*': {latency: {p95: 2s}}}"), "must be one duration, `{p50: …, p95: …}` or a list"),
        (scenario("{'*': {latency: {p50: 2s, p95: 1s}}}"), "`p95` must not be less than `p50`"),
        (scenario("{'*': {latency: []}}"), "must be one duration"),
        (scenario("{'*': {latency: [1s, 2]}}"), "targets.*.latency[1]: a duration needs its unit"),
        (
            scenario("{'*': {latency: 1s, failures: [{fails: 302}]}}"),
            "failures[0].fails: must be an HTTP status from 400 to 599, a failure class, `hang` or `cut`",
        ),
        (scenario("{'*': {latency: 1s, failures: [{fails: hangs}]}}"), "did you mean `hang`?"),
        (scenario("{'*': {latency: 1s, failures: [{fails: cancelled}]}}"), "must be an HTTP status"),
        (scenario("{'*': {latency: 1s, failures: [{fails: 500, share: 1.5}]}}"), "must be at most 1"),
        (
            scenario("{'*': {latency: 1s, failures: [{fails: 401, retry_after: 1s}]}}"),
            "`retry_after` counts only with `rate_limited`, `overloaded` and `server_error`",
        ),
        (scenario("{'*': {latency: 1s, failures: [{fails: hang, after: 1s}]}}"), "`after` is of no use here"),
        (
            scenario("{'*': {latency: 1s, outages: [{since: 2s, until: 1s, fails: 500}]}}"),
            "`until` must be later than `since`",
        ),
        (
            scenario("{'*': {latency: 1s, outages: [{since: 1s, until: 2s}]}}"),
            "must have either `fails` or `slower`",
        ),
        (scenario("{'*': {latency: 1s, capacity: {concurrent: 0}}}"), "concurrent: must be at least 1"),
        (scenario("{'*': {latency: 1s, capacity: {concurrent: 1, when_full: 500}}}"), "when_full"),
        (scenario(OK, more="expect: [success]\n"), "must be a metric, one of `>=`, `<=`, `>` and `<`"),
        (scenario(OK, more="expect: ['p98 <= 1s']\n"), "there is no metric `p98` (hint: there are `success`"),
        (
            scenario(OK, more="expect: ['sucess > 1%']\n"),
            "`sucess` (hint: did you mean `success`?)",
        ),
        (scenario(OK, more="expect: ['p99 <= 8']\n"), "expect[0]: "),
        (
            scenario(OK, more="expect: ['success >= 99']\n"),
            "`99` is no value of `success` (hint: write such as",
        ),
        (scenario(OK, more="expect: ['share >= 9%']\n"), "`share` needs a target in brackets"),
        (scenario(OK, more="expect: ['cost <= x']\n"), "`x` is no value of `cost`"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, finding: str) -> None:
    """Each has file, line, key, and what to write instead, as in a config."""
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        load_scenario(path)
    told = [str(item) for item in error.value.diagnostics]
    assert any(finding in item for item in told), told
    assert all(item.startswith(f"{path}:") and "(hint: " in item for item in told), told


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (scenario(OK, more="requests: [{model: n}]\n"), "requests[0].model: no model group is named 'n'"),
        (
            scenario(OK, more="requests: [{model: m, params: {api_key: x}}]\n"),
            "requests[0].params.api_key: ",
        ),
        (scenario(OK, more="requests: [{model: m, tags: [eu]}]\n"), "requests[0].model: "),
        (
            scenario("{bytez/a/x: {latency: 1s}}"),
            "scenario.yaml:5:1: error[missing-key] targets: nothing is said of `bytez/a/y`, which ",
        ),
        (scenario(OK, more="expect: ['p50(n) > 1s']\n"), "comes to a model `n` (hint: there are `m`)"),
        (
            scenario(OK, duration="24h", arrivals="{poisson: 100}"),
            "arrivals: this comes to 8,640,000 requests, and at most 5,000,000 are simulated",
        ),
    ],
)
def test_mistakes_beside_a_config(tmp_path: Path, text: str, finding: str) -> None:
    """What does not fit the config is found before anything is simulated."""
    with pytest.raises(ConfigError) as error:
        simulated(tmp_path, text)
    told = [str(item) for item in error.value.diagnostics]
    assert any(finding in item for item in told), told
    assert all("(hint: " in item for item in told), told


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            scenario("{'*': {latency: 1s}, bytez/a/z: {latency: 1s}}"),
            '5:31: warning[bad-value] targets."bytez/a/z": no request of the scenario comes to such a target',
        ),
        (
            scenario(OK, more="expect: ['share(bytez/a/xx) < 1%']\n"),
            "comes to a target `bytez/a/xx` (hint: did you mean `bytez/a/x`?)",
        ),
    ],
)
def test_what_may_be_a_slip_is_a_warning(tmp_path: Path, text: str, finding: str) -> None:
    """Another config may well have the target: one scenario serves many."""
    made = simulated(tmp_path, text)
    assert [finding in str(item) for item in made.warnings] == [True]
    assert made.ok
    assert made.to_dict()["warnings"][0]["severity"] == "warning"


def test_a_wrong_config_is_told_as_ever(tmp_path: Path) -> None:
    """Its findings are those of `router check`."""
    with pytest.raises(ConfigError, match="unknown key"):
        simulated(tmp_path, scenario(OK), CONFIG + "modles: {}\n")


def test_a_status_in_quotes(tmp_path: Path) -> None:
    """As the emulator's scenarios have it; and a scenario can be written out again."""
    path = tmp_path / "s.yaml"
    path.write_text(
        scenario(
            "{'*': {latency: 1s, failures: [{fails: '503'}, {fails: hang}]}}", more="expect: [p50 < 2s]\n"
        )
    )
    written = load_scenario(path).config.model_dump(exclude_unset=True)
    assert [rule["fails"] for rule in written["targets"]["*"]["failures"]] == [503, "hang"]
    assert written["expect"] == ("p50 < 2s",)


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, values and rules are bounded."""
    path = tmp_path / "s.yaml"
    path.write_text(scenario("{'*': {latency: 1s, failures: [" + "{fails: 500}," * 101 + "]}}"))
    with pytest.raises(ConfigError, match="must have at most 100 items"):
        load_scenario(path)
    monkeypatch.setattr(module, "LIMITS", reader.Limits(size=10))
    with pytest.raises(ConfigError, match="larger than"):
        load_scenario(path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_scenario(tmp_path / "none.yaml")


def test_the_schema_file_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`make schema` was run after the last change."""
    written = (ROOT / "schemas" / "simulate.schema.json").read_text(encoding="utf-8")
    assert written == text_of(schema())
    main()
    assert json.loads(capsys.readouterr().out) == schema()


def test_the_schema_agrees() -> None:
    """It takes the example and every key's examples, describes each key, and refuses a typo."""
    Draft202012Validator.check_schema(schema())
    validator = Draft202012Validator(schema())
    root = parse(EXAMPLE.read_text(encoding="utf-8"), "f", reader.NORMAL, Diagnostics())
    assert root is not None
    data = plain(root)
    validator.validate(data)
    assert list(validator.iter_errors({**data, "sed": 1}))
    assert list(validator.iter_errors({**data, "targets": {"a/b": {"latency": 5}}}))
    for definition in (schema(), *schema()["$defs"].values()):
        assert definition["description"]
        body = definition if "properties" in definition else definition["anyOf"][-1]
        for key, value in body["properties"].items():
            assert {"title", "description", "examples"} <= value.keys(), key
            own = validator.evolve(schema={**value, "$defs": schema()["$defs"]})
            for example in value["examples"]:
                assert not list(own.iter_errors(example)), key


def test_the_docs_show_what_is_right(tmp_path: Path) -> None:
    """The scenario of docs/simulate.md loads, and its picture is there and not too large."""
    page = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
    (block,) = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    (tmp_path / "s.yaml").write_text(block)
    assert len(load_scenario(tmp_path / "s.yaml").expectations) == 2
    assert 10_000 < (ROOT / "docs" / "images" / "simulate.png").stat().st_size < 300_000


def test_a_caller_who_may_not_ask(tmp_path: Path) -> None:
    """Requests that the gateway refuses are a finding, as those of a model that there is not."""
    callers = "callers: [{name: alice, key: env:K, groups: [n]}]\n"
    config = "version: 1\nmodels: {m: bytez/a/x, n: bytez/a/y}\n" + callers
    told = scenario("{'*': {latency: 1s}}", more="requests: [{model: m, caller: alice}]\n")
    with pytest.raises(ConfigError, match="the caller 'alice' may ask n, and not 'm'"):
        simulated(tmp_path, told, config)

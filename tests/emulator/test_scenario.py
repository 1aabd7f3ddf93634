"""Scenario files: what they say, what they do, and what is wrong with them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2 as httpx
import pytest
from jsonschema import Draft202012Validator

from router.cli import main
from router.config import reader
from router.config.diagnostics import Diagnostics
from router.config.nodes import plain
from router.config.schema import text_of
from router.config.source import parse
from router.emulator import scenario as module
from router.emulator import switch as switch_module
from router.emulator.faults import SERVER_ERROR, Canned, Delay
from router.emulator.scenario import Scenario, load_scenario, schema
from router.emulator.serve import EmulatorServer
from router.emulator.settings import Settings
from router.emulator.switch import FaultSwitch
from router.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "faults" / "scenario.yaml"
MODEL = "google/gemma-3-4b-it"


@pytest.fixture
def load(tmp_path: Path) -> Callable[[str], Scenario]:
    def load(text: str) -> Scenario:
        path = tmp_path / "s.yaml"
        path.write_text(text, encoding="utf-8")
        return load_scenario(path)

    return load


def one(rule: str, *, seed: int = 0) -> str:
    """A scenario with one rule for one model."""
    return f"version: 1\nseed: {seed}\nmodels:\n  {MODEL}:\n    faults:\n      - {rule}\n"


def failing(scenario: Scenario, calls: int, model: str = MODEL) -> list[int]:
    """Which of the first *calls* meet a fault."""
    return [call for call in range(1, calls + 1) if scenario.fault(model, call, 0.0) is not None]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ('{fault: "503"}', [1, 2, 3, 4, 5, 6, 7, 8]),
        ('{fault: "503", times: 2}', [1, 2]),
        ('{fault: "503", after: 3}', [4, 5, 6, 7, 8]),
        ('{fault: "503", after: 3, times: 2}', [4, 5]),
        ('{fault: "503", every: 3}', [1, 4, 7]),
        ('{fault: "503", after: 1, every: 2, times: 3}', [2, 4, 6]),
        ('{fault: "503", share: 0}', []),
        ('{fault: "503", share: 1}', [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_rules_count_calls(load: Callable[[str], Scenario], rule: str, expected: list[int]) -> None:
    """after skips, every thins, times ends; a share of nought is nothing, of one everything."""
    assert failing(load(one(rule)), 8) == expected


def test_rules_know_the_time(load: Callable[[str], Scenario]) -> None:
    """since is in, until is out."""
    scenario = load(one('{fault: "503", since: 10s, until: 1m}'))
    met = [at for at in (0.0, 9.9, 10.0, 59.9, 60.0) if scenario.fault(MODEL, 1, at)]
    assert met == [10.0, 59.9]


def test_shares_are_drawn_by_the_seed(load: Callable[[str], Scenario]) -> None:
    """About the share fails, the same calls each time, others with another seed or for another model."""
    text = 'version: 1\nseed: {}\nmodels: {{"*": {{faults: [{{fault: "503", share: 0.3}}]}}}}\n'
    scenario = load(text.format(1))
    drawn = failing(scenario, 2_000)
    assert 500 < len(drawn) < 700
    assert failing(load(text.format(1)), 2_000) == drawn
    assert failing(load(text.format(2)), 2_000) != drawn
    assert failing(scenario, 2_000, "other/model") != drawn


def test_the_first_rule_that_matches_is_taken(load: Callable[[str], Scenario]) -> None:
    """A later rule gets what an earlier one leaves."""
    scenario = load(one('{fault: "503", times: 1}\n      - {fault: hang, times: 2}'))
    assert [scenario.fault(MODEL, call, 0.0) for call in (1, 2, 3)] == ["503", "hang", None]


def test_ids_come_before_patterns(load: Callable[[str], Scenario]) -> None:
    """Then the longest pattern; what it says is not united with shorter ones."""
    scenario = load(
        'version: 1\nmodels: {"*": {shape: bare}, google/*: {shape: string},'
        ' "*-it": {profile: container}, google/gemma: {shape: blocks}}\n'
    )
    shapes = {}
    for model_id in ("google/gemma", "google/other", "org/x-it", "org/x"):
        told = scenario.model(model_id)
        assert told is not None
        shapes[model_id] = (told.shape, told.profile)
    assert shapes == {
        "google/gemma": ("blocks", None),
        "google/other": ("string", None),
        "org/x-it": (None, "container"),
        "org/x": ("bare", None),
    }


def test_model_of_which_nothing_is_said(load: Callable[[str], Scenario]) -> None:
    """It is as without a scenario; an empty map of models is one too."""
    scenario = load("version: 1\nmodels: {}\n")
    assert scenario.model(MODEL) is None
    assert scenario.fault(MODEL, 1, 0.0) is None


def test_switch_follows_the_scenario(load: Callable[[str], Scenario]) -> None:
    """Calls are counted by model and time from the start; `fail` goes before, `heal` counts anew."""
    now = [5.0]
    text = one('{fault: "503", times: 1}\n      - {fault: slow-20ms, since: 10s}')
    switch = FaultSwitch(load(text), lambda: now[0])
    first = switch.next(MODEL)
    assert isinstance(first, Canned)
    assert first.status == 503
    assert switch.next(MODEL) is None
    now[0] = 15.0
    assert switch.next(MODEL) == Delay(0.02)
    switch.fail(MODEL, "fails-1-then-works")
    assert [switch.next(MODEL), switch.next(MODEL)] == [SERVER_ERROR, None]
    switch.heal(MODEL)
    again = switch.next(MODEL)
    assert isinstance(again, Canned)
    assert again.status == 503


def test_counts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of too many models the one unasked for longest is counted anew."""
    monkeypatch.setattr(switch_module, "MAX_COUNTED", 2)
    switch = FaultSwitch()
    for model_id in ("a/a", "b/b", "a/a", "c/c"):
        switch.next(model_id)
    assert list(switch._calls.items()) == [("a/a", 2), ("c/c", 1)]


def test_cold_start_by_name() -> None:
    """The first call is slow, the others are not."""
    switch = FaultSwitch()
    assert [switch.next("faulty/cold-start-250ms") for _ in range(3)] == [Delay(0.25), None, None]


def test_the_example_does_what_it_says() -> None:
    """examples/faults/scenario.yaml, over sockets."""
    settings = Settings(scenario=load_scenario(EXAMPLE))
    ask: dict[str, Any] = {"input": "Hi"}
    with (
        EmulatorServer(settings) as server,
        httpx.Client(base_url=f"{server.base_url}/models/v2/", headers={"authorization": "Key k"}) as client,
    ):
        statuses = [client.post(MODEL, json=ask).status_code for _ in range(5)]
        assert statuses == [503, 503, 200, 200, 200]
        with (
            client.stream("POST", MODEL, json={**ask, "stream": True}) as cut,
            pytest.raises(httpx.RemoteProtocolError),
        ):
            cut.read()
        assert client.post(MODEL, json={**ask, "stream": True}).status_code == 200
        first = client.post("Qwen/Qwen3-4B", json=ask)
        assert isinstance(first.json()["output"]["content"], str)
        assert first.elapsed.total_seconds() >= 0.2
        answers = [client.post("Qwen/Qwen3-4B", json=ask) for _ in range(40)]
        limited = [answer for answer in answers if answer.status_code == 429]
        assert 2 < len(limited) < 18
        assert {answer.headers["retry-after"] for answer in limited} == {"1"}
        chat = {"model": "container/x", "messages": [{"role": "user", "content": "Hi"}]}
        assert "stop_reason" in client.post("openai/v1/chat/completions", json=chat).json()
        assert client.get("list/models").json() == {"error": None, "output": []}


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("", "1:1: error[file-empty] there is no config in it"),
        ("models: {}", "1:1: error[bad-version] version: `version` is missing (hint: write `version: 1`)"),
        ("version: 2\nmodels: {}", "1:10: error[bad-version] version: the only version is 1"),
        ("version: 1", "1:1: error[missing-key] `models` is missing"),
        ("version: 1\nmodels: []", "2:9: error[wrong-type] models: must be a map, not a list"),
        (
            "version: 1\nmodel: {}",
            "2:1: error[unknown-key] model: unknown key (hint: did you mean `models`?)",
        ),
        (
            "version: 1\nmodels: {}\nretries: 2",
            "retries: unknown key (hint: the keys here are `version`, `seed`, `models`)",
        ),
        ("version: 1\nseed: -1\nmodels: {}", "2:7: error[bad-value] seed: must be at least 0"),
        (
            'version: 1\nmodels: {"*/*": {}}',
            '2:17: error[bad-value] models."*/*": must be a model id, with at most one `*`',
        ),
        (
            "version: 1\nmodels: {gemma 3: {}}",
            '2:19: error[bad-value] models."gemma 3": must be a model id, with at most one `*`',
        ),
        ("version: 1\nmodels: {gemma: {}}", "2:17: error[bad-value] models.gemma: must be a model id"),
        (
            "version: 1\nmodels:\n  a/b: {fault: []}",
            '3:9: error[unknown-key] models."a/b".fault: unknown key (hint: did you mean `faults`?)',
        ),
        (
            "version: 1\nmodels:\n  a/b: {cold_start: 20}",
            '3:21: error[missing-unit] models."a/b".cold_start: a duration needs its unit (hint: write `20s`',
        ),
        (
            "version: 1\nmodels:\n  a/b: {shape: strin}",
            "or `bare` or `generated-text`, not `strin` (hint: did you mean `string`?)",
        ),
        (
            one("{times: 1}"),
            '6:9: error[missing-key] models."google/gemma-3-4b-it".faults[0]: `fault` is missing',
        ),
        (one('{fault: "504", time: 1}'), "unknown key (hint: did you mean `times`?)"),
        (one("{fault: 503}"), 'a fault is text (hint: put it into quotes, such as `"503"`)'),
        (one("{fault: stream-cutt}"), "there is no fault of this name (hint: did you mean 'stream-cut'?"),
        (one("{fault: slow-999999999ms}"), "in the fault slow-Nms N is at most 600000"),
        (one('{fault: "503", share: 1.5}'), "faults[0].share: must be at most 1"),
        (one('{fault: "503", every: 0}'), "faults[0].every: must be at least 1"),
        (one('{fault: "503", since: 2s, until: 1s}'), "`until` must be later than `since`"),
    ],
)
def test_mistakes(load: Callable[[str], Scenario], text: str, finding: str) -> None:
    """Each has file, line, key, and what to write instead, as in a config."""
    with pytest.raises(ConfigError) as error:
        load(text)
    told = [str(item) for item in error.value.diagnostics]
    assert any(finding in item for item in told), told
    assert all("(hint: " in item for item in told)


def test_bounds(tmp_path: Path, load: Callable[[str], Scenario], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes, values, models and rules are bounded, and the hint does not speak of options it lacks."""
    path = tmp_path / "large.yaml"
    path.write_text("#" * (reader.MIB + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load_scenario(path)
    with pytest.raises(ConfigError) as error:
        load("version: 1\nmodels: {a/b: {faults: [" + "x," * 50_001 + "]}}\n")
    assert "more than 50,000 values (hint: shorten it)" in str(error.value.diagnostics[0])
    with pytest.raises(ConfigError, match="must have at most 100 items"):
        load(one("\n      - ".join(['{fault: "503"}'] * 101)))
    monkeypatch.setattr(module, "LIMITS", reader.Limits(size=10))
    with pytest.raises(ConfigError, match="larger than"):
        load("version: 1\nmodels: {}\n")


def test_unreadable_file(tmp_path: Path) -> None:
    """A file that is not there is a finding too."""
    with pytest.raises(ConfigError, match="cannot read"):
        load_scenario(tmp_path / "none.yaml")


def test_the_schema_file_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    """`make schema` was run after the last change."""
    written = (ROOT / "schemas" / "emulator.schema.json").read_text(encoding="utf-8")
    assert written == text_of(schema())
    module.main()
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
    assert list(validator.iter_errors({**data, "models": {"a/b": {"fault": "503"}}}))
    for definition in (schema(), *schema()["$defs"].values()):
        assert definition["description"]
        for key, value in definition["properties"].items():
            assert {"title", "description", "examples"} <= value.keys(), key
            own = validator.evolve(schema={**value, "$defs": schema()["$defs"]})
            for example in value["examples"]:
                assert not list(own.iter_errors(example))


def test_the_scenario_of_the_docs_loads(load: Callable[[str], Scenario]) -> None:
    """docs/emulator.md prints one that is right."""
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    (block,) = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    scenario = load(block)
    assert failing(scenario, 4) == [1, 2]
    assert scenario.fault(MODEL, 9, 60.0) == "hang"


def test_the_docs_name_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    """docs/emulator.md says something of each option of the command."""
    page = (ROOT / "docs" / "emulator.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["emulate", "--help"])
    options = set(re.findall(r"^ +(--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert len(options) > 15
    assert {option for option in options if option not in page} <= {"--host", "--port", "--json", "--faults"}

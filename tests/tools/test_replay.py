"""Replaying decision logs: what is taken from the log, what is supposed, and what is said of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from router.cli.main import main
from router.config import load_text
from router.telemetry.logged import LoggedAsk, LoggedAttempt, LoggedMessage, LoggedRequest
from router.tools.decision_log import BadLog, Line, Log, read_logs, schema_text
from router.tools.replay import Kind, ReplayReport, replay
from router.tools.replay_text import render
from tests.config.test_policy_tests import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PROVIDERS = """
version: 1
providers:
  a: {adapter: openai, base_url: "http://127.0.0.1:1/v1"}
  b: {adapter: openai, base_url: "http://127.0.0.1:1/v1"}
models:
"""
_A_THEN_B = _PROVIDERS + "  g: {targets: [a/x, {model: b/x, tier: 2}], retries: 1}\n"
_B_ALONE = _PROVIDERS + "  g: {targets: [b/x], retries: 0}\n"


def _attempt(
    target: str, outcome: str = "ok", at: float = 0.0, seconds: float = 1.0, **more: Any
) -> LoggedAttempt:
    return LoggedAttempt(1, "g", target, outcome, at, seconds, **more)


def _request(
    *attempts: LoggedAttempt, seq: int = 1, started: float = 0.0, process: str = "p", **more: Any
) -> LoggedRequest:
    """A request that was answered by its last attempt, if that is ok."""
    last = attempts[-1] if attempts else None
    given: dict[str, Any] = {
        "outcome": "ok" if last is None or last.outcome == "ok" else "upstream_server_error",
        "seconds": 0.0 if last is None else last.started_s + last.seconds,
        "target": None if last is None else last.target,
        "draws": [0.5],
        "asked": LoggedAsk("g", messages=[LoggedMessage("user", ["string"])]),
        **more,
    }
    at = f"2026-03-02T09:{int(started // 60):02}:{int(started % 60):02}+00:00"
    return LoggedRequest(
        process=process,
        seq=seq,
        at=at,
        started=started,
        request_id=f"req_{seq}",
        plan="0",
        group="g",
        attempts=list(attempts),
        **given,
    )


def _log(requests: Sequence[LoggedRequest]) -> Log:
    return Log([Line("l", number, request) for number, request in enumerate(requests, 1)])


def _replayed(config: str, *requests: LoggedRequest) -> ReplayReport:
    return replay(load_text(config), _log(requests))


# --- what upstreams do


def test_the_logs_own_policy_changes_nothing() -> None:
    """What the log knows happens again."""
    first = _request(_attempt("a/x", "server_error"), _attempt("b/x", at=1.0))
    report = _replayed(_A_THEN_B, first, _request(_attempt("a/x"), seq=2, started=9.0))
    assert report.differences == []
    assert (report.requests, report.supposed, report.unknown) == (2, 0, 0)


def test_a_target_that_is_not_asked_any_more_is_a_difference() -> None:
    """Without the first target the second answers at once, as the log says that it did."""
    (item,) = _replayed(
        _B_ALONE, _request(_attempt("a/x", "server_error"), _attempt("b/x", at=1.0))
    ).differences
    assert item.kinds == (Kind.ELSEWHERE,)
    assert item.replayed.attempts == (("b/x", "ok"),)
    assert not item.supposed


def test_what_is_not_in_the_log_is_supposed_of_the_nearest_request() -> None:
    """The target failed around then for others, so it fails for this one; later it answers again."""
    down = _request(_attempt("b/x", "server_error"), seq=1, started=0.0)
    early = _request(_attempt("a/x"), seq=2, started=2.0)
    late = _request(_attempt("a/x"), seq=3, started=50.0)
    up = _request(_attempt("b/x"), seq=4, started=52.0)
    report = _replayed(_B_ALONE, down, early, late, up)
    assert [(item.request_id, item.replayed.outcome, item.supposed) for item in report.differences] == [
        ("req_2", "upstream_server_error", True),
        ("req_3", "ok", True),
    ]
    assert (report.supposed, report.unknown) == (2, 0)


def test_a_target_that_the_log_never_saw_answers_at_once() -> None:
    """It is said so."""
    report = _replayed(_B_ALONE, _request(_attempt("a/x")))
    (item,) = report.differences
    assert (item.replayed.attempts, item.unknown, report.unknown) == ((("b/x", "ok"),), True, 1)


def test_an_attempt_that_ran_out_of_time_would_not_have_answered_later() -> None:
    """With twice the time it still comes to nothing."""
    timed_out = _request(_attempt("a/x", "timeout", seconds=2.0, limited=True), _attempt("b/x", at=2.0))
    for limit in ("2s", "4s"):
        report = _replayed(
            _A_THEN_B.replace("retries: 1", f"retries: 1, attempt_timeout: {limit}"), timed_out
        )
        assert report.differences == []


def test_one_that_was_cut_off_ends_later_than_that() -> None:
    """The loser of a hedge answers on its own where nobody is quicker, after the time it was cut off at."""
    hedged = _request(
        _attempt("a/x", "cancelled", seconds=3.0), _attempt("b/x", at=2.0, hedge=True), seconds=3.0
    )
    slow = _replayed(_A_THEN_B.replace("retries: 1", "retries: 1, attempt_timeout: 3s"), hedged)
    patient = _replayed(_A_THEN_B, hedged)
    assert slow.differences == []
    assert patient.differences[0].replayed.attempts == (("a/x", "ok"),)
    assert patient.differences[0].supposed


def test_a_caller_who_left_leaves_again() -> None:
    """Also when another target is asked, unless that fails before."""
    left = _request(_attempt("a/x", "cancelled", seconds=1.0), outcome="cancelled", seconds=1.0)
    (item,) = _replayed(_B_ALONE, left, _request(_attempt("b/x", seconds=5.0), seq=2)).differences
    assert (item.replayed.outcome, item.replayed.attempts) == ("cancelled", (("b/x", "cancelled"),))
    fails = _request(_attempt("b/x", "server_error", seconds=0.25), seq=2)
    (item,) = _replayed(_B_ALONE, left, fails).differences
    assert item.replayed.outcome == "upstream_server_error"


# --- other ends


def test_kept_answers_are_given_again_where_they_are_kept() -> None:
    """A hit stays one under a policy with a cache, and makes a call under one without."""
    asked = _request(_attempt("a/x"), cache="miss")
    hit = _request(seq=2, started=5.0, cache="hit", target="a/x", draws=[], cost=0.0)
    cached = _A_THEN_B.replace("retries: 1", "retries: 1, cache: {ttl: 1h, scope: group}")
    assert _replayed(cached, asked, hit).differences == []
    (item,) = _replayed(_A_THEN_B, asked, hit).differences
    assert item.kinds == (Kind.ELSEWHERE, Kind.COST)
    off = LoggedAsk("g", cache="off", messages=[LoggedMessage("user", ["string"])])
    assert _replayed(cached, _request(draws=[], cache="hit", asked=off)).differences != []


def test_a_stale_answer_stands_in_where_the_policy_keeps_it() -> None:
    """Else the caller gets the error."""
    stale = _request(
        *(_attempt(name, "server_error", at=at) for name, at in (("a/x", 0.0), ("b/x", 1.0))),
        cache="stale",
        outcome="ok",
        target="a/x",
        cost=0.0,
    )
    keeping = _A_THEN_B.replace(
        "retries: 1", "retries: 1, cache: {ttl: 1s, scope: group, stale_if_error: 1h}"
    )
    assert _replayed(keeping, stale).differences == []
    (item,) = _replayed(_A_THEN_B, stale).differences
    assert (Kind.OUTCOME in item.kinds, item.replayed.outcome) == (True, "upstream_server_error")


@pytest.mark.parametrize(
    ("asked", "config", "code"),
    [
        (LoggedAsk("gone", messages=[LoggedMessage("user")]), _A_THEN_B, "model_not_found"),
        (LoggedAsk("g", messages=[LoggedMessage("user")], tags=["eu"]), _A_THEN_B, "invalid_request"),
        (
            LoggedAsk("g", messages=[LoggedMessage("user")], caller="alice"),
            _A_THEN_B + "  h: b/x\ncallers: [{name: alice, key: env:K, groups: [h]}]\n",
            "model_not_found",
        ),
        (
            LoggedAsk("g", messages=[LoggedMessage("user", ["text", "image_url"])]),
            _PROVIDERS + "  g: {targets: [{model: a/x, supports: {vision: false}}]}\n",
            "invalid_request",
        ),
        (
            LoggedAsk("g", messages=[LoggedMessage("user")], params={"tools": {"is": "list"}}),
            _PROVIDERS + "  g: {targets: [{model: a/x, supports: {tools: false}}]}\n",
            "invalid_request",
        ),
        (
            LoggedAsk("g", messages=[LoggedMessage("user", ["string"])], tokens=900, tokens_at_once=900),
            _PROVIDERS + "  g: {targets: [{model: a/x, context_window: 100}]}\n",
            "context_length_exceeded",
        ),
        (
            LoggedAsk("g", task="embedding", inputs=3, tokens=900, tokens_at_once=500),
            _PROVIDERS + "  g: {targets: [{model: a/x, context_window: 400}]}\n",
            "context_length_exceeded",
        ),
    ],
)
def test_a_request_that_the_policy_refuses(asked: LoggedAsk, config: str, code: str) -> None:
    """Its shape is enough to know: model, caller, tags, needs of messages and params, length."""
    (item,) = _replayed(config, _request(_attempt("a/x"), asked=asked)).differences
    assert (item.replayed.outcome, item.replayed.attempts) == (code, ())


def test_what_ended_a_request_from_outside_of_its_chain_ends_it_again() -> None:
    """A bug of the host's, and a stream that was not what it should have been, are no policy's."""
    bug = _request(_attempt("a/x"), outcome="internal_error")
    torn = _request(_attempt("a/x"), outcome="stream_interrupted", seq=2, started=5.0)
    assert _replayed(_A_THEN_B, bug, torn).differences == []


def test_costs_are_those_of_the_policy() -> None:
    """Stated tokens at the price of who answers; a stated cost holds for its own target alone."""
    priced = _A_THEN_B.replace("a/x,", "{model: a/x, price: {input_per_mtok: 1, output_per_mtok: 2}},")
    tokens: dict[str, Any] = {"prompt_tokens": 1_000_000, "completion_tokens": 500_000}
    (item,) = _replayed(priced, _request(_attempt("a/x"), **tokens)).differences
    assert (item.kinds, item.logged.cost, item.replayed.cost) == ((Kind.COST,), None, 2.0)
    stated = _request(_attempt("a/x"), **tokens, cost=0.5, stated_cost=0.5)
    assert _replayed(priced, stated).differences == []
    assert _replayed(_B_ALONE, stated).differences[0].replayed.cost is None


def test_affinity_goes_by_the_logged_digest() -> None:
    """Requests of one user stay together; an affinity of which the log says nothing is counted."""
    config = _PROVIDERS + "  g: {targets: [a/x, a/y, b/x], affinity: user}\n"
    message = [LoggedMessage("user", ["string"])]
    known = LoggedAsk("g", messages=message, params={"user": {"is": "text"}}, affinity={"user": "ab" * 16})
    silent = LoggedAsk("g", messages=message, params={"user": {"is": "text"}})
    report = _replayed(
        config,
        *(_request(_attempt("a/x"), seq=seq, started=seq * 9.0, asked=known) for seq in (1, 2, 3)),
        _request(_attempt("a/x"), seq=4, started=60.0, asked=silent),
    )
    assert max(report.replayed.targets.values()) >= 3
    assert any(item.unknown for item in report.differences) or report.unknown


def test_requests_that_the_log_lacks_are_counted() -> None:
    """Between others; what came before the first line is not known to be lacking."""
    report = _replayed(
        _A_THEN_B, *(_request(_attempt("a/x"), seq=seq, started=float(seq)) for seq in (5, 6, 9))
    )
    assert report.missing == 2


def test_processes_do_not_share_health() -> None:
    """A target that one process has ejected is asked by the other."""
    config = _A_THEN_B.replace("retries: 1", "retries: 1, ejection: {consecutive: 1}")
    failing = [
        _request(_attempt("a/x", "server_error"), _attempt("b/x", at=1.0), seq=seq, started=seq * 2.0)
        for seq in (1, 2)
    ]
    other = _request(_attempt("a/x"), process="q", started=7.0)
    assert _replayed(config, *failing, other).differences == []


# --- reading


def _written(path: Path, *requests: LoggedRequest, end: str = "\n") -> str:
    path.write_text("\n".join(json.dumps(asdict(request)) for request in requests) + end)
    return str(path)


def test_logs_are_read_in_any_order(tmp_path: Path) -> None:
    """Files may be named as they come, and one twice; requests are sorted by process and number."""
    first = _written(tmp_path / "1", _request(_attempt("a/x")))
    second = _written(tmp_path / "2", _request(_attempt("a/x"), seq=3), _request(_attempt("a/x"), seq=2))
    log = read_logs([second, first, second])
    assert [(line.file, line.line, line.request.seq) for line in log.lines] == [
        (first, 1, 1),
        (second, 2, 2),
        (second, 1, 3),
    ]


def test_a_last_line_that_was_cut_off_is_counted(tmp_path: Path) -> None:
    """A crash of the writer spoils no log."""
    path = _written(tmp_path / "1", _request(_attempt("a/x")), end='\n{"v": 1, "proc')
    log = read_logs([path])
    assert (len(log.lines), log.cut, log.skipped) == (1, 1, 0)


_GOOD = asdict(_request(_attempt("a/x")))


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "[]",
        "x" * 600_000,
        '{"level": "info", "event": "router.request_completed"}',
        *(
            json.dumps({**_GOOD, **change})
            for change in (
                {"v": 2},
                {"prompt": "foreign"},
                {"at": "yesterday"},
                {"seconds": -1.0},
                {"draws": [1.5]},
                {"attempts": [{**_GOOD["attempts"][0], "outcome": "bad luck"}]},
                {"before": {"health": {"a/x": {"slots": "many"}}}},
                {"asked": {"model": "g", "affinity": {"user": "me"}}},
                {"asked": {"model": "g", "inputs": 10**9}},
                {"asked": {"model": "g", "task": "dance"}},
            )
        ),
    ],
)
def test_a_line_that_is_none_of_a_log(tmp_path: Path, text: str) -> None:
    """It is an error that names file and line, or is passed over and counted; it is not quoted."""
    path = tmp_path / "log"
    path.write_text(f"{json.dumps(_GOOD)}\n{text}\n{json.dumps({**_GOOD, 'seq': 2})}\n")
    with pytest.raises(BadLog, match=rf"^{path}:2: ") as error:
        read_logs([str(path)])
    assert "foreign" not in str(error.value)
    log = read_logs([str(path)], skip=True)
    assert (len(log.lines), log.skipped) == (2, 1)


def test_the_same_log_under_two_names(tmp_path: Path) -> None:
    """No request counts twice."""
    paths = [_written(tmp_path / name, _request(_attempt("a/x"))) for name in "12"]
    with pytest.raises(BadLog, match="the same request"):
        read_logs(paths)


def test_too_many_lines_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded, and nothing is left out in silence."""
    monkeypatch.setattr("router.tools.decision_log.MAX_LINES", 1)
    with pytest.raises(BadLog, match="replay fewer files"):
        read_logs([_written(tmp_path / "1", _request(), _request(seq=2))])


def test_a_file_that_is_not_there() -> None:
    """It is said by name."""
    with pytest.raises(BadLog, match="no-such-log: it cannot be read"):
        read_logs(["no-such-log"])


def test_the_schema_file_is_current() -> None:
    """`make schema` was run after the last change."""
    assert SCHEMA.with_name("decision-log.schema.json").read_text() == schema_text()


# --- as text, and as a command


def test_the_text_says_what_there_is_to_say() -> None:
    """Totals, kinds, doubts, gaps, and so many requests as are wanted."""
    requests = [_request(_attempt("a/x"), seq=seq, started=float(seq), cost=0.25) for seq in (1, 2, 4)]
    log = _log(requests)
    log.cut, log.skipped = 1, 2
    text = render(replay(load_text(_B_ALONE), log), shown=2)
    for words in (
        "3 requests, decided again",
        "3 requests would have gone elsewhere",
        "3 requests would have cost something else",
        "3 requests of all hang on a target, or an affinity, of which the log says nothing",
        "1 request that the log lacks between others",
        "2 lines that could not be read",
        "1 line that was not written to its end",
        "l:1  g  req_1  elsewhere, cost  (unknown)",
        "and 1 more",
    ):
        assert words in text
    assert "would have been decided otherwise" in render(
        _replayed(_A_THEN_B, *requests[:0] or [_request(_attempt("a/x"))])
    )


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--fail-on", "outcome,cost"], 0),
        (["--fail-on", "elsewhere"], 1),
        (["--fail-on", "any"], 1),
        (["--fail-on", "weather"], 2),
    ],
)
def test_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: int
) -> None:
    """Differences end the command with 1 only where they are asked for."""
    config = tmp_path / "router.yaml"
    config.write_text(_B_ALONE)
    log = _written(tmp_path / "log", _request(_attempt("a/x")))
    assert main(["replay", str(config), "--log", log, *options]) == code
    printed = capsys.readouterr()
    assert ("elsewhere" in printed.out) == (code != 2)


def test_json_is_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the counts, and every difference."""
    config = tmp_path / "router.yaml"
    config.write_text(_B_ALONE)
    log = _written(tmp_path / "log", _request(_attempt("a/x")))
    assert main(["replay", str(config), "--log", log, "--json", "--limit", "0"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["counts"] == {"elsewhere": 1, "outcome": 0, "cost": 0}
    assert data["differences"][0]["replayed"]["attempts"] == [["b/x", "ok"]]
    assert main(["replay", str(config), "--log", "no-such-log"]) == 2
    assert main(["replay", str(config), "--log", "/dev/zero"]) == 2

"""What an upstream of a simulation does with its calls, and when calls come."""

from __future__ import annotations

import itertools
import math
import random
from typing import TYPE_CHECKING

import pytest
import yaml

from router.core.failure import FailureClass
from router.errors import ConfigError
from router.tools.simulate import load_scenario
from router.tools.simulate.arrivals import arrivals
from router.tools.simulate.behaviour import TargetConfig, TimesConfig
from router.tools.simulate.faults import Fault
from router.tools.simulate.upstreams import Upstream, times
from tests.tools.simulate.files import scenario

if TYPE_CHECKING:
    from pathlib import Path


def upstream(text: str) -> Upstream:
    """An upstream with a latency of 1 s, and what *text* adds in YAML."""
    return Upstream(TargetConfig.model_validate({"latency": "1s", **yaml.safe_load(text)}), "seed")


def kinds(text: str, *calls: float) -> list[str | None]:
    """The failure classes that calls at these times meet; None: answered."""
    one = upstream(text)
    found = [one.reply(at, 0, None).failure for at in calls]
    return [None if failure is None else failure.kind.value for failure in found]


# --- times


def test_a_lognormal_has_its_percentiles() -> None:
    """p50 and p95 are met to the letter, and everything between grows."""
    take = times(TimesConfig.model_validate({"p50": "800ms", "p95": "3s"}))
    assert take(0.5) == pytest.approx(0.8)
    assert take(0.95) == pytest.approx(3.0)
    assert [take(lot / 100) for lot in range(1, 100)] == sorted(take(lot / 100) for lot in range(1, 100))
    assert 0 < take(2.0**-53) < take(1 - 2.0**-53) < math.inf


def test_other_times() -> None:
    """One duration is always as long; of a list each value is as frequent."""
    assert times(TimesConfig.model_validate("800ms"))(0.99) == 0.8
    assert times(TimesConfig.model_validate({"p50": "1s", "p95": "1s"}))(0.2) == 1.0
    take = times(TimesConfig.model_validate(["3s", "1s", "2s"]))
    assert [take(lot) for lot in (0.0, 0.3, 0.4, 0.6, 0.7, 0.999)] == [1, 1, 2, 2, 3, 3]


def test_a_late_answer_begins_late() -> None:
    """The first content and the end have one lot, and the first is never after the second."""
    one = upstream("{latency: [1s, 3s], first_content: [200ms, 5s]}")
    seen = {(reply.content_s, reply.after_s) for reply in (one.reply(0, 0, None) for _ in range(50))}
    assert seen == {(0.2, 1.0), (3.0, 3.0)}


# --- failures and outages


def test_failures_fall_by_their_share() -> None:
    """A share of 0 is never, of 1 always; between, it is about that; of several the first that falls."""
    assert set(kinds("{failures: [{fails: 500, share: 0}]}", *range(100))) == {None}
    assert set(kinds("{failures: [{fails: 429, share: 1}, {fails: 500}]}", *range(9))) == {"rate_limited"}
    share = kinds("{failures: [{fails: 500, share: 0.2}]}", *range(2000)).count("server_error") / 2000
    assert share == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize(
    ("written", "kind", "hint"),
    [
        (503, FailureClass.SERVER_ERROR, None),
        (429, FailureClass.RATE_LIMITED, None),
        ("payment", FailureClass.PAYMENT, None),
        ("overloaded", FailureClass.OVERLOADED, None),
        ("cut", FailureClass.CONNECTION, None),
    ],
)
def test_what_a_fault_is_for_the_router(written: int | str, kind: FailureClass, hint: float | None) -> None:
    """Statuses are classified as the driver does it; classes are themselves."""
    failure = Fault(written).failure()
    assert (failure.kind, failure.hint_s) == (kind, hint)


def test_a_hint_makes_a_503_an_overload() -> None:
    """As over sockets: in whole seconds, and the class follows."""
    assert Fault(503).failure(1.2).kind is FailureClass.OVERLOADED
    assert Fault(503).failure(1.2).hint_s == 2.0
    assert Fault("overloaded").failure(1.2).hint_s == 2.0
    assert Fault(500).may_hint
    assert not Fault(408).may_hint
    assert not Fault(401).may_hint
    assert not Fault("hang").may_hint


def test_outages_have_their_time() -> None:
    """From `since` on, `until` excluded; a failing one goes before a slow one."""
    text = "{outages: [{since: 10s, until: 20s, fails: 500}, {since: 15s, until: 30s, fails: connection}]}"
    assert kinds(text, 9.9, 10, 19.9, 20, 30) == [None, "server_error", "server_error", "connection", None]
    one = upstream("{outages: [{since: 1s, until: 9s, slower: 3}, {since: 5s, until: 6s, slower: 2}]}")
    assert [one.reply(at, 0, None).after_s for at in (0, 1, 5, 9)] == [1, 3, 6, 1]
    both = "{outages: [{since: 1s, until: 9s, slower: 3}, {since: 1s, until: 9s, fails: 500}]}"
    assert kinds(both, 2) == ["server_error"]


def test_failures_take_their_time() -> None:
    """`after` is how long; `hang` never comes; `cut` breaks where the answer would be, a stream half-way."""
    assert upstream("{failures: [{fails: 500, after: 30ms}]}").reply(0, 0, None).after_s == 0.03
    assert upstream("{failures: [{fails: hang}]}").reply(0, 0, None).after_s == math.inf
    whole = upstream("{failures: [{fails: cut}]}").reply(0, 0, None)
    assert (whole.failure is not None, whole.after_s, whole.content_s) == (True, 1.0, None)
    cut = "{first_content: 200ms, outages: [{since: 0s, until: 1s, fails: cut}]}"
    stream = upstream(cut).reply(0, 0, None)
    assert (stream.after_s, stream.content_s, stream.resumable) == (0.6, 0.2, True)


# --- limits, cold starts, capacity


def test_a_rate_limit_counts_minutes_and_keys() -> None:
    """Each key has its own minute; the refusal says when that ends, if it says anything."""
    one = upstream("{rate_limit: {rpm: 2}}")
    assert [one.reply(at, 0, None).failure is None for at in (0, 1, 2.5)] == [True, True, False]
    refused = one.reply(2.5, 0, None).failure
    assert refused is not None
    assert (refused.kind, refused.hint_s) == (FailureClass.RATE_LIMITED, 58.0)
    assert one.reply(3, 1, None).failure is None
    assert one.reply(60, 0, None).failure is None
    silent = upstream("{rate_limit: {rpm: 1, retry_after: false}}")
    assert silent.reply(0, 0, None).failure is None
    told = silent.reply(0, 0, None).failure
    assert told is not None
    assert told.hint_s is None


def test_a_cold_model_is_started_once() -> None:
    """Calls that come meanwhile wait for the same start; after `warm_for` without a call it stops."""
    one = upstream("{cold_start: 20s, warm_for: 1m}")
    assert [one.reply(at, 0, None).after_s for at in (0, 5, 30, 90, 151)] == [21, 16, 1, 1, 21]


def test_capacity_queues_and_then_refuses() -> None:
    """Two at once, one in line, the fourth is told to come back."""
    one = upstream("{capacity: {concurrent: 2, queue: 1, when_full: 429, retry_after: 3s}}")
    replies = [one.reply(at, 0, None) for at in (0.0, 0.5, 0.75, 0.75)]
    assert [reply.after_s for reply in replies] == [1.0, 1.0, 1.25, 0.0]
    failure = replies[3].failure
    assert failure is not None
    assert (failure.kind, failure.hint_s) == (FailureClass.RATE_LIMITED, 3.0)
    assert one.reply(1.0, 0, None).after_s == 1.5  # At 1.0 the line is empty again.
    assert one.queued == 2
    alone = upstream("{capacity: {concurrent: 1}}")
    assert [alone.reply(at, 0, None).failure is None for at in (0, 0.5, 1)] == [True, False, True]


# --- arrivals


def come(folder: Path, text: str, duration: str = "60s") -> list[tuple[float, str | None]]:
    """When the requests of a scenario come."""
    path = folder / "s.yaml"
    path.write_text(scenario("{'*': {latency: 1s}}", duration=duration, arrivals=text))
    return list(arrivals(load_scenario(path), random.Random(1)))


def test_even_arrivals(tmp_path: Path) -> None:
    """The first comes after one gap, and none at the end."""
    assert [at for at, _ in come(tmp_path, "{constant: 2}", "2s")] == [0.5, 1.0, 1.5]


def test_arrivals_by_chance(tmp_path: Path) -> None:
    """A Poisson process: the count is about right, and the gaps' spread is their mean."""
    at = [time for time, _ in come(tmp_path, "{poisson: 50}", "100s")]
    gaps = [after - before for before, after in itertools.pairwise(at)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(1 / 50, rel=0.05)
    assert sum((gap - mean) ** 2 for gap in gaps) / len(gaps) == pytest.approx(mean**2, rel=0.15)


def test_bursts(tmp_path: Path) -> None:
    """The rate changes for its time, again and again, and may be nothing."""
    at = [time for time, _ in come(tmp_path, "{constant: 1, bursts: {every: 20s, lasts: 5s, rate: 10}}")]
    counts = [sum(begin <= time < begin + 5 for time in at) for begin in range(0, 60, 5)]
    assert counts == pytest.approx([5, 5, 5, 5, 50, 5, 5, 5, 50, 5, 5, 5], abs=1)
    quiet = [t for t, _ in come(tmp_path, "{constant: 1, bursts: {every: 20s, lasts: 5s, rate: 0}}")]
    assert not [time for time in quiet if 20 < time < 25]


def test_a_trace(tmp_path: Path) -> None:
    """It says when, and for which model if it does; what comes after the duration is left out."""
    (tmp_path / "t.csv").write_text("model,at\nm,0.5\n,1.5\n\nm,70\n")
    assert come(tmp_path, "{trace: t.csv}") == [(0.5, "m"), (1.5, None)]


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("when\n1\n", "t.csv:1:1: error[bad-value] the first line must name the columns: `at`, and `model`"),
        ("at,user\n1,a\n", "not `user` (hint: write `at` or `at,model`)"),
        ("at\nsoon\n", "t.csv:2:1: error[bad-value] `at` must be a number of seconds"),
        ("at\n-1\n", "`at` must be a number of seconds"),
        ("at\nnan\n", "`at` must be a number of seconds"),
        ("model,at\nm\n", "`at` must be a number of seconds"),
        ("at\n2\n1\n", "t.csv:3:1: error[bad-value] `at` is earlier than in the line before"),
        ("at,model\n1,n\n", "no request of the scenario asks for `n`"),
        ('at\n"1\n', "this is not CSV"),
        (None, "cannot read"),
    ],
)
def test_mistakes_in_a_trace(tmp_path: Path, text: str | None, finding: str) -> None:
    """Each is found with file and line."""
    if text is not None:
        (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ConfigError) as error:
        come(tmp_path, "{trace: t.csv}")
    assert finding in str(error.value.diagnostics[0])


def test_a_trace_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many requests as elsewhere."""
    monkeypatch.setattr("router.tools.simulate.arrivals.MAX_REQUESTS", 2)
    (tmp_path / "t.csv").write_text("at\n1\n2\n3\n")
    with pytest.raises(ConfigError, match="more than 2 requests"):
        come(tmp_path, "{trace: t.csv}")

"""What came of a replay, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.tools.replay_report import Kind
from router.tools.text import Paint, columns, count, dollars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.tools.replay_report import Difference, ReplayReport, Route, Totals

_WORDS = {
    Kind.ELSEWHERE: "would have gone elsewhere",
    Kind.OUTCOME: "would have ended otherwise",
    Kind.COST: "would have cost something else",
}


def render(report: ReplayReport, *, paint: Paint | None = None, shown: int = 20) -> str:
    """*report* as text: totals, then the first *shown* requests that are decided otherwise."""
    colours = paint or Paint()
    lines = [f"{count(report.requests, 'request')}, decided again by plan {report.plan}", ""]
    lines += columns(list(_totals(report)))
    lines += ["", *_kinds(report, colours), *_caveats(report, colours)]
    for item in report.differences[:shown]:
        lines += ["", *_difference(item, colours)]
    more = len(report.differences) - shown
    if more > 0:
        lines += ["", f"and {more:,} more: --limit shows more of them, --json all"]
    return "\n".join(lines)


def _totals(report: ReplayReport) -> Iterator[tuple[str, ...]]:
    both = (report.logged, report.replayed)
    yield ("", "logged", "replayed")
    yield ("answered", *(f"{one.answered:,}" for one in both))
    yield ("attempts", *(f"{one.attempts:,}" for one in both))
    yield ("cost", *(_cost(one, report.requests) for one in both))
    for target in sorted({**both[0].targets, **both[1].targets}):
        yield (f"by {target}", *(f"{one.targets.get(target, 0):,}" for one in both))


def _cost(totals: Totals, requests: int) -> str:
    if not totals.priced:
        return "unknown"
    known = "" if totals.priced == requests else f" of {totals.priced:,}"
    return f"{dollars(totals.cost)}{known}"


def _kinds(report: ReplayReport, paint: Paint) -> Iterator[str]:
    if report.requests and not report.differences:
        yield paint("green", "no request would have been decided otherwise")
    for kind, words in _WORDS.items():
        number = report.count(kind)
        if number:
            yield paint("yellow", f"{count(number, 'request')} {words}")


def _caveats(report: ReplayReport, paint: Paint) -> Iterator[str]:
    """How far the replay can be trusted."""
    told = {
        "on what a target did with other requests, or might have done": report.supposed - report.unknown,
        "on a target, or an affinity, of which the log says nothing": report.unknown,
    }
    for what, number in told.items():
        if number:
            yield paint("dim", f"{count(number, 'request')} of all hang{'s' if number == 1 else ''} {what}")
    if report.unended:
        yield paint(
            "red", f"{count(report.unended, 'request')} would never have ended: nothing limits a stream"
        )
    lacking = {
        "that the log lacks between others": report.missing,
        "that could not be read": report.skipped,
        "that was not written to its end": report.cut,
    }
    for what, number in lacking.items():
        if number:
            noun = "request" if "lacks" in what else "line"
            yield paint("yellow", f"{count(number, noun)} {what}")


def _difference(item: Difference, paint: Paint) -> Iterator[str]:
    kinds = ", ".join(item.kinds)
    doubt = "unknown" if item.unknown else "supposed" if item.supposed else ""
    where = f"{item.file}:{item.line}  {item.model}  {item.request_id}"
    yield f"{where}  {paint('yellow', kinds)}{paint('dim', f'  ({doubt})') if doubt else ''}"
    yield from columns([("logged", *_route(item.logged)), ("replayed", *_route(item.replayed))])


def _route(route: Route) -> tuple[str, str, str]:
    """Outcome, attempts and cost."""
    way = ", ".join(f"{target}: {outcome}" for target, outcome in route.attempts)
    if not way:
        way = f"{route.target}, without a call" if route.target else "no attempt"
    return (route.outcome, way, dollars(route.cost) if route.cost is not None else "")

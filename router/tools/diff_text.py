"""A comparison of two configs as text for people, and as markdown for a pull request."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from router.config.diagnostics import shorten
from router.tools.diff_changes import Kind
from router.tools.text import Paint, columns, count, dollars, seconds

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from router.tools.diff import Diff
    from router.tools.diff_changes import Change

_SHOWN_NAMES = 3
_LONGEST_LIST = 48
_LONGEST_VALUE = 60
_MAX_ROWS = 200
"""Of each kind; a page is read by people, and a code host takes no endless one. ``--json`` has all."""
_SAME = "no change in meaning"
_TITLES = {
    Kind.GROUP: "groups and their names",
    Kind.DESTINATION: "where data may go",
    Kind.TARGET: "targets",
    Kind.SHARE: "traffic shares",
    Kind.FALLBACK: "fallbacks",
    Kind.PARAM: "effective params",
    Kind.POLICY: "times, retries, streams",
    Kind.LIMIT: "limits",
    Kind.WORST_CASE: "worst case of a request",
    Kind.COST: "costs",
    Kind.CACHE: "kept answers",
    Kind.PROVIDER: "providers",
    Kind.CALLER: "callers and rights",
    Kind.LOG: "what is written to disk of requests",
}


def render(found: Diff, *, fail_on: Collection[Kind] = (), paint: Paint | None = None) -> str:
    """*found* as text: a table for each kind.

    Args:
        found: what a comparison found.
        fail_on: the kinds that may not occur; their changes are marked, and counted at the end.
        paint: colours; None: none.
    """
    painted = paint or Paint()
    failing = found.failing(fail_on)
    lines = [f"{found.old} -> {found.new}"]
    for kind, changes in _by_kind(found):
        lines += ["", f"{painted('bold', kind.value)}  {painted('dim', _TITLES[kind])}"]
        rows = columns([_row(change, failing) for change in changes[:_MAX_ROWS]])
        lines += [painted("red", row) if row.startswith("  !") else row for row in rows]
        lines += _more(changes)
    return "\n".join([*lines, "", _summary(found, failing)])


def markdown(found: Diff, *, fail_on: Collection[Kind] = ()) -> str:
    """*found* as markdown; arguments as of ``render``."""
    failing = found.failing(fail_on)
    lines = [f"### Routing: {_code(found.old)} → {_code(found.new)}", "", f"**{_summary(found, failing)}**"]
    for kind, changes in _by_kind(found):
        lines += ["", f"#### `{kind.value}`: {_TITLES[kind]}", ""]
        lines += ["| asked | of | what | old | new | where |", "|---|---|---|---|---|---|"]
        for change in changes[:_MAX_ROWS]:
            mark = "**!** " if change in failing else ""
            cells = [
                _listed(change.asked, code=True),
                _listed(change.subjects, code=True),
                _code(change.what),
            ]
            cells += [_code(value) for value in _values(change)]
            lines.append(f"| {mark}{' | '.join([*cells, _code(_places(change))])} |")
        lines += _more(changes)
    return "\n".join(lines)


def _by_kind(found: Diff) -> Iterator[tuple[Kind, list[Change]]]:
    for kind, changes in groupby(found.changes, key=lambda change: change.kind):
        yield kind, list(changes)


def _more(changes: Sequence[Change]) -> list[str]:
    left = len(changes) - _MAX_ROWS
    return [] if left <= 0 else ["", f"and {count(left, 'change')} more; --json has all of them"]


def _summary(found: Diff, failing: Sequence[Change]) -> str:
    if not found.changes:
        return _SAME
    said = ", ".join(f"{number} {kind.value}" for kind, number in found.counts().items())
    text = f"{count(len(found.changes), 'change')}: {said}"
    if not failing:
        return text
    kinds = dict.fromkeys(change.kind.value for change in failing)
    return f"{text}; {len(failing)} not allowed: {', '.join(kinds)}"


def _row(change: Change, failing: Sequence[Change]) -> tuple[str, ...]:
    old, new = _values(change)
    about = ": ".join(part for part in (_listed(change.asked), _listed(change.subjects)) if part)
    mark = "! " if change in failing else ""
    return f"{mark}{about}", shorten(change.what), f"{old} -> {new}", _places(change)


def _listed(names: Sequence[str], *, code: bool = False) -> str:
    shown: list[str] = []
    for name in names[:_SHOWN_NAMES]:
        if shown and len(", ".join([*shown, name])) > _LONGEST_LIST:
            break
        shown.append(_code(name) if code else shorten(name))
    left = len(names) - len(shown)
    return ", ".join(shown) + (f" and {left:,} more" if left else "")


def _places(change: Change) -> str:
    places = [shorten(place, 200) for place in (change.old_at, change.new_at) if place]
    return " -> ".join(dict.fromkeys(places))


# --- values


def _values(change: Change) -> tuple[str, str]:
    old, new = (_value(value, change) for value in (change.old, change.new))
    return old, new


def _value(value: Any, change: Change) -> str:
    return shorten(_words(value, change), _LONGEST_VALUE)


def _words(value: Any, change: Change) -> str:
    if value is None:
        return "none"
    if change.unit == "seconds":
        return seconds(value)
    if change.unit == "dollars":
        return dollars(value)
    if change.kind is Kind.SHARE and isinstance(value, dict):
        return _share(value)
    if change.kind is Kind.DESTINATION and isinstance(value, dict):
        return _destination(value)
    if isinstance(value, dict):
        return _settings(value, strict=change.kind is Kind.PARAM)
    return _scalar(value)


def _settings(value: dict[str, Any], *, strict: bool) -> str:
    named = [
        f"{name} {_scalar(item, strict=strict)}" for name, item in value.items() if name != "on_violation"
    ]
    return ", ".join([*named, *([value["on_violation"]] if "on_violation" in value else [])])


def _scalar(value: Any, *, strict: bool = False) -> str:
    """A value as a config writes it; *strict*: text in quotes, so that it is told from a number."""
    if isinstance(value, str) and not strict:
        return value
    if isinstance(value, list) and not strict:
        return ", ".join(_scalar(item) for item in value) or "none"
    if isinstance(value, float) and not strict:
        return f"{value:.6g}"
    return json.dumps(value, ensure_ascii=False)


def _share(value: dict[str, Any]) -> str:
    share = value["share"]
    part = "by need" if share is None else f"{share * 100:.4g} %"
    weight = f", weight {value['weight'] * 100:.4g} %" if "weight" in value else ""
    return f"{part} of tier {value['tier']}{weight}"


def _destination(value: dict[str, Any]) -> str:
    via = f" via {value['via']}" if "via" in value else ""
    tags = f" ({', '.join(value['tags'])})" if value["tags"] else ""
    return f"{value['host']}{via}{tags}"


def _code(text: str) -> str:
    """*text* as code in a cell of a table: nothing in it is markdown, or HTML."""
    plain = shorten(text, 200).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""

"""Findings as people read them: the line, what to do, why; colour only where it is wanted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from router.cli import common
from router.config.codes import CODES
from router.config.diagnostics import Diagnostic
from router.tools.report import Report, to_dict

if TYPE_CHECKING:
    from router.config.code import Severity


def finding(line: int, column: int, *, code: str = "unknown-key", severity: Severity = "error") -> Diagnostic:
    return Diagnostic(code, severity, "a.b", "f.yaml", line, column, "is wrong", "mend it")


def rendered(source: str, column: int) -> list[str]:
    """The excerpt of a finding at *column* of *source*."""
    report = Report("f.yaml", (finding(7, column),), 1, {("f.yaml", 7): source})
    return [line for line in report.render().splitlines() if " | " in line]


def test_a_whole_report() -> None:
    """Each finding has its line with carets, a hint, and for each code once why it matters."""
    found = (finding(2, 5), finding(11, 1), finding(12, 1, code="unused-profile", severity="warning"))
    lines = {("f.yaml", 2): "  a: {bad: 1}", ("f.yaml", 11): "worse: 2"}
    assert Report("f.yaml", found, 3, lines).render().splitlines() == [
        "f.yaml:2:5: error[unknown-key] a.b: is wrong",
        "  2 |   a: {bad: 1}",
        "    |     ^",
        "  hint: mend it",
        f"  why: {CODES['unknown-key'].why}",
        "",
        "f.yaml:11:1: error[unknown-key] a.b: is wrong",
        "  11 | worse: 2",
        "     | ^^^^^",
        "  hint: mend it",
        "",
        "f.yaml:12:1: warning[unused-profile] a.b: is wrong",
        "  hint: mend it",
        f"  why: {CODES['unused-profile'].why}",
        "",
        "f.yaml: not ok (3 model groups, 2 errors, 1 warning)",
    ]


@pytest.mark.parametrize(
    ("source", "column", "word"),
    [
        ("a: {wieght: 3}", 5, "wieght"),
        ("a: [bytez/x/y, b]", 5, "bytez/x/y"),
        ("base_url: http://x:80/v1", 11, "http://x:80/v1"),
        ("\ta: é", 2, "a"),
        ("名前: [x]", 6, "x"),
        ("a: [", 4, "["),
    ],
)
def test_carets_stand_under_the_word(source: str, column: int, word: str) -> None:
    """Tabs count one, wide characters two columns of a terminal; a key's colon is not part of it."""
    shown, below = rendered(source, column)
    wide = sum(character in "名前" for character in source[: column - 1])
    assert shown[len(shown) - len(source) :].replace(" ", "\t") == source.replace(" ", "\t")
    start = below.index("^") - wide - below.index("|") - 2
    assert source[start : start + below.count("^")] == word


def test_long_lines_are_cut_around_the_finding() -> None:
    """What is shown is about a hundred characters, and the carets still stand under the word."""
    source = "x" * 200 + " needle " + "y" * 200
    shown, below = rendered(source, 202)
    assert len(shown) < 120
    at = below.index("^")
    assert shown[at : at + below.count("^")] == "needle"
    assert shown[6] == shown[-1] == "…"
    assert rendered(source, 1)[0].startswith("  7 | xxx")


def test_a_finding_beyond_what_is_shown_has_no_carets() -> None:
    """A line that ends where a secret begins is shown without them."""
    assert rendered("api_key: …", 10) == ["  7 | api_key: …"]
    assert rendered("api_key: …", 30) == ["  7 | api_key: …"]


def test_nothing_moves_the_cursor() -> None:
    """Control characters of a file do not reach the terminal."""
    assert "\x1b" not in "".join(rendered("a: \x1b[2J b", 1))


def test_colours() -> None:
    """They add to the text and change nothing of it."""
    report = Report(
        "f.yaml", (finding(2, 5), finding(3, 1, severity="note")), 1, {("f.yaml", 2): "  a: {bad: 1}"}
    )
    coloured = report.render(colour=True)
    assert "\x1b[31merror[unknown-key]\x1b[0m" in coloured
    assert "\x1b[36mnote[unknown-key]\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == report.render()
    assert "\x1b[32mok\x1b[0m" in Report("f.yaml", (), 1).render(colour=True)


@pytest.mark.parametrize(
    ("terminal", "environ", "wanted"),
    [
        (True, {"TERM": "xterm"}, True),
        (False, {"TERM": "xterm"}, False),
        (True, {"TERM": "dumb"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
    ],
)
def test_when_there_are_colours(
    terminal: bool, environ: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal only, and not where the reader asked for none."""
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stdout.isatty", lambda: terminal)
    assert common.coloured() is wanted


def test_several_files_are_one_answer() -> None:
    """It is yes only when it is for all of them."""
    good, bad = Report("a", (), 1), Report("b", (finding(1, 1),), None)
    assert to_dict([good, bad]) == {"ok": False, "diagnostics": [finding(1, 1).to_dict()]}
    assert to_dict([good, good]) == {"ok": True, "diagnostics": []}


def test_what_could_not_be_read_is_not_ok() -> None:
    """Without a config there is nothing that could be used, whatever was found."""
    assert not Report("f.yaml", (), None).ok
    assert Report("f.yaml", (), None).render() == "f.yaml: not ok (nothing could be read)"

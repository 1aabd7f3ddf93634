"""Findings render one way, and their number and cost are bounded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from router.config.codes import CODES
from router.config.diagnostics import (
    MAX_FINDINGS,
    MAX_SUGGESTION_WORK,
    Diagnostic,
    Diagnostics,
    Place,
    format_path,
    shorten,
    suggest,
)
from router.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Place("f.yaml", 3, 7)


def test_rendering() -> None:
    """File, line, column, severity, code, path, message and hint, in that order."""
    item = Diagnostic("unknown-key", "error", "models.a.x", *HERE, "unknown key", "did you mean `y`?")
    assert str(item) == "f.yaml:3:7: error[unknown-key] models.a.x: unknown key (hint: did you mean `y`?)"
    assert (
        str(Diagnostic("file-empty", "note", "", *HERE, "nothing")) == "f.yaml:3:7: note[file-empty] nothing"
    )
    assert list(item.to_dict()) == ["code", "severity", "path", "file", "line", "column", "message", "hint"]


def test_paths() -> None:
    """Plain keys are bare; others are quoted; long ones are cut."""
    assert format_path(("models", "chat", "targets", 1, "weight")) == "models.chat.targets[1].weight"
    assert format_path(("models", "bytez/*", "a.b", 'c"d')) == 'models."bytez/*"."a.b"."c\\"d"'
    assert format_path(("k" * 100,)) == '"' + "k" * 39 + '…"'
    assert format_path(()) == ""


def test_shorten() -> None:
    """One line, at most forty characters, nothing that moves a cursor."""
    assert shorten("a\nb\x1b[31m") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}[31m"
    assert shorten("x" * 40) == "x" * 40
    assert shorten("x" * 41) == "x" * 39 + "…"


def test_order_and_duplicates() -> None:
    """Findings come by place; the same one twice counts once; severities can be lowered."""
    found = Diagnostics()
    found.add("unknown-key", Place("f", 2, 1), "two")
    found.add("unknown-key", Place("f", 1, 9), "one", severity="note")
    found.add("unknown-key", Place("f", 2, 1), "two")
    assert [item.message for item in found] == ["one", "two"]
    assert found.count == 2
    assert not found.ok
    with pytest.raises(ConfigError, match="two"):
        found.raise_errors()


def test_only_errors_fail() -> None:
    """Warnings and notes raise nothing."""
    found = Diagnostics()
    found.add("attempt-timeout", HERE, "longer")
    found.raise_errors()
    assert found.ok


def test_the_number_is_bounded() -> None:
    """After a thousand findings the last says that there may be more."""
    found = Diagnostics()
    for line in range(5_000):
        found.add("unknown-key", Place("f", line, 1), "unknown key")
    assert found.count == MAX_FINDINGS
    assert found.full
    assert [item.code for item in found][-1] == "too-many-findings"


def test_suggestions() -> None:
    """The closest candidate, in any case, or none."""
    keys = ["targets", "timeout", "params", "Weight"]
    assert suggest("target", keys) == "targets"
    assert suggest("WEIGHT", keys) == "Weight"
    assert suggest("zzz", keys) is None
    assert suggest("t" * 1000, keys) is None
    found = Diagnostics()
    assert found.did_you_mean("parms", keys) == "did you mean `params`?"
    assert found.did_you_mean("zzz", keys) is None


def test_suggestions_are_cheap() -> None:
    """Among a million candidates a suggestion still costs next to nothing."""
    started = time.process_time()
    for _ in range(20):
        suggest("group-x", (f"group-{i}" for i in range(1_000_000)))
    assert time.process_time() - started < 1


def test_all_suggestions_together_are_bounded() -> None:
    """Ten thousand misspellings look at no more candidates than a few hundred do; then there are none."""
    looked: list[str] = []

    def candidates() -> Iterator[str]:
        for index in range(500):
            looked.append(name := f"group-{index}")
            yield name

    found = Diagnostics()
    hints = [found.did_you_mean(f"gruop-{index}", candidates()) for index in range(10_000)]
    assert hints[1] == "did you mean `group-1`?"
    assert hints[-1] is None
    assert len(looked) <= MAX_SUGGESTION_WORK + 500


def test_no_finding_without_a_hint() -> None:
    """A finding that says no hint gets its code's, in the imperative and without a full stop."""
    found = Diagnostics()
    for code in CODES:
        found.add(code, HERE, code)
    hints = [item.hint or "" for item in found]
    assert len(hints) == len(CODES)
    assert all((hint and hint[0].islower()) or hint.startswith("`") for hint in hints)
    assert not any(hint.endswith(".") for hint in hints)

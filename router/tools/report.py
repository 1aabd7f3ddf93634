"""What a check found, for people and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from router.config.codes import CODES
from router.config.diagnostics import counted
from router.tools.excerpt import excerpts, pointed
from router.tools.text import Paint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from router.config import Diagnostic
    from router.config.code import Severity
    from router.errors import ConfigError
    from router.tools.excerpt import Lines

_COLOURS: Final[dict[Severity, str]] = {"error": "red", "warning": "yellow", "note": "cyan"}


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        file: the file that was checked.
        diagnostics: every finding, by file and line.
        groups: how many model groups the config defines; None when it could not be read.
        lines: the lines that the findings speak of, as they may be shown.
    """

    file: str
    diagnostics: tuple[Diagnostic, ...]
    groups: int | None
    lines: Lines = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the config can be used: it could be read, and there is no error."""
        return self.groups is not None and all(item.severity != "error" for item in self.diagnostics)

    def to_dict(self) -> dict[str, Any]:
        """As ``router check --json`` prints it."""
        return {"ok": self.ok, "diagnostics": [item.to_dict() for item in self.diagnostics]}

    def render(self, *, colour: bool = False) -> str:
        """Each finding with its line, what to do and why it matters (once for each code), then a summary.

        Args:
            colour: whether a terminal reads it.
        """
        paint = Paint(colour)
        return "\n".join([*_blocks(self.diagnostics, self.lines, paint), self._summary(paint)])

    def _summary(self, paint: Paint) -> str:
        found = counted(self.diagnostics)
        groups = "" if self.groups is None else f"{self.groups} model group{'' if self.groups == 1 else 's'}"
        summary = ", ".join(part for part in (groups, found) if part) or "nothing could be read"
        verdict = paint("green", "ok") if self.ok else paint("red", "not ok")
        return f"{self.file}: {verdict} ({summary})"


def to_dict(reports: Sequence[Report]) -> dict[str, Any]:
    """Several reports as one, as ``router check --json`` prints them."""
    every = [report.to_dict() for report in reports]
    return {
        "ok": all(one["ok"] for one in every),
        "diagnostics": [item for one in every for item in one["diagnostics"]],
    }


def told(error: ConfigError, paint: Paint) -> str:
    """The findings that keep a tool from answering, as a check tells them.

    Of a file that could not be loaded nothing says which values are secrets, so that every line is held for
    suspect.
    """
    found = cast("tuple[Diagnostic, ...]", error.diagnostics)
    return "\n".join(_blocks(found, excerpts(found, None, large=True), paint)).rstrip()


def _blocks(found: Sequence[Diagnostic], lines: Lines, paint: Paint) -> Iterator[str]:
    explained: set[str] = set()
    for item in found:
        yield "\n".join([*_finding(item, lines, paint, why=item.code not in explained), ""])
        explained.add(item.code)


def _finding(item: Diagnostic, lines: Lines, paint: Paint, *, why: bool) -> Iterator[str]:
    subject = f" {item.path}:" if item.path else ""
    place = f"{item.file}:{item.line}:{item.column}"
    kind = paint(_COLOURS[item.severity], f"{item.severity}[{item.code}]")
    yield f"{paint('bold', place)}: {kind}{subject} {item.message}"
    source = lines.get((item.file, item.line))
    if source is not None:
        yield from pointed(source, item.line, item.column, lambda text: paint(_COLOURS[item.severity], text))
    if item.hint:
        yield f"  {paint('bold', 'hint:')} {item.hint}"
    if why:
        yield f"  {paint('bold', 'why:')} {CODES[item.code].why}"

"""Findings: what is wrong, where, and what to write instead."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from router.config.codes import CODES, Severity
from router.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Path = tuple[str | int, ...]
"""Keys and list indexes from the root of a file."""

_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
SHOWN_CHARACTERS = 40
MAX_FINDINGS = 1_000
MAX_CANDIDATES = 2_000
MAX_SUGGESTION_WORK = 60_000
_WORK_OF_A_SUGGESTION = 100
CLOSE_IN_LENGTH = 2
_BARE_KEY = re.compile(r"[A-Za-z0-9_*-]+")


class Place(NamedTuple):
    """A place in a file; line and column count from 1, and are 0 where there is no text."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Attributes:
        code: a key of ``CODES``.
        severity: only an error makes a check fail.
        path: readable, such as ``models.chat.targets[1].wieght``; "" for the whole file.
        file: as it was given.
        line: from 1; 0 when the config was not read from text.
        column: from 1; 0 likewise.
        message: what is wrong; never a secret, values cut to 40 characters.
        hint: what to write instead, in the imperative; a collector never leaves it out.
    """

    code: str
    severity: Severity
    path: str
    file: str
    line: int
    column: int
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        subject = f" {self.path}:" if self.path else ""
        hint = f" (hint: {self.hint})" if self.hint else ""
        place = Place(self.file, self.line, self.column)
        return f"{place}: {self.severity}[{self.code}]{subject} {self.message}{hint}"

    def to_dict(self) -> dict[str, str | int | None]:
        """As ``router check --json`` prints it."""
        return asdict(self)


class Diagnostics:
    """Collects findings; at most 1,000, so that no file can flood memory or a terminal."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self._errors = 0
        self._suggestion_work = 0

    @property
    def full(self) -> bool:
        """Whether further findings are left out; checks may stop early then."""
        return len(self._found) >= MAX_FINDINGS

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self._errors

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(sorted(self._found, key=lambda item: (item.file, item.line, item.column)))

    @property
    def count(self) -> int:
        """How many findings there are. There is no ``len``: an empty collector must not be false."""
        return len(self._found)

    def has(self, code: str, place: Place) -> bool:
        """Whether there is a finding with *code* at *place*."""
        return any(item.code == code and (item.file, item.line, item.column) == place for item in self._found)

    def add(
        self,
        code: str,
        place: Place,
        message: str,
        *,
        path: Path | str = "",
        hint: str | None = None,
        severity: Severity | None = None,
    ) -> None:
        """Add a finding; the same one twice counts once.

        Args:
            code: a key of ``CODES``.
            place: where.
            message: what is wrong, beginning with a small letter, without a full stop.
            path: keys from the root, or the readable form.
            hint: what to write instead; None takes the code's usual words.
            severity: None takes the code's usual one.
        """
        if self.full:
            return
        level = severity or CODES[code].severity
        text = path if isinstance(path, str) else format_path(path)
        self._keep(Diagnostic(code, level, text, *place, message, hint or usual_hint(code)))
        if len(self._found) == MAX_FINDINGS - 1:
            message = f"{MAX_FINDINGS:,} findings are listed; there may be more"
            code = "too-many-findings"
            self._keep(Diagnostic(code, "error", "", *place, message, usual_hint(code)))

    def _keep(self, item: Diagnostic) -> None:
        self._errors += item.severity == "error"
        self._found.setdefault(item)

    def did_you_mean(self, word: str, candidates: Iterable[str]) -> str | None:
        """A hint naming the closest candidate, or None.

        All suggestions of one collector together look at some 60,000 candidates, so that a file
        full of misspellings is not dear; after that there are none.
        """
        if self._suggestion_work >= MAX_SUGGESTION_WORK:
            return None
        self._suggestion_work += _WORK_OF_A_SUGGESTION
        match = suggest(word, self._counted(candidates))
        return f"did you mean `{match}`?" if match is not None else None

    def _counted(self, candidates: Iterable[str]) -> Iterator[str]:
        for candidate in candidates:
            self._suggestion_work += 1
            yield candidate

    def raise_errors(self) -> None:
        """Raise when there is an error.

        Raises:
            ConfigError: with every finding.
        """
        if not self.ok:
            raise ConfigError(tuple(self))


def counted(found: Iterable[Diagnostic]) -> str:
    """How many there are of each severity, as ``2 warnings, 1 note``; "": none."""
    counts = Counter(item.severity for item in found)
    return ", ".join(
        f"{count} {severity if count == 1 else severity + 's'}"
        for severity in _SEVERITIES
        if (count := counts[severity])
    )


def usual_hint(code: str) -> str:
    """What to do about any finding with *code*, as a hint: small letter, no full stop."""
    mend = CODES[code].mend
    return mend[0].lower() + mend[1:].removesuffix(".")


def shorten(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """*text* on one line, at most *limit* characters."""
    line = "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text[:limit]
    )
    return line if len(text) <= limit else f"{line[: limit - 1]}…"


def format_path(path: Iterable[str | int]) -> str:
    """``models.chat.targets[1].weight``; a key with other characters is quoted: ``models."bytez/*"``."""
    parts: list[str] = []
    for step in path:
        if isinstance(step, int):
            parts.append(f"[{step}]")
            continue
        key = shorten(step)
        shown = key if _BARE_KEY.fullmatch(key) else '"' + key.replace('"', '\\"') + '"'
        parts.append(f".{shown}" if parts else shown)
    return "".join(parts)


def suggest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that *word* was probably meant to be, or None.

    Looks at no more than 2,000 candidates, and closely at 50 of about the same length, so that its
    cost is bounded.
    """
    if len(word) > 2 * SHOWN_CHARACTERS:
        return None
    lower = word.lower()
    near: list[str] = []
    for candidate in islice(candidates, MAX_CANDIDATES):
        if candidate.lower() == lower:
            return candidate
        close_in_length = abs(len(candidate) - len(word)) <= CLOSE_IN_LENGTH
        if close_in_length and set(lower[:2]) & set(candidate[:2].lower()):
            near.append(candidate)
    return next(iter(get_close_matches(word, near[:50], n=1, cutoff=0.7)), None)

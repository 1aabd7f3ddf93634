"""Which model group a name means: exact group, then alias, then the longest wildcard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from router.config.diagnostics import shorten
from router.core.table import concrete_model
from router.core.wildcards import WildcardIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_NAME: Final = 256
MAX_STARS: Final = 1
MAX_WILDCARDS: Final = 1_000
MAX_ALIKE: Final = 100
SEGMENTS: Final = {"bytez": 2}
"""Adapter → parts of its model ids, which for Bytez are org/name; other servers' have any number."""

SEGMENT: Final = r"[A-Za-z0-9][A-Za-z0-9_.:@-]*"
PROVIDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_STANDS_FOR = re.compile(rf"{SEGMENT}(?:/{SEGMENT})*")
_SEGMENT = re.compile(SEGMENT)


def usable_name(name: str) -> bool:
    """Whether *name* can be a group's, a profile's or a caller's: printable, trimmed, at most 256 long."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and name == name.strip()


def literal_length(name: str) -> int:
    """The length of a wildcard's literal part."""
    return len(name) - name.count("*")


def ties(wildcards: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The pairs of *wildcards*, whose literal parts are of one length, that some name could match both.

    Judged by their ends alone. The earlier of a pair comes first.
    """
    order = {name: index for index, name in enumerate(wildcards)}
    above: list[str] = []  # Those whose beginning the next one begins with, each with the one above it.
    for name in sorted(wildcards, key=lambda name: name.partition("*")[0]):
        start, _, end = name.partition("*")
        while above and not start.startswith(above[-1].partition("*")[0]):
            above.pop()
        for other in above:
            close = other.partition("*")[2]
            if end.endswith(close) or close.endswith(end):
                yield (other, name) if order[other] < order[name] else (name, other)
        above.append(name)


def bytez_problem(model: str) -> str | None:
    """What keeps *model* (with or without ``*``) from being a Bytez id; None when nothing does."""
    segments = model.replace("*", "x").split("/")
    if "*" in model:
        if len(segments) > 2:  # noqa: PLR2004 - organisation and name
            return "has more than two segments"
    elif len(segments) != 2:  # noqa: PLR2004
        return f"has {'one segment' if len(segments) == 1 else f'{len(segments)} segments'}, not two"
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return "has a segment that is not letters, digits and `. _ - : @`, beginning with a letter or digit"
    if model.split("/", maxsplit=1)[0] in ("list", "request"):
        return "begins with a segment that is a route of Bytez's own"
    return None


class Resolved(NamedTuple):
    """What a name means.

    Attributes:
        group: the group's name; None when the name means nothing.
        problem: why the wildcard that the name falls to cannot serve it; None otherwise.
    """

    group: str | None
    problem: str | None = None


class Model(NamedTuple):
    """A target of a wildcard: its model id, and how many segments its wire wants (None: any number)."""

    id: str
    segments: int | None


_NOTHING: Final = Resolved(None)


class Names:
    """Looks names up, as the plan does for a request: ``router.core.table``.

    Args:
        groups: every group's name, wildcards included.
        targets: the targets of each wildcard, as far as they are well written.
    """

    def __init__(self, groups: Iterable[str], targets: Mapping[str, Sequence[Model]]) -> None:
        self.aliases: dict[str, str] = {}
        self._groups = frozenset(groups)
        self._targets = targets
        self._wildcards = WildcardIndex(name for name in self._groups if name.count("*") == MAX_STARS)
        self._known: dict[str, Resolved] = {}

    def resolve(self, name: str) -> Resolved:
        """The group that a caller's *name* means. All aliases must be known by now.

        A wildcard's own name, with its ``*``, is nothing that a caller can ask for.
        """
        if name not in self._known:
            self._known[name] = self._resolve(name)
        return self._known[name]

    def _resolve(self, name: str) -> Resolved:
        if "*" in name or len(name) > MAX_NAME:
            return _NOTHING
        if name in self._groups:
            return Resolved(name)
        if name in self.aliases:
            return Resolved(self.aliases[name])
        match = self._wildcards.match(name)
        if match is None:
            return _NOTHING
        wildcard, star = match
        for model, segments in self._targets.get(wildcard, ()):
            if concrete_model(model, star, segments) is None:
                problem = _problem(model, star, segments)
                return Resolved(None, f"`{shorten(wildcard)}` matches it, but {problem}")
        return Resolved(wildcard)


def _problem(model: str, star: str, segments: int | None) -> str:
    """Why ``concrete_model`` gives None, in words."""
    if not _STANDS_FOR.fullmatch(star):
        return "`*` stands only for letters, digits and `. _ - : @`, in segments parted by `/`"
    made = model.replace("*", star)
    known = bytez_problem(made) if segments == SEGMENTS["bytez"] else None
    return f"the Bytez model `{shorten(made)}` {known or 'cannot be asked for'}"

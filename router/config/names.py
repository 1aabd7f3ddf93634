"""Which model group a name means: exact group, then alias, then the longest wildcard."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Final

MAX_NAME: Final = 256
MAX_STARS: Final = 1
MAX_WILDCARDS: Final = 1_000
MAX_ALIKE: Final = 100  # Wildcards that begin alike are tried one by one.

SEGMENT: Final = r"[A-Za-z0-9][A-Za-z0-9_.:@-]*"
PROVIDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_STANDS_FOR = rf"({SEGMENT}(?:/{SEGMENT})*)"
_SEGMENT = re.compile(SEGMENT)


def usable_name(name: str) -> bool:
    """Whether *name* can be a group's, a profile's or a caller's: printable, trimmed, at most 256 long."""
    return 0 < len(name) <= MAX_NAME and name.isprintable() and name == name.strip()


def pattern(name: str) -> re.Pattern[str]:
    """What a wildcard's name matches; the ``*`` is a capturing group and may span ``/``."""
    return re.compile(_STANDS_FOR.join(re.escape(part) for part in name.split("*")))


def literal_length(name: str) -> int:
    """The length of a wildcard's literal part."""
    return len(name) - name.count("*")


def overlap(one: str, other: str) -> bool:
    """Whether some name could match both wildcards, each with one ``*``, as far as their ends tell."""
    start, _, end = one.partition("*")
    begin, _, close = other.partition("*")
    starts_alike = start.startswith(begin) or begin.startswith(start)
    return starts_alike and (end.endswith(close) or close.endswith(end))


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


@dataclass(slots=True)
class Names:
    """Looks names up.

    Attributes:
        groups: every group's name, wildcards included.
        aliases: alias → group.
    """

    groups: frozenset[str]
    aliases: dict[str, str] = field(default_factory=dict)
    _wildcards: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    _compiled: dict[str, re.Pattern[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.groups:
            if name.count("*") == MAX_STARS:
                self._wildcards[name.partition("*")[0]].append(name)

    def resolve(self, name: str) -> str | None:
        """The group that a caller's *name* means; None when there is none.

        A wildcard's own name, with its ``*``, is nothing that a caller can ask for.
        """
        if "*" in name or len(name) > MAX_NAME:
            return None
        if name in self.groups:
            return name
        if name in self.aliases:
            return self.aliases[name]
        matches = [
            wildcard
            for prefix, wildcards in self._wildcards.items()
            if name.startswith(prefix)
            for wildcard in wildcards
            if name.endswith(wildcard[len(prefix) + 1 :]) and self._pattern(wildcard).fullmatch(name)
        ]
        return max(matches, key=literal_length, default=None)

    def _pattern(self, wildcard: str) -> re.Pattern[str]:
        if wildcard not in self._compiled:
            self._compiled[wildcard] = pattern(wildcard)
        return self._compiled[wildcard]

"""Which wildcard a name falls to: the one with the longest literal part, whatever comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class WildcardIndex:
    """Finds the wildcard for a name without trying each of them.

    A look-up costs one step for each length of what stands before a ``*``, one for each length of
    what stands behind, and one for each pair that the name begins and ends with.

    Args:
        names: wildcards, each with exactly one ``*``; no two that tie.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        ends = [name.partition("*")[::2] for name in self._names]
        self._prefixes = frozenset(prefix for prefix, _ in ends)
        self._suffixes = frozenset(suffix for _, suffix in ends)
        self._prefix_lengths = sorted({len(prefix) for prefix in self._prefixes})
        self._suffix_lengths = sorted({len(suffix) for suffix in self._suffixes})

    def match(self, name: str) -> tuple[str, str] | None:
        """The wildcard with the longest literal part, and what its ``*`` stands for in *name*."""
        suffixes = [
            suffix
            for length in self._suffix_lengths
            if length < len(name) and (suffix := name[len(name) - length :]) in self._suffixes
        ]
        best: tuple[int, str, str] | None = None
        for length in self._prefix_lengths if suffixes else ():
            prefix = name[:length]
            if prefix not in self._prefixes:
                continue
            for suffix in suffixes:
                literal = length + len(suffix)
                longer = best is None or literal > best[0]
                if longer and literal < len(name) and f"{prefix}*{suffix}" in self._names:
                    best = (literal, f"{prefix}*{suffix}", name[length : len(name) - len(suffix)])
        return None if best is None else best[1:]

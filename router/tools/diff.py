"""Comparing two configs by what they mean: ``router diff``.

Both are compiled, and what the plans make of requests is compared: shares as ``explain`` tells them, worst
cases as they are held against promises, params as they are merged, digests as cache keys have them. Order
of keys, files, profiles and spellings that come to the same are no difference. No secret is read.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router.tools.diff_access import compare_callers, compare_destinations, compare_provider, used_by_both
from router.tools.diff_changes import Book, Change, Kind, Side
from router.tools.diff_groups import compare_fallbacks, compare_names, compare_targets, pairs
from router.tools.diff_log import compare_logs
from router.tools.diff_params import Effects, compare_params
from router.tools.diff_policies import (
    compare_limits,
    compare_policies,
    compare_provider_limits,
    compare_sums,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from router.config import Loaded

__all__ = ["Change", "Diff", "Kind", "diff"]


@dataclass(frozen=True, slots=True)
class Diff:
    """What becomes otherwise from one config to another.

    Attributes:
        old, new: the files as they were named.
        changes: by kind, in the order of ``Kind``; empty: both mean the same.
    """

    old: str
    new: str
    changes: tuple[Change, ...]

    def counts(self) -> dict[Kind, int]:
        """How many changes there are of each kind that there is."""
        return dict(Counter(change.kind for change in self.changes))

    def failing(self, kinds: Iterable[Kind]) -> tuple[Change, ...]:
        """The changes of *kinds*, but for those that ease: see ``Change``."""
        named = frozenset(kinds)
        return tuple(change for change in self.changes if change.kind in named and not change.eases)

    def to_dict(self) -> dict[str, Any]:
        """As ``router diff --json`` prints it."""
        return {
            "old": self.old,
            "new": self.new,
            "counts": {kind.value: number for kind, number in self.counts().items()},
            "changes": [change.to_dict() for change in self.changes],
        }


def diff(old: Loaded, new: Loaded) -> Diff:
    """Compare two configs by what they mean.

    Args:
        old: the config that was, as ``router.config.load_file`` gives it; native or LiteLLM's.
        new: the config that is to be.

    Raises:
        ConfigError: one of them has errors.
    """
    before, after, book = Side(old), Side(new), Book()
    compare_names(before, after, book)
    both = pairs(before, after)
    compare_destinations(both, before, after, book)
    effects = Effects(), Effects()
    for pair in both:
        compare_targets(pair, before, after, book)
        compare_fallbacks(pair, before, after, book)
        compare_params(pair, *effects, book)
        compare_policies(pair, before, after, book)
        compare_limits(pair, before, after, book)
        compare_sums(pair, before, after, book)
    for name in used_by_both(before, after):
        compare_provider(name, before, after, book)
        compare_provider_limits(name, before, after, book)
    compare_callers(before, after, book)
    compare_logs(before, after, book)
    return Diff(old.file, new.file, book.changes())

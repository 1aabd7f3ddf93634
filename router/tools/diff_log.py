"""What two configs write to disk of each request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from router.config.decision_log import DEFAULT_KEEP, DEFAULT_SIZE
from router.tools.diff_changes import Change, Kind

if TYPE_CHECKING:
    from router.tools.diff_changes import Book, Side

_KEY = "decision_log"


def compare_logs(old: Side, new: Side, book: Book) -> None:
    """Whether decisions are logged, where, and how much of them is kept."""
    before, after = _log(old), _log(new)
    if before is None or after is None:
        places = [side.at(_KEY) if one is not None else "" for one, side in ((before, old), (after, new))]
        change = Change(
            Kind.LOG, _KEY, before, after, old_at=places[0], new_at=places[1], eases=after is None
        )
        book.add(change)
        return
    for key, mine in before.items():
        theirs = after[key]
        book.add(
            Change(
                Kind.LOG,
                f"{_KEY}.{key}",
                mine,
                theirs,
                old_at=old.at(_KEY, key),
                new_at=new.at(_KEY, key),
                eases=key != "path" and theirs < mine,
            )
        )


def _log(side: Side) -> dict[str, Any] | None:
    """What is logged, with what is built in: the file, its size in bytes; None: nothing."""
    written = side.config.decision_log
    if written is None:
        return None
    return {
        "path": side.path(written.path),
        "max_size": DEFAULT_SIZE if written.max_size is None else written.max_size,
        "keep": DEFAULT_KEEP if written.keep is None else written.keep,
        "decisions": bool(written.decisions),
    }

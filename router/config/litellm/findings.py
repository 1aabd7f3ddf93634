"""What became of each key of a LiteLLM file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from router.config.diagnostics import format_path
from router.config.litellm.keys import ROWS

if TYPE_CHECKING:
    from router.config.diagnostics import Diagnostics, Path, Place

Status = Literal["exact", "approximate", "manual", "unsupported"]

_CODES: Final = {
    "approximate": "litellm-approximate",
    "manual": "litellm-manual",
    "unsupported": "litellm-unsupported",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One key of the source and what became of it.

    Attributes:
        status: exact; approximate, with a difference that the note tells; manual, something is left
            to do; unsupported, it has no effect here.
        path: where it stands in the source, readable.
        place: file, line and column of the key.
        native: what it became; "": nothing.
        note: how it differs or what to do; "" when it is exact.
    """

    status: Status
    path: str
    place: Place
    native: str = ""
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As ``router convert --json`` prints it."""
        file, line, column = self.place
        return {
            "status": self.status,
            "path": self.path,
            "file": file,
            "line": line,
            "column": column,
            "native": self.native or None,
            "note": self.note or None,
        }


class Findings:
    """Collects findings; those that are not exact become diagnostics too, a difference once a file.

    Attributes:
        diagnostics: takes them, and the errors of the file.
    """

    def __init__(self, diagnostics: Diagnostics) -> None:
        self.diagnostics = diagnostics
        self._found: dict[Finding, None] = {}
        self._told: set[tuple[str, str]] = set()

    def __iter__(self) -> Any:
        return iter(sorted(self._found, key=lambda item: item.place))

    def add(self, status: Status, place: Place, path: Path, note: str = "", *, native: str = "") -> None:
        """Add one.

        Args:
            status: as in Finding.
            place: of the key.
            path: of the key.
            note: beginning with a small letter, without a full stop.
            native: what the key became.
        """
        self._found.setdefault(Finding(status, format_path(path), place, native, note))
        if status == "exact" or (status == "approximate" and (native, note) in self._told):
            return
        self._told.add((native, note))
        message = f"becomes `{native}`: {note}" if native else note
        hint = f"look whether `{native}` is what you want" if native else None
        self.diagnostics.add(_CODES[status], place, message, path=path, hint=hint)

    def row(self, section: str, place: Place, path: Path) -> None:
        """Add what the table says of the last key of *path*."""
        row = ROWS[section, str(path[-1])]
        self.add(row.status, place, path, row.note, native=row.native)

    def wrong(self, place: Place, path: Path, what: str) -> None:
        """An error: a value is of the wrong kind."""
        self.diagnostics.add("wrong-type", place, f"must be {what}", path=path)

"""LiteLLM's lists of fallbacks: which group comes after which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from router.config.diagnostics import shorten
from router.config.nodes import Map, Scalar, Sequence, entries_of, items_of, text_of

if TYPE_CHECKING:
    from router.config.diagnostics import Path, Place
    from router.config.litellm.findings import Findings
    from router.config.litellm.winners import Winners
    from router.config.nodes import Entry, Node

FALLBACK_LISTS: Final = {
    "fallbacks": "on_error",
    "context_window_fallbacks": "on_context_overflow",
    "content_policy_fallbacks": "on_content_policy",
}
ANY: Final = "*"
_DEFAULT: Final = "default_fallbacks"
KEYS: Final = (*FALLBACK_LISTS, _DEFAULT)


class After(NamedTuple):
    """The groups after a group.

    Attributes:
        place: of the group's name, or of ``default_fallbacks``.
        path: the same, readable, with the section that it stands in.
        names: of the groups.
    """

    place: Place
    path: Path
    names: tuple[Scalar, ...]


class FallbackReader:
    """Reads the lists; of two sections the one that is read first has the whole list.

    Attributes:
        lists: native list's name → group → the groups after it; absent: the file has no such list.
        default: for groups that have none of their own; None: there is none.
    """

    def __init__(self, findings: Findings, winners: Winners) -> None:
        self._findings = findings
        self._winners = winners
        self.lists: dict[str, dict[str, After]] = {}
        self.default: After | None = None

    def read(self, item: Entry, path: Path) -> bool:
        """Read one of KEYS; whether it is used, and no finding says so yet."""
        if str(path[-1]) == _DEFAULT:
            return self._read_default(item, path)
        return self._read_list(item, path)

    def _read_default(self, item: Entry, path: Path) -> bool:
        names = self._groups(item.node, path)
        if names is None:
            return False
        if not items_of(item.node):
            self._empty(item, path)
            self.default = self.default or After(item.place, path, ())
            return False
        if not self._winners.has(_DEFAULT, item.place, path):
            return False
        self.default = After(item.place, path, names)
        return True

    def _empty(self, item: Entry, path: Path) -> None:
        # LiteLLM's `given or litellm.given`.
        self._findings.add("exact", item.place, path, "an empty list is none, as in LiteLLM")

    def _read_list(self, item: Entry, path: Path) -> bool:
        if not isinstance(item.node, Sequence):
            self._findings.wrong(item.node.place, path, "a list of maps: `- group: [others]`")
            return False
        if not item.node.items:
            self._empty(item, path)
            return False
        key = str(path[-1])
        used = self._winners.has(key, item.place, path)
        # A list that loses is read for its mistakes.
        table: dict[str, After] = {}
        for index, one in enumerate(items_of(item.node)):
            here = (*path, index)
            if not isinstance(one, Map):
                self._findings.wrong(one.place, here, "a map: `- group: [others]`")
                continue
            for group, others in entries_of(one):
                names = self._groups(others.node, (*here, group))
                if names is not None:
                    self._put(table, group, After(others.place, (*path, group), names))
        if used:
            self.lists[FALLBACK_LISTS[key]] = table
        return used

    def _put(self, table: dict[str, After], group: str, after: After) -> None:
        """Put a group's list into *table*. Of several LiteLLM reads the first, for ``*`` the last."""
        before = table.get(group)
        if before is None or group == ANY:
            table[group] = after
        if before is not None:
            lost = before if group == ANY else after
            note = f"of no effect, as in LiteLLM: `{shorten(group)}` has another list"
            self._findings.add("manual", lost.place, lost.path, note)

    def _groups(self, node: Node, path: Path) -> tuple[Scalar, ...] | None:
        if not isinstance(node, Sequence):
            self._findings.wrong(node.place, path, "a list of groups")
            return None
        names: list[Scalar] = []
        for index, item in enumerate(node.items):
            name = item.get("model") if isinstance(item, Map) else item
            if isinstance(name, Scalar) and text_of(name) is not None:
                names.append(name)
            else:
                self._findings.wrong(item.place, (*path, index), "a group's name")
            if isinstance(item, Map) and len(item.entries) > 1:
                note = "a fallback is a group here; give that group the params"
                self._findings.add("manual", item.place, (*path, index), note)
        return tuple(names)

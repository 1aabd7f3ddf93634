"""Includes: several files united into one tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Final

from router.config import reader, source
from router.config.diagnostics import shorten
from router.config.nodes import Entry, Map, Sequence, entries_of, items_of, text_of
from router.config.secrets import absolute

if TYPE_CHECKING:
    from router.config.diagnostics import Diagnostics
    from router.config.nodes import Node
    from router.config.reader import Limits

MAX_FILES: Final = 64
MAX_DEPTH: Final = 8
_ROOT_ONLY = ("version", "defaults")
_UNITED = ("providers", "profiles", "models")
_LISTED = ("callers", "include")
_ALLOWED_HERE = "an included file has " + ", ".join(f"`{key}`" for key in (*_UNITED, *_LISTED)) + " only"


@dataclass(slots=True)
class Includer:
    """Reads included files.

    Attributes:
        limit: bounds of each file.
        diagnostics: takes the findings.
        directories: file, as it is named in places → its directory; grows with every file read.
    """

    limit: Limits
    diagnostics: Diagnostics
    directories: dict[str, str]
    _count: int = field(default=0)

    def unite(self, root: Map, chain: tuple[str, ...]) -> Map:
        """*root* with everything that its includes add.

        Args:
            root: a file's tree.
            chain: absolute paths of the files that include each other up to this one.
        """
        for node in items_of(root.get("include")):
            name = text_of(node)
            if name is not None and name and "\0" not in name:
                self._include(root, node, name, chain)
        return root

    def _include(self, root: Map, node: Node, name: str, chain: tuple[str, ...]) -> None:
        base = self.directories[node.place.file]
        path = absolute(name, base)
        if path in chain:
            message = f"`{shorten(name)}` includes itself, directly or through others"
            self.diagnostics.add("bad-include", node.place, message, path=("include",), hint="remove it")
            return
        self._count += 1
        if self._count > MAX_FILES or len(chain) > MAX_DEPTH:
            message = f"more than {MAX_FILES} included files, or nested more than {MAX_DEPTH} deep"
            self.diagnostics.add("too-large", node.place, message, path=("include",))
            return
        # Named as seen from where the including file was named, so that places can be clicked.
        shown = str(FilePath(node.place.file).parent / name)
        text = reader.read_file(FilePath(path), self.limit, self.diagnostics, at=node.place)
        tree = source.parse(text, shown, self.limit, self.diagnostics) if text is not None else None
        if tree is None:
            return
        self.directories[shown] = str(FilePath(path).parent)
        self._merge(root, self.unite(tree, (*chain, path)))

    def _merge(self, root: Map, added: Map) -> None:
        for key, entry in added.entries.items():
            path = (key,)
            if key in _ROOT_ONLY:
                message = f"`{key}` belongs to the root file"
                self.diagnostics.add("bad-include", entry.place, message, path=path, hint="move it there")
            elif key == "model_list":
                message = "a LiteLLM file cannot be included"
                self.diagnostics.add(
                    "bad-include", entry.place, message, path=path, hint="write a native file"
                )
            elif key in _LISTED:
                self._unite_list(root, key, entry)
            elif key in _UNITED:
                self._unite_section(root, key, entry)
            else:
                hint = self.diagnostics.did_you_mean(key, (*_UNITED, *_LISTED)) or _ALLOWED_HERE
                self.diagnostics.add("unknown-key", entry.place, "unknown key", path=path, hint=hint)

    def _unite_list(self, root: Map, key: str, entry: Entry) -> None:
        items = items_of(entry.node)
        if not isinstance(entry.node, Sequence) or (key == "include" and None in map(text_of, items)):
            what = "a list of paths" if key == "include" else "a list"
            self.diagnostics.add("wrong-type", entry.node.place, f"must be {what}", path=(key,))
        elif key == "callers":
            known = root.entries.get(key, Entry(entry.place, Sequence(entry.node.place)))
            united = Sequence(known.node.place, [*items_of(known.node), *items])
            root.entries[key] = Entry(known.place, united)

    def _unite_section(self, root: Map, section: str, entry: Entry) -> None:
        if not isinstance(entry.node, Map):
            self.diagnostics.add("wrong-type", entry.node.place, "must be a map", path=(section,))
            return
        known = root.entries.get(section)
        if known is None or not isinstance(known.node, Map):
            root.entries[section] = entry if known is None else known
            return
        united = dict(known.node.entries)
        for name, item in entries_of(entry.node):
            if name in united:
                message = f"`{shorten(name)}` is already defined ({united[name].place})"
                hint = "rename or remove one of them"
                path = (section, name)
                self.diagnostics.add("duplicate-name", item.place, message, path=path, hint=hint)
                continue
            united[name] = item
        root.entries[section] = Entry(known.place, Map(known.node.place, united))

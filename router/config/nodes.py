"""The tree of a YAML file: JSON's values, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from router.config.diagnostics import Path, Place
from router.types import Reference

if TYPE_CHECKING:
    from collections.abc import Iterator

Atom = str | int | float | bool | Reference | None
"""JSON's scalars; a Reference only where a LiteLLM file was converted."""


@dataclass(slots=True, eq=False)
class Scalar:
    """Text, a number, true, false or null."""

    place: Place
    value: Atom


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    place: Place
    items: list[Node] = field(default_factory=list)


class Entry(NamedTuple):
    """A key's place and its value."""

    place: Place
    node: Node


@dataclass(slots=True, eq=False)
class Map:
    """A map; keys are text."""

    place: Place
    entries: dict[str, Entry] = field(default_factory=dict)

    def get(self, key: str) -> Node | None:
        """The value of *key*; None when it is not there."""
        entry = self.entries.get(key)
        return entry.node if entry else None


Node = Scalar | Sequence | Map


def entries_of(node: Node | None) -> Iterator[tuple[str, Entry]]:
    """Keys and entries of a map; nothing for any other node."""
    if isinstance(node, Map):
        yield from node.entries.items()


def items_of(node: Node | None) -> list[Node]:
    """The items of a list; nothing for any other node."""
    return node.items if isinstance(node, Sequence) else []


def text_of(node: Node | None) -> str | None:
    """The text of a scalar; None for any other node."""
    return node.value if isinstance(node, Scalar) and isinstance(node.value, str) else None


def plain(node: Node) -> Any:
    """The tree as Python's own lists, dicts and scalars. Depth is bounded by the reader."""
    if isinstance(node, Map):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return node.value


def tree(data: Any, file: str) -> Node:
    """The reverse of ``plain``: a tree without lines, for a config built in Python."""
    place = Place(file, 0, 0)
    if isinstance(data, dict):
        return Map(place, {str(key): Entry(place, tree(value, file)) for key, value in data.items()})
    if isinstance(data, (list, tuple)):
        return Sequence(place, [tree(item, file) for item in data])
    return Scalar(place, data)


class Found(NamedTuple):
    """Where a path leads: the part of it that is written in the file, and its places."""

    path: Path
    key: Place
    value: Place
    node: Node


def find(root: Node, path: Path) -> Found:
    """Follow *path* as far as it is written.

    Short forms are looked through: in ``models.g.targets[0].model`` of ``g: bytez/a/b`` the text
    itself is what stands there, and the path found is ``models.g``. A key that is not written
    stays in the path found, at the place of its map's value.
    """
    node, key, walked = root, root.place, list[str | int]()
    for index, step in enumerate(path):
        if isinstance(node, Map) and isinstance(step, str):
            entry = node.entries.get(step)
            walked.append(step)
            if entry is None:
                return Found((*walked, *path[index + 1 :]), key, key, node)
            key, node = entry
        elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
            walked.append(step)
            node = node.items[step]
            key = node.place
    return Found(tuple(walked), key, node.place, node)

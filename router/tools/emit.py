"""A native tree as YAML text, with comments where they belong."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from router.config.nodes import Map, Scalar, Sequence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from router.config.nodes import Atom, Entry, Node

    Comments = Mapping[int, list[str]]

_SHORT: Final = 72
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/@+*-]*[A-Za-z0-9_*/]|[A-Za-z_]|[0-9]+(ms|s|m|h)")
_WORDS: Final = frozenset({"true", "false", "null"})
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_TWO_DIGITS: Final = 0xFF
_FOUR_DIGITS: Final = 0xFFFF


def emit(tree: Map, comments: Comments) -> str:
    """YAML that is read back as *tree*.

    Args:
        tree: no literal secret is in it.
        comments: ``id`` of an entry of the tree → the lines to stand above it, without their ``#``.
    """
    return "\n".join([*_Emitter(comments).map(tree, ""), ""])


def scalar_text(value: Atom) -> str:
    """A scalar as YAML, quoted where it would be read as something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text not in _WORDS:
        return text
    return '"' + "".join(_ESCAPES.get(character) or _escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character.isprintable():
        return character
    code = ord(character)
    if code <= _TWO_DIGITS:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _FOUR_DIGITS else f"\\U{code:08x}"


class _Emitter:
    def __init__(self, comments: Comments) -> None:
        self._comments = comments

    def _above(self, item: Entry) -> list[str]:
        return self._comments.get(id(item), [])

    def map(self, node: Map, indent: str) -> list[str]:
        """The lines of a block map; none for an empty one."""
        lines: list[str] = []
        for key, item in node.entries.items():
            lines += [f"{indent}# {line}" for line in self._above(item)]
            value = item.node
            head = f"{indent}{scalar_text(key)}:"
            flow = self._flow(value)
            # The sections of a file are always blocks; inside, what is short is on one line.
            short = bool(indent) and len(flow) <= _SHORT and not self._commented(value)
            if isinstance(value, Scalar) or short or not _children(value):
                lines.append(f"{head} {flow}")
            elif isinstance(value, Map):
                lines += [head, *self.map(value, f"{indent}  ")]
            else:
                lines += [head, *self._list(value, f"{indent}  ")]
        return lines

    def _list(self, node: Sequence, indent: str) -> list[str]:
        lines: list[str] = []
        for item in node.items:
            if not isinstance(item, Map) or not item.entries:
                lines.append(f"{indent}- {self._flow(item)}")
                continue
            inner = self.map(item, f"{indent}  ")
            first = next(i for i, line in enumerate(inner) if not line.lstrip().startswith("#"))
            lines += [line[2:] for line in inner[:first]]
            lines.append(f"{indent}- {inner[first].lstrip()}")
            lines += inner[first + 1 :]
        return lines

    def _flow(self, node: Node) -> str:
        if isinstance(node, Map):
            pairs = (f"{scalar_text(key)}: {self._flow(item.node)}" for key, item in node.entries.items())
            return "{" + ", ".join(pairs) + "}"
        if isinstance(node, Sequence):
            return "[" + ", ".join(self._flow(item) for item in node.items) + "]"
        return scalar_text(node.value)

    def _commented(self, node: Node) -> bool:
        """Whether something inside has a comment, or is a target or group, which has a line of its own."""
        if isinstance(node, Map):
            return any(self._above(item) or self._commented(item.node) for item in node.entries.values())
        return isinstance(node, Sequence) and any(
            isinstance(item, Map) or self._commented(item) for item in node.items
        )


def _children(node: Map | Sequence) -> bool:
    """Whether there is something in it."""
    return bool(node.entries if isinstance(node, Map) else node.items)

"""Text to a tree of nodes with places, by YAML's own events and within bounds.

PyYAML's parser gives events; composing them is ours, because its composer recurses, expands
aliases without bound, reads `no` as false and keeps the last of two equal keys.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

import yaml

from router.config.diagnostics import Diagnostics, Path, Place, shorten
from router.config.nodes import Atom, Entry, Map, Node, Scalar, Sequence
from router.config.reader import Limits, acceptable

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: dict[str, Atom] = {"true": True, "false": False, "null": None, "": None}
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_MAX_INTEGER = 2**64 - 1
_MIN_INTEGER = -(2**63)
_MERGE = "<<"

_NOT_CLOSED = "is not closed"
_NAMELESS = "`*` or `&` begins an alias or an anchor here, which needs a name"
_QUOTE = 'put text that begins with `*` or `&` into quotes, such as `"*"`'
# libyaml's words, by the piece of them that is stable.
_PLAIN_WORDS = (
    ("mapping values are not allowed", "a `:` stands where no key can be; is the indentation right?"),
    ("could not find expected ':'", "a key here lacks its `:`"),
    ("did not find expected key", "a key was expected here; is the indentation right?"),
    ("did not find expected '-'", "a `-` was expected here; is the indentation right?"),
    ("block sequence entries are not allowed", "a `-` cannot stand here; is the indentation right?"),
    ("did not find expected ',' or ']'", f"`,` or `]` is missing: this `[` {_NOT_CLOSED}"),
    ("did not find expected ',' or '}'", f"`,` or `}}` is missing: this `{{` {_NOT_CLOSED}"),
    ("did not find expected node content", "a value was expected here"),
    ("unexpected end of stream", f"this quote {_NOT_CLOSED}"),
    (
        "found character that cannot start any token",
        "this character cannot begin a value (a tab cannot indent); put it into quotes",
    ),
    ("undefined tag handle", "a `!` begins a tag here; put the text into quotes"),
    ("unknown escape character", "an unknown `\\` escape inside double quotes; use single quotes"),
    ("did not find expected alphabetic or numeric character", _NAMELESS),
    ("document start", "there is text after the end of the document"),
)


class _Unusable(Exception):
    """The tree cannot be built any further."""


class _Key(NamedTuple):
    name: str
    place: Place
    role: Literal["entry", "merge", "aside"]  # aside: the second of two equal keys, whose value is lost.


@dataclass(slots=True)
class _Frame:
    """A map or list being filled.

    Attributes:
        before: how many nodes had been counted when it began.
        height: the deepest nesting inside it so far.
        key: a map's key that waits for its value.
        merge: the place of `<<` and what it named.
    """

    node: Map | Sequence
    anchor: str | None
    before: int
    height: int = 0
    key: _Key | None = None
    merge: Entry | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    node: Node
    size: int
    height: int


def parse(text: str, file: str, limit: Limits, diagnostics: Diagnostics) -> Map | None:
    """The tree of a YAML text whose root is a map; None with at least one finding otherwise."""
    if not acceptable(text, file, limit, diagnostics):
        return None
    composer = _Composer(file, limit, diagnostics)
    try:
        root = composer.compose(yaml.parse(text, Loader=_LOADER))
    except _Unusable:
        return None
    except yaml.MarkedYAMLError as error:
        words = _plain_words(error)
        # What is never closed is found out at the end of the file; its beginning is what helps.
        marks = (error.problem_mark, error.context_mark)
        at_its_beginning = words.endswith(_NOT_CLOSED) or words == _NAMELESS
        first, second = reversed(marks) if at_its_beginning else marks
        mark = first or second
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        hint = _QUOTE if words == _NAMELESS else None
        diagnostics.add("yaml-syntax", place, words, hint=hint)
        return None
    except yaml.YAMLError:  # The reader's own error; our character check lets none through that we know of.
        diagnostics.add("yaml-syntax", Place(file, 1, 1), "this cannot be read as YAML")
        return None
    if root is None or (isinstance(root, Scalar) and root.value is None):
        hint = "write at least `version: 1` and `models`"
        diagnostics.add("file-empty", Place(file, 1, 1), "there is no config in it", hint=hint)
        return None
    if not isinstance(root, Map):
        hint = "write keys, such as `version: 1`"
        diagnostics.add("wrong-type", root.place, "the file must be a map of keys", hint=hint)
        return None
    return root


def _plain_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "it cannot be read"
    for piece, words in _PLAIN_WORDS:
        if piece in problem:
            return words
    return f"this is not YAML: {shorten(problem, 80)}"


class _Composer:
    """Builds the tree with a stack of its own, so that depth costs no recursion."""

    def __init__(self, file: str, limit: Limits, diagnostics: Diagnostics) -> None:
        self._file = file
        self._limit = limit
        self._diagnostics = diagnostics
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Anchored | None] = {}  # None: still being filled.
        self._count = 0
        self._most = limit.nodes
        self._root: Node | None = None

    def compose(self, events: Iterator[yaml.Event]) -> Node | None:
        """The root of the only document; None when there is none."""
        documents = 0
        for event in events:
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._open(Map(self._place(event)), event)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._open(Sequence(self._place(event)), event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._close()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    hint = "keep one document"
                    self._fail("yaml-documents", self._place(event), "a second document begins here", hint)
        return self._root

    def _place(self, event: yaml.Event) -> Place:
        mark = event.start_mark
        assert mark is not None  # A parser that reads text always gives one.
        return Place(self._file, mark.line + 1, mark.column + 1)

    def _fail(self, code: str, place: Place, message: str, hint: str | None = None) -> NoReturn:
        self._diagnostics.add(code, place, message, path=self._path(), hint=hint)
        raise _Unusable

    def _path(self) -> Path:
        """Where the node that is being read will stand, as far as its keys are known."""
        steps: list[str | int] = []
        for frame in self._stack:
            if isinstance(frame.node, Sequence):
                steps.append(len(frame.node.items))
            elif frame.key is not None:
                steps.append(frame.key.name)
        return tuple(steps)

    def _add_nodes(self, count: int, place: Place) -> None:
        self._count += count
        if self._count > self._most:
            what = "with its aliases expanded the file" if self._anchors_used else "the file"
            hint = "write out what is repeated, or split the file" if self._anchors_used else self._limit.hint
            self._fail("too-large", place, f"{what} has more than {self._most:,} values", hint)

    @property
    def _anchors_used(self) -> bool:
        return self._most == self._limit.expanded_nodes

    def _check_depth(self, height: int, place: Place) -> None:
        depth = len(self._stack) + height
        if depth > self._limit.depth:
            message = f"maps and lists are nested more than {self._limit.depth} deep"
            self._fail("too-large", place, message, "nest them less deeply; no key of a config needs it")
        # The innermost frame learns it now; the outer ones when it closes.
        if self._stack:
            self._stack[-1].height = max(self._stack[-1].height, height)

    def _check_tag(self, event: yaml.NodeEvent, tag: str | None) -> None:
        if tag is not None:
            shown = shorten(tag.replace("tag:yaml.org,2002:", "!!"))
            message = f"tag `{shown}` is not read"
            self._diagnostics.add(
                "yaml-tag", self._place(event), message, path=self._path(), hint="remove it"
            )

    def _open(self, node: Map | Sequence, event: yaml.CollectionStartEvent) -> None:
        if self._expects_key():
            self._fail("yaml-key", node.place, "a key must be text, not a list or a map")
        self._check_tag(event, event.tag)
        self._check_depth(1, node.place)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._stack.append(_Frame(node, event.anchor, self._count))
        self._add_nodes(1, node.place)

    def _close(self) -> None:
        frame = self._stack.pop()
        if isinstance(frame.node, Map) and frame.merge is not None:
            self._merge(frame.node, frame.merge)
        if frame.anchor is not None:
            size, height = self._count - frame.before, frame.height + 1
            self._anchors[frame.anchor] = _Anchored(frame.node, size, height)
        if self._stack:
            outer = self._stack[-1]
            outer.height = max(outer.height, frame.height + 1)
        self._place_value(frame.node)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        place = self._place(event)
        self._check_tag(event, event.tag)
        # A number inside quotes, or after `|` or `>`, is text.
        is_plain = not event.style
        if self._expects_key():
            if is_plain and not event.value:
                self._fail("yaml-key", place, "a key is missing before the `:`")
            self._key(event.value, place, merges=is_plain and event.value == _MERGE)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchored(Scalar(place, event.value), 1, 0)
            return
        node = Scalar(place, self._value(event.value, place) if is_plain else event.value)
        self._add_nodes(1, place)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(node, 1, 0)
        self._place_value(node)

    def _value(self, text: str, place: Place) -> Atom:
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "-0123456789" or not (match := _NUMBER.fullmatch(text)):
            return text
        if match[1] is None and match[2] is None:
            number: int | float = int(text) if len(text) <= len(str(_MIN_INTEGER)) else _MAX_INTEGER + 1
            fits = _MIN_INTEGER <= number <= _MAX_INTEGER
        else:
            number = float(text)
            fits = math.isfinite(number)
        if not fits:
            hint = "whole numbers have at most 64 bits; put text into quotes"
            message = f"`{shorten(text)}` is out of range"
            self._diagnostics.add("yaml-number", place, message, path=self._path(), hint=hint)
            return 0
        return number

    def _alias(self, event: yaml.NodeEvent) -> None:
        place, name = self._place(event), event.anchor or ""
        if self._expects_key():
            self._fail(
                "yaml-key", place, "a key must be text, not an alias", f"write the name itself; {_QUOTE}"
            )
        shown = shorten(name)
        if name not in self._anchors:
            hint = f'define `&{shown}` first; if it is text, put it into quotes: `"*{shown}"`'
            self._fail("yaml-alias", place, f"no `&{shown}` is defined before this", hint)
        anchored = self._anchors[name]
        if anchored is None:
            self._fail("yaml-alias", place, f"`*{shown}` stands inside `&{shown}` itself: it would never end")
        self._most = self._limit.expanded_nodes
        self._add_nodes(anchored.size, place)
        self._check_depth(anchored.height, place)
        self._place_value(anchored.node)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].node, Map) and self._stack[-1].key is None

    def _key(self, name: str, place: Place, *, merges: bool) -> None:
        frame = self._stack[-1]
        assert isinstance(frame.node, Map)
        entry = frame.node.entries.get(name)
        first = frame.merge.place if merges and frame.merge else entry.place if entry and not merges else None
        if first is None:
            frame.key = _Key(name, place, "merge" if merges else "entry")
            return
        frame.key = _Key(name, place, "aside")
        hint = "write `<<: [*one, *two]`" if merges else "keep one of them"
        where = f"first on line {first.line}, column {first.column}"
        message = f"`{shorten(name)}` stands twice in this map, {where}"
        self._diagnostics.add("duplicate-key", place, message, path=self._path(), hint=hint)
        if self._diagnostics.full:
            raise _Unusable

    def _place_value(self, node: Node) -> None:
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        if isinstance(frame.node, Sequence):
            frame.node.items.append(node)
            return
        assert frame.key is not None
        key, frame.key = frame.key, None
        if key.role == "entry":
            frame.node.entries[key.name] = Entry(key.place, node)
        elif key.role == "merge":
            frame.merge = Entry(key.place, node)

    def _merge(self, into: Map, merge: Entry) -> None:
        # A key written in the map wins over a merged one, an earlier map over a later.
        for source in merge.node.items if isinstance(merge.node, Sequence) else [merge.node]:
            if not isinstance(source, Map):
                message = "`<<` must name a map, or a list of maps"
                path = (*self._path(), _MERGE)
                self._diagnostics.add("yaml-merge", merge.place, message, path=path)
                continue
            for key, entry in source.entries.items():
                into.entries.setdefault(key, entry)

"""The changes that mutmut does not try: tables, constants, defaults of dataclasses, properties.

mutmut breaks the bodies of functions without a decorator. Much of the core is data, though: which
failure means what, which code belongs to which class, what a policy is when nothing is said. Here
every such value is changed by itself, in the text of its file:

- a text gets other words, a number one more, True becomes False;
- an enum's member becomes another one of that enum;
- an entry of a dict, list, set or tuple is left out;
- an operator becomes its neighbour (``<`` and ``<=``, ``and`` and ``or``, ``*`` and ``/`` …).

Left alone: docstrings, annotations, aliases of types, ``__all__``, and the values of a plain Enum,
which are words for people.
"""

from __future__ import annotations

import ast
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_COMPARISONS: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}
_OPERATORS: dict[type[ast.operator], ast.operator] = {
    ast.Add: ast.Sub(),
    ast.Sub: ast.Add(),
    ast.Mult: ast.Div(),
    ast.Div: ast.Mult(),
    ast.BitOr: ast.BitAnd(),
    ast.BitAnd: ast.BitOr(),
}
_UNDECORATED = {"staticmethod", "classmethod"}  # mutmut takes these as if they had no decorator.


@dataclass(frozen=True)
class Change:
    """One change of a file.

    Attributes:
        was, now: the changed lines before and after, each in one line without indentation.
        source: the whole file, changed.
    """

    was: str
    now: str
    source: str


def changes(source: str) -> Iterator[Change]:
    """All changes of the tables in *source*, a module's text."""
    tree = ast.parse(source)
    members = _members(tree)
    lengths = [len(line) for line in source.encode().split(b"\n")]
    starts = list(itertools.accumulate((length + 1 for length in lengths), initial=0))
    for root in _data(tree.body):
        for first, last, new in _edits(root, members):
            assert last.end_lineno is not None
            assert last.end_col_offset is not None
            begin = starts[first.lineno - 1] + first.col_offset
            end = starts[last.end_lineno - 1] + last.end_col_offset
            yield _replaced(source, begin, end, new)


def _data(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """The parts of a module, or of a class, that are data or that mutmut leaves out."""
    for statement in body:
        if isinstance(statement, ast.ClassDef):
            plain = any(isinstance(base, ast.Name) and base.id == "Enum" for base in statement.bases)
            inner = [part for part in statement.body if not (plain and isinstance(part, ast.Assign))]
            yield from _data(inner)
        elif isinstance(statement, ast.FunctionDef):
            if any(ast.unparse(name) not in _UNDECORATED for name in statement.decorator_list):
                yield from (part for part in statement.body if not isinstance(part, ast.Expr))
        elif isinstance(statement, ast.Assign):
            if ast.unparse(statement.targets[0]) != "__all__" and not _names_a_type(statement.value):
                yield statement.value
        elif isinstance(statement, ast.AnnAssign) and ast.unparse(statement.annotation) != "TypeAlias":
            yield from () if statement.value is None else (statement.value,)


def _names_a_type(value: ast.expr) -> bool:
    """Whether *value* is like ``A | B`` or ``dict[A, B]``."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitOr):
        return _names_a_type(value.left) and _names_a_type(value.right)
    return isinstance(value, ast.Name | ast.Subscript)


def _members(tree: ast.Module) -> dict[str, list[str]]:
    """By enum, the members that the file names."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if _is_member(node):
            found.setdefault(ast.unparse(node.value), set()).add(node.attr)
    return {name: sorted(members) for name, members in found.items()}


def _is_member(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.isupper()


def _edits(root: ast.AST, members: Mapping[str, list[str]]) -> Iterator[tuple[ast.expr, ast.expr, str]]:
    """What is to be changed in *root*: from which expression to which, and the new text."""
    if isinstance(root, ast.JoinedStr):
        return  # A format: its parts have no positions of their own.
    if isinstance(root, ast.expr):
        yield from ((root, root, new) for new in _instead(root, members))
    if isinstance(root, ast.Dict):
        pairs = zip(root.keys, root.values, strict=True)
        yield from ((key, value, "**{}") for key, value in pairs if key is not None)
    elif isinstance(root, ast.List | ast.Set | ast.Tuple):
        yield from ((element, element, "*()") for element in root.elts)
    for child in ast.iter_child_nodes(root):
        yield from _edits(child, members)


def _instead(node: ast.expr, members: Mapping[str, list[str]]) -> Iterator[str]:
    """The expressions to put in the place of *node*."""
    if isinstance(node, ast.Constant):
        yield from _other(node.value)
    elif _is_member(node):
        enum = ast.unparse(node.value)
        known = members[enum]
        if len(known) > 1:
            yield f"{enum}.{known[(known.index(node.attr) + 1) % len(known)]}"
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        yield f"({ast.unparse(ast.BinOp(node.left, _OPERATORS[type(node.op)], node.right))})"
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"({ast.unparse(ast.BoolOp(other, node.values))})"
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield f"({ast.unparse(ast.Compare(node.left, [_COMPARISONS[type(node.ops[0])]], node.comparators))})"


def _other(value: object) -> Iterator[str]:
    if isinstance(value, bool):
        yield repr(not value)
    elif isinstance(value, int | float):
        yield repr(value + 1)
    elif isinstance(value, str):
        yield repr(f"XX{value}XX")


def _replaced(source: str, begin: int, end: int, new: str) -> Change:
    """*source* with the bytes from *begin* to *end*, counted in UTF-8, replaced by *new*."""
    raw = source.encode()
    changed = raw[:begin] + new.encode() + raw[end:]
    first = raw.rfind(b"\n", 0, begin) + 1
    after = raw.find(b"\n", end)
    now = changed[first : after + len(changed) - len(raw)]
    return Change(_one_line(raw[first:after]), _one_line(now), changed.decode())


def _one_line(raw: bytes) -> str:
    return " ".join(raw.decode().split())

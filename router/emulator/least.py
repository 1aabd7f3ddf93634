"""The least value that a JSON schema allows, as far as some of its keywords go.

Looked at are ``type``, ``const``, ``enum``, ``$ref`` within the schema, ``allOf``, ``anyOf``, ``oneOf`` (as
``anyOf``), ``properties``, ``required``, ``additionalProperties``, ``items``, ``prefixItems``, the least and
most items and characters, and the bounds of numbers. A ``const`` or ``enum`` is not held against the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from router.emulator.exchange import Refused

MAX_DEPTH = 16
MAX_VALUES = 1_000
MAX_LENGTH = 1_000

_LARGEST = 2**63 - 1  # the largest integer that is written
_TYPES = ("object", "array", "string", "number", "integer", "boolean", "null")
_NOWHERE = object()

Schemas: TypeAlias = Sequence[Mapping[str, Any]]
"""They hold for one value at once."""


def least_value(schema: Mapping[str, Any]) -> Any:
    """The least value of *schema*: a constant, 0, "", an empty list, an object of what is required.

    Of ``anyOf`` the first schema counts that allows a value, of several types the first.

    Raises:
        Refused: 400, no value was found.
    """
    return _Maker(schema).value([_Asked(schema, frozenset({"#"}))], MAX_DEPTH)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A schema that a value must keep.

    Attributes:
        schema: whatever the client wrote there.
        inside: the references that led to it.
    """

    schema: Any
    inside: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Node:
    """All that one value must keep: each of *parts*, whose schemas are objects, and one of each choice."""

    parts: tuple[_Asked, ...] = ()
    choices: tuple[tuple[_Asked, ...], ...] = ()


class _Maker:
    """Makes values of parts of one schema, within bounds."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MAX_VALUES

    def value(self, asked: Iterable[_Asked], depth: int) -> Any:
        """The least value that keeps all of *asked*, of at most *depth* levels."""
        node = _Node()
        for item in asked:
            node = self._with(node, item, depth)
        return self._least(node, depth)

    def _with(self, node: _Node, asked: _Asked, depth: int) -> _Node:
        """*node* with one schema more, and all that this one refers to."""
        self._left -= 1
        if depth == 0 or self._left < 0:
            raise Refused(
                400,
                f"a schema asks for more than {MAX_DEPTH} levels, or {MAX_VALUES:,} values, of required ones",
            )
        schema, inside = asked.schema, asked.inside
        if schema is False:
            raise Refused(400, "a schema requires what a schema of false forbids")
        if not isinstance(schema, Mapping):
            return node
        choices = [_listed(schema, name, inside) for name in ("anyOf", "oneOf")]
        node = _Node((*node.parts, asked), (*node.choices, *filter(None, choices)))
        reference = schema.get("$ref")
        if isinstance(reference, str):
            node = self._with(node, self._referred(reference, inside), depth - 1)
        for part in _listed(schema, "allOf", inside):
            node = self._with(node, part, depth - 1)
        return node

    def _referred(self, reference: str, inside: frozenset[str]) -> _Asked:
        if reference in inside:  # Only a choice ends this: the least value never takes this way.
            raise Refused(400, "a schema refers to itself without end, by what it requires")
        schema = _at(reference, self._root)
        if schema is _NOWHERE:
            raise Refused(400, "a $ref must point into its own schema, as #/$defs/Name does")
        return _Asked(schema, inside | {reference})

    def _least(self, node: _Node, depth: int) -> Any:
        if node.choices:
            options, *others = node.choices
            rest = replace(node, choices=tuple(others))
            return _first(options, lambda option: self._least(self._with(rest, option, depth - 1), depth - 1))
        schemas = [part.schema for part in node.parts]
        for schema in schemas:
            if "const" in schema:
                return schema["const"]
        for schema in schemas:
            if values := _list(schema, "enum"):
                return values[0]
        return _first(_types(schemas), lambda kind: self._of_type(kind, node, depth))

    def _of_type(self, kind: str, node: _Node, depth: int) -> Any:
        schemas = [part.schema for part in node.parts]
        match kind:
            case "object":
                return self._object(node, depth)
            case "array":
                return [
                    self.value(_of_item(node, index), depth - 1)
                    for index in range(_size(schemas, "minItems", "maxItems", MAX_VALUES))
                ]
            case "string":
                return "x" * _size(schemas, "minLength", "maxLength", MAX_LENGTH)
            case "number" | "integer":
                return _number(schemas, whole=kind == "integer")
            case "boolean":
                return False
            case _:
                return None

    def _object(self, node: _Node, depth: int) -> dict[str, Any]:
        names = [name for part in node.parts for name in _list(part.schema, "required")]
        required = dict.fromkeys(name for name in names if isinstance(name, str))
        return {name: self.value(_of_property(node, name), depth - 1) for name in required}


def _listed(schema: Mapping[str, Any], name: str, inside: frozenset[str]) -> tuple[_Asked, ...]:
    """The schemas in the list *name* of *schema*."""
    return tuple(_Asked(item, inside) for item in _list(schema, name))


def _list(schema: Mapping[str, Any], name: str) -> list[Any]:
    """The list *name* of *schema*, empty when it is none; more than can be looked at is left off."""
    held = schema.get(name)
    return held[: MAX_VALUES + 1] if isinstance(held, list) else []


def _first(options: Iterable[Any], make: Callable[[Any], Any]) -> Any:
    """What *make* gives for the first of *options* that it does not refuse; there is one at least."""
    refusal = None
    for option in options:
        try:
            return make(option)
        except Refused as refused:
            refusal = refused
    raise refusal or Refused(400, "a schema requires a value of no type")


def _types(schemas: Schemas) -> list[str]:
    """The types that all *schemas* allow, in the order of the first that names any; else ``object``."""
    held = [schema["type"] for schema in schemas if isinstance(schema.get("type"), str | list)]
    named = [[kind] if isinstance(kind, str) else kind[: len(_TYPES)] for kind in held]
    if any(kind not in _TYPES for kinds in named for kind in kinds):
        raise Refused(400, f"a type in a schema must be one of {', '.join(_TYPES)}")
    if not named:
        return ["object"]
    found = [kind for first in named[0] for kind in ((first, "integer") if first == "number" else (first,))]
    return [
        kind
        for kind in found
        if all(kind in kinds or (kind == "integer" and "number" in kinds) for kinds in named)
    ]


def _of_property(node: _Node, name: str) -> list[_Asked]:
    """What the property *name* of an object must keep."""
    asked = []
    for part in node.parts:
        properties = part.schema.get("properties")
        if isinstance(properties, Mapping) and name in properties:
            asked.append(_Asked(properties[name], part.inside))
        elif "additionalProperties" in part.schema:
            asked.append(_Asked(part.schema["additionalProperties"], part.inside))
    return asked or [_Asked(True, frozenset())]


def _of_item(node: _Node, index: int) -> list[_Asked]:
    """What item *index* of a list must keep."""
    asked = []
    for part in node.parts:
        first = part.schema.get("prefixItems")
        if isinstance(first, list) and index < len(first):
            asked.append(_Asked(first[index], part.inside))
        elif "items" in part.schema:
            asked.append(_Asked(part.schema["items"], part.inside))
    return asked or [_Asked(True, frozenset())]


def _numbers(schemas: Schemas, name: str) -> list[float]:
    held = [schema.get(name) for schema in schemas]
    return [value for value in held if isinstance(value, int | float) and not isinstance(value, bool)]


def _size(schemas: Schemas, least: str, most: str, limit: int) -> int:
    """The fewest items or characters that *schemas* allow."""
    size = math.ceil(max(_numbers(schemas, least), default=0))
    if size > limit:
        raise Refused(400, f"{least} in a schema must be at most {limit:,} here")
    if any(size > value for value in _numbers(schemas, most)):
        raise Refused(400, f"{least} is above {most} in a schema")
    return max(size, 0)


def _number(schemas: Schemas, *, whole: bool) -> float:
    """0, or a number near to it, that is within all bounds."""
    least, most = _numbers(schemas, "minimum"), _numbers(schemas, "maximum")
    above, below = _numbers(schemas, "exclusiveMinimum"), _numbers(schemas, "exclusiveMaximum")
    low, high = max([*least, *above], default=None), min([*most, *below], default=None)
    tries: list[float] = [0]
    if low is not None:
        tries += [math.ceil(low), math.floor(low) + 1, low]
    if high is not None:
        tries += [math.floor(high), math.ceil(high) - 1, high]
    if low is not None and high is not None:
        tries.append(low / 2 + high / 2)
    for value in tries:
        fits = (
            all(value >= bound for bound in least)
            and all(value <= bound for bound in most)
            and all(value > bound for bound in above)
            and all(value < bound for bound in below)
        )
        is_kind = abs(value) <= _LARGEST if isinstance(value, int) else not whole
        if fits and is_kind:
            return value
    raise Refused(400, "no number is within the bounds of a schema")


def _at(reference: str, root: Mapping[str, Any]) -> Any:
    """What a reference such as ``#/$defs/Place`` points at; _NOWHERE when nothing is there."""
    start, *steps = reference.split("/")
    held: Any = root if start == "#" else _NOWHERE
    for step in steps:
        name = step.replace("~1", "/").replace("~0", "~")
        held = held.get(name, _NOWHERE) if isinstance(held, Mapping) else _NOWHERE
    return held

"""What pydantic finds, as diagnostics: same words for every model, places from the tree."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from router.config import units
from router.config.codes import CODES
from router.config.diagnostics import shorten
from router.config.models import RouterConfig
from router.config.nodes import Map, Scalar, Sequence, entries_of, find, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from router.config.diagnostics import Diagnostics, Path, Place
    from router.config.nodes import Node

LITELLM_ROOT_KEYS = (
    "model_list",
    "litellm_settings",
    "router_settings",
    "general_settings",
    "environment_variables",
    "credential_list",
    "callback_settings",
)

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_type": "a map",
    "tuple_type": "a list",
}
_LIMITS = {
    "greater_than_equal": ("ge", "must be at least {}"),
    "greater_than": ("gt", "must be more than {}"),
    "less_than_equal": ("le", "must be at most {}"),
    "string_too_short": ("min_length", "must have at least {} character"),
    "string_too_long": ("max_length", "must have at most {} characters"),
    "too_short": ("min_length", "must have at least {} item"),
    "too_long": ("max_length", "must have at most {} items"),
}
_HINTS = {
    "text": "put it into quotes",
    "a whole number": "write a number such as `3`, without quotes",
    "a number": "write a number such as `0.5`, without quotes",
    "a finite number": "write a number such as `0.5`",
    "a map": "write `key: value` pairs",
    "true or false": "write `true` or `false`, without quotes",
    "a list": "write `[…]`, or one item a line beginning with `- `",
}


_INSTEAD_OF_A_MAP = {
    "backoff": ("base", "250ms"),
    "cache": ("ttl", "10m"),
    "ejection": ("consecutive", "5"),
    "hedge": ("after", "2s"),
    "limits": ("rpm", "60"),
}
"""The key that a single value in place of the map is most likely to be meant for, and an example of it."""

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%")

Config = TypeVar("Config", bound=BaseModel)


def validate(root: Map, diagnostics: Diagnostics) -> RouterConfig | None:
    """The config that *root* spells, or None with at least one finding."""
    data = plain(root)
    if data.get("models", ...) is None:
        del data["models"]  # An empty `models:` is one finding, `no-models`, not two.
    return _validated(RouterConfig, data, root, diagnostics)


def validate_as(whole: type[Config], root: Map, diagnostics: Diagnostics) -> Config | None:
    """What *root* spells as a *whole* of another kind than a config, or None with at least one finding."""
    return _validated(whole, plain(root), root, diagnostics)


def _validated(whole: type[Config], data: Any, root: Map, diagnostics: Diagnostics) -> Config | None:
    try:
        return whole.model_validate(data)
    except ValidationError as error:
        for details in _united(error.errors(include_url=False, include_input=False)):
            if diagnostics.full:
                break
            if not _echoes(details, root, diagnostics):
                _report(details, root, diagnostics, whole)
    assert not diagnostics.ok, "a config was refused without a finding"
    return None


def _united(every: list[ErrorDetails]) -> Iterator[ErrorDetails]:
    """*every*, but of a number's two kinds only the wider one is spoken of, and at the number itself."""
    locs = {details["loc"] for details in every}
    for details in every:
        loc, kind = details["loc"], details["type"]
        if kind.startswith("int_") and loc[-1:] == ("int",) and (*loc[:-1], "float") in locs:
            continue
        wider = kind == "float_type" and loc[-1:] == ("float",) and (*loc[:-1], "int") in locs
        yield {**details, "loc": loc[:-1]} if wider else details


def _echoes(details: ErrorDetails, root: Map, diagnostics: Diagnostics) -> bool:
    """Whether *details* only repeat what another finding says: one mistake is one finding."""
    found, kind = find(root, details["loc"]), details["type"]
    if kind == "too_short" and isinstance(found.node, Sequence):
        least: int = details["ctx"]["min_length"]
        return len(found.node.items) >= least  # Items with findings were not counted.
    return kind in _LIMITS and diagnostics.has("yaml-number", found.value)  # 0 stands for such a number.


def model_at(path: Path, whole: type[BaseModel] = RouterConfig) -> type[BaseModel]:
    """The model that describes the map at *path* of a *whole*."""
    model = whole
    skip = 0
    for step in path:
        if skip:
            skip -= 1
            continue
        field = model.model_fields.get(str(step))
        inner = _inner(field.annotation) if field else None
        if inner is None:
            break
        model, skip = inner
    return model


def _inner(annotation: Any) -> tuple[type[BaseModel], int] | None:
    """The model inside an annotation, and how many steps (a key, an index) lead to it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, 0
    origin = getattr(annotation, "__origin__", None)
    for argument in get_args(annotation):
        found = _inner(argument)
        if found:
            return found[0], found[1] + (origin in (dict, tuple))
    return None


def _report(details: ErrorDetails, root: Map, diagnostics: Diagnostics, whole: type[BaseModel]) -> None:
    # What pydantic calls `[key]` is a map's key, not a step.
    loc: Path = tuple(step for step in details["loc"] if step != "[key]")
    kind = details["type"]
    if kind == "extra_forbidden":
        _unknown_key(loc, root, diagnostics, whole)
    elif loc == ("version",):
        place = find(root, loc)
        what = "`version` is missing" if kind == "missing" else "the only version is 1"
        diagnostics.add("bad-version", place.value, what, path=loc, hint="write `version: 1`")
    elif kind == "missing":
        _missing_key(loc, root, diagnostics, model_at(loc[:-1], whole))
    else:
        _bad_value(details, loc, root, diagnostics)


def _missing_key(loc: Path, root: Map, diagnostics: Diagnostics, model: type[BaseModel]) -> None:
    name, found = str(loc[-1]), find(root, loc)
    place, message = found.key, f"`{name}` is missing"
    example = (model.model_fields[name].examples or [""])[0]
    hint = f"add it, such as `{name}: {example}`" if isinstance(example, str | int) else f"add `{name}: […]`"
    misspelt = _misspelt(found.node, name, diagnostics, model)
    if misspelt is not None:
        if model.model_config.get("extra") != "allow":
            return  # The misspelt key is a finding of its own.
        place, hint = misspelt[1], f"write `{name}` in place of `{shorten(misspelt[0])}`"
    diagnostics.add("missing-key", place, message, path=loc[:-1], hint=hint)


def _misspelt(
    node: Node, name: str, diagnostics: Diagnostics, model: type[BaseModel]
) -> tuple[str, Place] | None:
    """The key of *node* that was probably meant to be *name*, and its place."""
    for written, entry in islice(entries_of(node), 64):
        if written not in model.model_fields and diagnostics.did_you_mean(written, (name,)):
            return written, entry.place
    return None


def _unknown_key(loc: Path, root: Map, diagnostics: Diagnostics, whole: type[BaseModel]) -> None:
    name, parent = str(loc[-1]), loc[:-1]
    model = model_at(parent, whole)
    other = _elsewhere(name, parent) if whole is RouterConfig else None
    candidates = [*model.model_fields, *(LITELLM_ROOT_KEYS if model is RouterConfig else ())]
    hint = diagnostics.did_you_mean(name, candidates) or other or _keys_of(model)
    diagnostics.add("unknown-key", find(root, loc).key, "unknown key", path=loc, hint=hint)


def _elsewhere(name: str, parent: Path) -> str | None:
    """Where a config's key that is right elsewhere belongs; None when it is right nowhere."""
    if not parent and name in model_at(("defaults",)).model_fields:
        return f"write it as `defaults.{name}`"
    if parent[:1] == ("models",) and name in model_at(("models", "", "targets", 0)).model_fields:
        return f"`{name}` belongs to a target: `targets: [{{model: …, {name}: …}}]`"
    return None


def _keys_of(model: type[BaseModel]) -> str:
    keys = list(model.model_fields)
    return "the keys here are " + ", ".join(f"`{key}`" for key in keys[:20])


def _bad_value(details: ErrorDetails, loc: Path, root: Map, diagnostics: Diagnostics) -> None:
    kind, context = details["type"], details.get("ctx", {})
    found = find(root, loc)
    if kind in CODES:
        diagnostics.add(kind, found.value, context["message"], path=found.path, hint=context["hint"])
        return
    hint: str | None = None
    if kind == "literal_error":
        allowed = [word.strip("'") for word in str(context["expected"]).replace(" or ", ", ").split(", ")]
        code, message = "bad-value", "must be " + " or ".join(f"`{word}`" for word in allowed)
        if isinstance(found.node, Scalar) and isinstance(found.node.value, str):
            hint = diagnostics.did_you_mean(found.node.value, allowed)
            message += _shown(found.node.value, loc)
    elif kind in _LIMITS:
        name, words = _LIMITS[kind]
        code, message = "bad-value", words.format(context[name])
    else:
        wanted = _KINDS.get(kind, "another kind of value")
        code, message = "wrong-type", f"must be {wanted}, not {_kind_of(found.node)}"
        hint = _short_hint(str(loc[-1]), found.node) if wanted == "a map" else _hint(wanted, found.node)
    diagnostics.add(code, found.value, message, path=found.path, hint=hint)


def _short_hint(key: str, node: Node) -> str | None:
    """What was probably meant by one value where a map must stand: `hedge: 2s` by `{after: 2s}`."""
    name, value = _INSTEAD_OF_A_MAP.get(key, ("", ""))
    if not name or not isinstance(node, Scalar) or node.value is None:
        return _HINTS["a map"]
    written = node.value
    kind = re.compile(units.DURATION_PATTERN) if value[-1:].isalpha() else re.compile("[0-9]+")
    if not isinstance(written, bool) and kind.fullmatch(str(written)):
        value = str(written)
    return f"write `{key}: {{{name}: {value}}}`"


def _hint(wanted: str, node: Node) -> str | None:
    # A list or a map does not become text by quotes.
    if wanted == "text" and not isinstance(node, Scalar):
        return "write one word or text"
    share = _PERCENT.fullmatch(str(node.value)) if isinstance(node, Scalar) else None
    if wanted == "a number" and share is not None:
        return f"write `{float(share[1]) / 100:g}`"
    return _HINTS.get(wanted)


def _shown(text: str, loc: Path) -> str:
    # Under these two any text could be a key that was pasted into the wrong place.
    return "" if loc[:1] in (("providers",), ("callers",)) else f", not `{shorten(text)}`"


def _kind_of(node: Node) -> str:
    if isinstance(node, Map):
        return "a map"
    if isinstance(node, Sequence):
        return "a list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return "true or false"
    return "text" if isinstance(node.value, str) else "a number"

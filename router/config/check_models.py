"""Cross-references of model groups: targets, names, fallbacks, profiles, reserved params.

Everything is read from the tree as it was written, so that a misspelt key elsewhere hides nothing;
what has the wrong type is passed over here, because validation names it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from router.config.diagnostics import shorten
from router.config.names import (
    MAX_ALIKE,
    MAX_NAME,
    MAX_STARS,
    MAX_WILDCARDS,
    SEGMENTS,
    Model,
    Names,
    bytez_problem,
    literal_length,
    ties,
    usable_name,
)
from router.config.nodes import Map, Scalar, Sequence, entries_of, find, items_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.config.diagnostics import Diagnostics, Path, Place
    from router.config.models import PolicySettings, RouterConfig
    from router.config.nodes import Entry, Node

# Router, connection and account are steered by keys of their own, never by a generation param.
# fmt: off
RESERVED_PARAMS: Final = frozenset({
    "autoScale", "json", "input", "api_key", "api_base", "base_url", "headers", "extra_headers",
    "extra_query", "timeout", "num_retries", "max_retries", "fallbacks", "provider_key", "model_list",
    "mock_response", "model", "messages", "stream", "router",
})
# fmt: on
_VISIBLE = re.compile(r"[\x21-\x7e]+")
_FALLBACK_LISTS = ("on_error", "on_context_overflow", "on_content_policy")


@dataclass(frozen=True, slots=True)
class Target:
    """A target as it is written: its ``provider/model`` and where that text stands."""

    model: str
    place: Place
    path: Path


def targets_of(group: Node, path: Path) -> Iterator[Target]:
    """The targets of a group in any of its spellings."""
    short = text_of(group)
    if short is not None:
        yield Target(short, group.place, path)
        return
    targets = group.get("targets") if isinstance(group, Map) else None
    for index, item in enumerate(items_of(targets)):
        here = (*path, "targets", index)
        node = item.get("model") if isinstance(item, Map) else item
        model = text_of(node)
        if node is not None and model is not None:
            yield Target(model, node.place, here if node is item else (*here, "model"))


def adapters(root: Map) -> dict[str, str | None]:
    """Provider → adapter (None: not a known one); ``bytez`` is always there."""
    found: dict[str, str | None] = {"bytez": "bytez"}
    for name, entry in entries_of(root.get("providers")):
        written = text_of(entry.node.get("adapter")) if isinstance(entry.node, Map) else None
        found[name] = written or ("bytez" if name == "bytez" else None)
    return found


def check_models(root: Map, diagnostics: Diagnostics) -> None:
    """Add every finding about ``models``, ``profiles``, ``defaults`` and ``callers``."""
    checker = _Checker(root, diagnostics)
    checker.names()
    for name, entry in checker.groups.items():
        if diagnostics.full:
            break
        checker.group(name, entry)
    checker.callers()
    check_params(root, diagnostics)


class _Checker:
    def __init__(self, root: Map, diagnostics: Diagnostics) -> None:
        self._root = root
        self._diagnostics = diagnostics
        self._adapters = adapters(root)
        self._profiles = dict(entries_of(root.get("profiles")))
        self.groups: dict[str, Entry] = dict(entries_of(root.get("models")))
        self._names = Names(self.groups, dict(self._wildcard_targets()))

    # --- names

    def names(self) -> None:
        """Group names, aliases, wildcards."""
        if not self.groups and not _written_wrong(self._root.get("models")):
            found = find(self._root, ("models",))
            hint = "add `models:` and a line such as `gemma-3: bytez/google/gemma-3-4b-it`"
            self._diagnostics.add(
                "no-models", found.key, "there is no model group", path=("models",), hint=hint
            )
        for name, entry in self.groups.items():
            self._name(name, entry.place, ("models", name))
        for name, entry in self._profiles.items():
            self._name(name, entry.place, ("profiles", name))
        for name, entry in self.groups.items():
            self._aliases(name, entry.node)
        self._wildcards()

    def _name(self, name: str, place: Place, path: Path) -> None:
        if not usable_name(name):
            message = f"a name has 1 to {MAX_NAME} printable characters, without spaces around it"
            self._diagnostics.add("bad-name", place, message, path=path)
        elif path[0] == "models" and name.count("*") > MAX_STARS:
            self._diagnostics.add("wildcard-stars", place, "a wildcard has only one `*`", path=path)

    def _aliases(self, group: str, node: Node) -> None:
        aliases = node.get("aliases") if isinstance(node, Map) else None
        for index, item in enumerate(items_of(aliases)):
            alias, path = text_of(item), ("models", group, "aliases", index)
            if alias is None:
                continue
            if "*" in alias or not usable_name(alias):
                message = f"an alias has 1 to {MAX_NAME} printable characters and no `*`"
                self._diagnostics.add("bad-name", item.place, message, path=path)
                continue
            other = alias if alias in self.groups else self._names.aliases.get(alias)
            if other is None:
                self._names.aliases[alias] = group
                continue
            where = self.groups[other].place
            what = "is a group" if other == alias else f"is an alias of `{shorten(other)}`"
            message = f"`{shorten(alias)}` already {what} ({where})"
            self._diagnostics.add(
                "duplicate-name", item.place, message, path=path, hint="choose another alias"
            )

    def _wildcards(self) -> None:
        wildcards = [name for name in self.groups if name.count("*") == 1]
        alike: defaultdict[str, int] = defaultdict(int)
        by_length: defaultdict[int, list[str]] = defaultdict(list)
        for name in wildcards:
            alike[name.partition("*")[0]] += 1
            by_length[literal_length(name)].append(name)
        if len(wildcards) > MAX_WILDCARDS or max(alike.values(), default=0) > MAX_ALIKE:
            limit = f"more than {MAX_WILDCARDS:,} wildcards, or {MAX_ALIKE} that begin alike"
            self._diagnostics.add("too-large", self.groups[wildcards[0]].place, limit, path=("models",))
            return
        for same in by_length.values():
            for one, other in ties(same):
                place = self.groups[other].place
                message = f"ties with `{shorten(one)}` ({self.groups[one].place}): a name could match both"
                hint = "make one of them longer"
                self._diagnostics.add("wildcard-tie", place, message, path=("models", other), hint=hint)

    def _wildcard_targets(self) -> Iterator[tuple[str, list[Model]]]:
        """The targets of each wildcard; those that are findings themselves are left out."""
        for name, entry in self.groups.items():
            if name.count("*") != MAX_STARS:
                continue
            models = []
            for target in targets_of(entry.node, ()):
                provider, _, model = target.model.partition("/")
                adapter = self._adapters.get(provider)
                if adapter and model and not (adapter == "bytez" and bytez_problem(model)):
                    models.append(Model(model, SEGMENTS.get(adapter)))
            yield name, models

    # --- one group

    def group(self, name: str, entry: Entry) -> None:
        """Targets, profile and fallbacks of a group."""
        path: Path = ("models", name)
        node = entry.node
        for target in targets_of(node, path):
            self._target(name, target)
        if not isinstance(node, Map):
            return
        targets = node.get("targets")
        if isinstance(targets, Sequence) and not targets.items:
            hint = "list at least one `provider/model`"
            self._diagnostics.add(
                "no-targets", targets.place, "no targets", path=(*path, "targets"), hint=hint
            )
        self._profile(node, name)
        self._fallbacks(name, node.get("fallbacks"))

    def _target(self, group: str, target: Target) -> None:
        text, place, path = target.model, target.place, target.path
        provider, slash, model = text.partition("/")
        if not (provider and slash and model and len(text) <= MAX_NAME and _VISIBLE.fullmatch(text)):
            hint = "write `provider/model`, such as `bytez/google/gemma-3-4b-it`"
            message = f"`{shorten(text)}` is not a target"
            self._diagnostics.add("bad-target", place, message, path=path, hint=hint)
            return
        if text.count("*") > min(group.count("*"), MAX_STARS):
            message = "a target has at most as many `*` as its group's name"
            self._diagnostics.add("wildcard-stars", place, message, path=path, hint="name one model")
        if provider not in self._adapters:
            near = self._diagnostics.did_you_mean(provider, self._adapters)
            hint = near or f"define `providers.{shorten(provider)}`"
            message = f"there is no provider `{shorten(provider)}`"
            self._diagnostics.add("unknown-provider", place, message, path=path, hint=hint)
            return
        problem = bytez_problem(model) if self._adapters[provider] == "bytez" else None
        if problem:
            hint = f"write `{provider}/org/name`"
            message = f"the Bytez model `{shorten(model)}` {problem}"
            self._diagnostics.add("bad-bytez-model", place, message, path=path, hint=hint)

    def _profile(self, node: Map, group: str) -> None:
        written = node.get("profile")
        name = text_of(written)
        if written is None or name is None or name in self._profiles:
            return
        hint = self._diagnostics.did_you_mean(name, self._profiles)
        message = f"there is no profile `{shorten(name)}`"
        path = ("models", group, "profile")
        self._diagnostics.add("unknown-profile", written.place, message, path=path, hint=hint)

    # --- fallbacks and callers

    def _fallbacks(self, group: str, node: Node | None) -> None:
        path: Path = ("models", group, "fallbacks")
        if isinstance(node, Sequence):
            self._fallback_list(group, node, path)
        elif isinstance(node, Map):
            for key in _FALLBACK_LISTS:
                self._fallback_list(group, node.get(key), (*path, key))

    def _fallback_list(self, group: str, node: Node | None, path: Path) -> None:
        seen: set[str] = set()
        for index, item in enumerate(items_of(node)):
            name = text_of(item)
            if name is None:
                continue
            if self._diagnostics.full:
                return
            here = (*path, index)
            resolved = self._names.resolve(name)
            if resolved.group is None:
                self._unknown_group(name, resolved.problem, item.place, here)
                continue
            # Two models that one wildcard serves are two entries.
            what = name if "*" in resolved.group else resolved.group
            if what == group or what in seen:
                message = (
                    f"`{shorten(name)}` is this group itself" if what == group else f"`{shorten(name)}` again"
                )
                self._diagnostics.add("repeated-fallback", item.place, message, path=here, hint="remove it")
            seen.add(what)

    def _unknown_group(self, name: str, problem: str | None, place: Place, path: Path) -> None:
        message, hint = f"`{shorten(name)}` is no model group", None
        if problem is not None:
            message = f"`{shorten(name)}` can never be served: {problem}"
        elif "*" in name:
            hint = "name one model that the wildcard matches"
        else:
            hint = self._diagnostics.did_you_mean(name, chain(self._names.aliases, self.groups))
        self._diagnostics.add("unknown-group", place, message, path=path, hint=hint)

    def callers(self) -> None:
        """Names, keys and groups of callers."""
        taken: dict[tuple[str, str], Place] = {}
        for index, caller in enumerate(items_of(self._root.get("callers"))):
            if not isinstance(caller, Map):
                continue
            path: Path = ("callers", index)
            for key in ("name", "key"):
                self._unique(key, caller.get(key), taken, (*path, key))
            for item_index, item in enumerate(items_of(caller.get("groups"))):
                name = text_of(item)
                if name is None or name in self.groups:
                    continue
                resolved = self._names.resolve(name)
                if resolved.group is None:
                    here = (*path, "groups", item_index)
                    self._unknown_group(name, resolved.problem, item.place, here)

    def _unique(self, key: str, node: Node | None, taken: dict[tuple[str, str], Place], path: Path) -> None:
        text = text_of(node)
        if node is None or text is None:
            return
        if key == "name" and not usable_name(text):
            self._name(text, node.place, path)
        first = taken.setdefault((key, text), node.place)
        if first is not node.place:
            message = f"this {key} is already another caller's ({first})"
            self._diagnostics.add("duplicate-name", node.place, message, path=path)


def _written_wrong(node: Node | None) -> bool:
    """Whether something stands here that is neither a map nor nothing; validation names it."""
    return (
        node is not None
        and not isinstance(node, Map)
        and not (isinstance(node, Scalar) and node.value is None)
    )


def check_params(root: Map, diagnostics: Diagnostics) -> None:
    """Add a finding for each reserved name among params."""
    for path, node in param_maps(root):
        for name in node.entries.keys() & RESERVED_PARAMS:
            message = f"`{name}` is reserved: it is not a generation param"
            place = node.entries[name].place
            diagnostics.add("reserved-param", place, message, path=(*path, name))


def param_maps(root: Map) -> Iterator[tuple[Path, Map]]:
    """Every map of params (``params``, ``force``, ``bounds``) in the file, with its path."""
    yield from _param_maps_of(root.get("defaults"), ("defaults",))
    for section in ("providers", "profiles", "models"):
        for name, entry in entries_of(root.get(section)):
            yield from _param_maps_of(entry.node, (section, name))
            targets = entry.node.get("targets") if isinstance(entry.node, Map) else None
            for index, target in enumerate(items_of(targets)):
                yield from _param_maps_of(target, (section, name, "targets", index))


def _param_maps_of(node: Node | None, path: Path) -> Iterator[tuple[Path, Map]]:
    for section in ("params", "force", "bounds"):
        params = node.get(section) if isinstance(node, Map) else None
        if isinstance(params, Map):
            yield (*path, section), params


def check_timeouts(config: RouterConfig, root: Map, diagnostics: Diagnostics) -> None:
    """Warn where a written ``attempt_timeout`` is longer than the ``timeout`` it lies in."""
    for name, group in config.models.items():
        levels: list[tuple[PolicySettings | None, Path]] = [(group, ("models", name))]
        if group.profile is not None:
            levels.append(((config.profiles or {}).get(group.profile), ("profiles", group.profile)))
        levels.append((config.defaults, ("defaults",)))
        whole, _ = _highest(levels, "timeout")
        attempt, path = _highest(levels, "attempt_timeout")
        if whole is not None and attempt is not None and attempt > whole:
            message = "is longer than the `timeout` of the whole request"
            place = find(root, path).value
            diagnostics.add("attempt-timeout", place, message, path=path, hint="make it shorter")


def _highest(levels: list[tuple[PolicySettings | None, Path]], key: str) -> tuple[float | None, Path]:
    """The value of the first level where *key* is written, and its path."""
    for settings, path in levels:
        if settings is not None and key in settings.model_fields_set:
            return getattr(settings, key), (*path, key)
    return None, ()

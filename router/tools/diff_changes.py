"""What a comparison of two configs works with: the two sides, and the book of changes."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from router.digests import answer_digest
from router.plan import compile_plan
from router.types import Reference

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from router.config import Loaded, ProviderConfig
    from router.config.diagnostics import Path
    from router.core.table import Group, Route


class Kind(StrEnum):
    """What a change is about; the words of ``--fail-on``."""

    GROUP = "group"
    DESTINATION = "destination"
    TARGET = "target"
    SHARE = "share"
    FALLBACK = "fallback"
    PARAM = "param"
    POLICY = "policy"
    LIMIT = "limit"
    WORST_CASE = "worst_case"
    COST = "cost"
    CACHE = "cache"
    PROVIDER = "provider"
    CALLER = "caller"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is otherwise under the new config.

    Attributes:
        kind: what it is about.
        what: the setting, by the config's name where it has one.
        old, new: JSON values; None: there is none. Secrets stand as their references.
        asked: the model groups whose requests it concerns; empty: it is not about some groups' requests.
        subjects: inside those, what it is about: target ids, names of providers, callers, models.
        unit: of numbers: seconds, US dollars, or none.
        old_at, new_at: where it is written, ``file:line``; "": nowhere, or in no single place.
        eases: whether it only takes away: a destination, a right, a log, cost, a worst case. ``--fail-on``
            lets such a change pass.
    """

    kind: Kind
    what: str
    old: Any
    new: Any
    asked: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    unit: Literal["", "seconds", "dollars"] = ""
    old_at: str = ""
    new_at: str = ""
    eases: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As ``router diff --json`` prints it."""
        return {
            "kind": self.kind.value,
            "what": self.what,
            "old": self.old,
            "new": self.new,
            "asked": list(self.asked),
            "subjects": list(self.subjects),
            "unit": self.unit,
            "old_at": self.old_at,
            "new_at": self.new_at,
            "eases": self.eases,
        }


class Book:
    """Takes changes down. What one line of a file does to many groups and targets is one change."""

    def __init__(self) -> None:
        self._found: dict[Hashable, tuple[Change, dict[str, None], dict[str, None]]] = {}

    def add(self, change: Change) -> None:
        """Take *change* down, unless both its values are the same."""
        if same(change.old, change.new):
            return
        old, new = canonical(change.old), canonical(change.new)
        places = (change.old_at, change.new_at)
        # Without a line that did it, equal changes of different things are different changes.
        apart = () if any(places) else change.subjects
        key = (change.kind, change.what, old, new, change.unit, change.eases, places, apart)
        _, asked, subjects = self._found.setdefault(key, (change, {}, {}))
        asked.update(dict.fromkeys(change.asked))
        subjects.update(dict.fromkeys(change.subjects))

    def changes(self) -> tuple[Change, ...]:
        """All of them, by kind, otherwise in the order in which they were found."""
        order = list(Kind)
        found = [
            replace(change, asked=tuple(asked), subjects=tuple(subjects))
            for change, asked, subjects in self._found.values()
        ]
        return tuple(sorted(found, key=lambda change: order.index(change.kind)))


def same(old: Any, new: Any) -> bool:
    """Whether two JSON values are one, as ``canonical`` has it; quick where they are alike, as most are."""
    return old is new or (old == new and (repr(old) == repr(new) or canonical(old) == canonical(new)))


def canonical(value: Any) -> str:
    """JSON as text: equal for what goes up alike. 1, 1.0 and true are told apart, as cache keys do."""
    return json.dumps(value, sort_keys=True)


class Side:
    """One config of the two, compiled. No secret is read.

    Attributes:
        plan: compiled.
        config: as written, includes united.
        accounts: its providers as written; paths of files below the config's directory are relative to it.
        names: its model groups, wildcards by their patterns.
    """

    def __init__(self, loaded: Loaded) -> None:
        """Compile it.

        Raises:
            ConfigError: it has errors.
        """
        self.config = loaded.require()
        self.plan = compile_plan(self.config, locate=loaded.locate, digested=False)
        self.names = self.plan.names
        self._loaded = loaded
        self._directory = os.path.dirname(os.path.abspath(loaded.file))  # noqa: PTH100, PTH120 - `..` stays text
        self.accounts = {name: self._relative(one) for name, one in (self.config.providers or {}).items()}
        self._moved = self.accounts != (self.config.providers or {})
        self._wild = {item.route.asked.name: item.route for item in self.plan.wildcards}

    def route(self, name: str) -> Route | None:
        """Where requests for *name* go: a group, an alias, a model that a wildcard takes, or its pattern."""
        return self._wild.get(name) or self.plan.find(name)

    def at(self, *path: str | int) -> str:
        """``file:line`` of what is written at *path*."""
        place = self._loaded.locate(path)
        return f"{place.file}:{place.line}" if place.line else place.file

    def of(self, group: Group, *path: str | int) -> str:
        """``file:line`` of what is written at *path* in *group*."""
        return self.at("models", group.name, *path)

    def at_all(self, path: Path | None) -> str:
        """``file:line`` of what is written at *path*; "" when that is None."""
        return "" if path is None else self.at(*path)

    def digest(self, route: Route) -> str | None:
        """What the keys of kept answers go by; None: answers are not kept."""
        if route.keyed is None:
            return None
        return answer_digest(route, self.accounts) if self._moved else route.keyed.digest

    def path(self, name: str) -> str:
        """The path of a file, relative to the config's directory when it is below that.

        So two checkouts of one repository are compared by what they say, not by where they lie.
        """
        inside = os.path.relpath(name, self._directory)
        return name if inside.startswith(os.pardir) else inside

    def reference(self, value: Reference) -> Reference:
        """*value* with the path of its file as ``path`` has it."""
        return value if value.kind != "file" else replace(value, name=self.path(value.name))

    def _relative(self, account: ProviderConfig) -> ProviderConfig:
        changed: dict[str, Any] = {
            name: self.reference(value)
            for name in ("base_url", "api_key", "provider_key", "proxy")
            if isinstance(value := getattr(account, name), Reference)
        }
        if account.api_keys is not None:
            changed["api_keys"] = tuple(map(self.reference, account.api_keys))
        if account.headers is not None:
            changed["headers"] = {
                name: value and self.reference(value) for name, value in account.headers.items()
            }
        if account.ca_file is not None:
            changed["ca_file"] = self.path(account.ca_file)
        return account.model_copy(update=changed)


@dataclass(frozen=True, slots=True)
class Pair:
    """The routes of requests for one name under both configs.

    Attributes:
        name: a model group's, on one side at least.
        old, new: the routes.
    """

    name: str
    old: Route
    new: Route


def label(group: Group) -> str:
    """A name for a group of a chain: a wildcard's with the models that it stands for there."""
    if not any(target.written for target in group.targets):
        return group.name
    return f"{group.name} as {', '.join(target.id for target in group.targets)}"


def numbered(group: Group) -> dict[tuple[str, int], int]:
    """Indexes of targets by id and which of those with that id it is, so that two sides find each other."""
    found: dict[tuple[str, int], int] = {}
    seen: dict[str, int] = {}
    for index, target in enumerate(group.targets):
        seen[target.id] = seen.get(target.id, 0) + 1
        found[target.id, seen[target.id]] = index
    return found


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """*values* with their names behind *prefix* and a dot."""
    return {f"{prefix}.{name}": value for name, value in values.items()}

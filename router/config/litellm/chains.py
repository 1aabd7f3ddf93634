"""LiteLLM's fallbacks, followed step by step there, written out for each group here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from router.config.diagnostics import shorten
from router.config.fields import MAX_FALLBACKS
from router.config.litellm.fallbacks import ANY, FALLBACK_LISTS, After
from router.config.nodes import Entry, Map, Scalar, Sequence, items_of, text_of
from router.core.wildcards import WildcardIndex

if TYPE_CHECKING:
    from router.config.diagnostics import Place
    from router.config.litellm.findings import Findings, Status
    from router.config.litellm.settings import Settings

_LISTS: Final = tuple(FALLBACK_LISTS.values())
_ON_ERROR: Final = _LISTS[0]


class Groups:
    """The native groups by name, and what other names mean.

    Args:
        groups: name → native group; gets further groups for names of a wildcard that need their own.
        left_out: names whose deployments cannot be served here.
        findings: takes findings.
    """

    def __init__(self, groups: dict[str, Entry], left_out: set[str], findings: Findings) -> None:
        self.groups = groups
        self.left_out = left_out
        self._findings = findings
        self._wildcards = WildcardIndex(name for name in groups if name.count("*") == 1)
        self._stripped = {name.partition("/")[2] for name in groups}
        self.aliases: dict[str, str] = {}
        self.aliases_of: dict[str, list[str]] = {}

    def without_provider(self, name: str) -> bool:
        """Whether *name* is a group's without its first part."""
        return name in self._stripped

    def meaning(self, name: str) -> str | None:
        """The group that *name* means, itself for one that a wildcard serves; None: nothing."""
        if name in self.groups:
            return name
        if name in self.aliases:
            return self.aliases[name]
        return name if "*" not in name and self._wildcards.match(name) else None

    def own(self, name: str, place: Place) -> Map | None:
        """The group called *name*, made from its wildcard when it has none of its own."""
        known = self.groups.get(self.aliases.get(name, name))
        if known is not None:
            return known.node if isinstance(known.node, Map) else None
        found = None if "*" in name else self._wildcards.match(name)
        if found is None:
            return None
        wildcard, star = found
        made = _with_star(self.groups[wildcard].node, star)
        self.groups[name] = Entry(place, made)
        return made

    def add_aliases(self, settings: Settings) -> None:
        """Give groups the aliases of ``model_group_alias``."""
        for alias, item in settings.aliases.items():
            assert isinstance(item.node, Scalar)
            path = ("router_settings", "model_group_alias", alias)
            name = str(item.node.value)
            if alias in self.groups:
                note = "a group has this name, and keeps it"
                self._findings.add("manual", item.place, path, note)
            elif name in self.left_out:
                note = f"left out with the group `{shorten(name)}`"
                self._findings.add("manual", item.place, path, note)
            elif (group := self.own(name, item.place)) is None:
                self._unknown(name, item.node, path)
            else:
                names = group.entries.setdefault("aliases", Entry(item.place, Sequence(item.place))).node
                assert isinstance(names, Sequence)
                names.items.append(Scalar(item.place, alias))
                self.aliases[alias] = self.aliases.get(name, name)
                self.aliases_of.setdefault(self.aliases[alias], []).append(alias)

    def _unknown(self, name: str, node: Scalar, path: tuple[str | int, ...]) -> None:
        # LiteLLM finds out when a request comes, if at all.
        hint = self._findings.diagnostics.did_you_mean(name, [*self.aliases, *self.groups])
        message = f"`{shorten(name)}` is no model group"
        self._findings.diagnostics.add("unknown-group", node.place, message, path=path, hint=hint)

    def say(self, status: Status, place: Place, path: tuple[str | int, ...], note: str) -> None:
        """Add a finding."""
        self._findings.add(status, place, path, note)

    def too_many(self, place: Place, path: tuple[str | int, ...]) -> None:
        """An error: the chains, written out, are beyond the bound of a file."""
        message = "written out, the chains of fallbacks are beyond the bound of a file"
        hint = "lower `max_fallbacks` or shorten the chains; `--large` allows more"
        self._findings.diagnostics.add("too-large", place, message, path=path, hint=hint)

    def check(self, name: str, node: Scalar, path: tuple[str | int, ...]) -> bool:
        """Whether *name* can stand in a chain; a finding says why not."""
        if self.meaning(name) is not None:
            return True
        if name in self.left_out:
            note = f"`{shorten(name)}` is left out of the chains, as its deployments are"
            self._findings.add("manual", node.place, path, note)
        else:
            self._unknown(name, node, path)
        return False


@dataclass(slots=True)
class Chains:
    """Writes ``fallbacks`` into the groups.

    Attributes:
        groups: the native groups.
        settings: what LiteLLM's file says.
        most: names that all chains may have together, so that a small file cannot become a huge one.
    """

    groups: Groups
    settings: Settings
    most: int
    _tables: dict[str, dict[str, After]] = field(default_factory=dict)

    def write(self) -> None:
        """Write the chain of every group."""
        for native, table in self.settings.fallbacks.lists.items():
            self._tables[native] = {name: self._checked(name, after) for name, after in table.items()}
        default = self.settings.fallbacks.default
        if default is not None:
            table = self._tables.setdefault(_ON_ERROR, {})
            if ANY in table:
                note = "of no effect, as in LiteLLM: `default_fallbacks` is what `*` means"
                self.groups.say("manual", table[ANY].place, table[ANY].path, note)
            table[ANY] = self._checked(ANY, default)
        for name in list(self.groups.groups):
            self.most -= self._write(name)
            if self.most < 0:
                after = next(after for table in self._tables.values() for after in table.values())
                self.groups.too_many(after.place, after.path[:2])
                return

    def _checked(self, name: str, after: After) -> After:
        """The list without what cannot stand in a chain; the group it is for gets to exist."""
        if name != ANY:
            self._for_group(name, after)
        kept = [node for node in after.names if self.groups.check(str(node.value), node, after.path)]
        return after._replace(names=tuple(kept))

    def _for_group(self, name: str, after: After) -> None:
        if self.groups.own(name, after.place) is None and not self.groups.without_provider(name):
            self.groups.check(name, Scalar(after.place, name), after.path)

    def _write(self, name: str) -> int:
        """Write the chain of one group; how many names it has."""
        group = self.groups.groups[name].node
        assert isinstance(group, Map)
        made: dict[str, Entry] = {}
        for native in _LISTS:
            # Without a list of its own, LiteLLM serves these errors by the general one.
            table = self._tables.get(native, self._tables.get(_ON_ERROR, {}))
            found: dict[str, Scalar] = {}
            self._follow(table, name, name, 0, found)
            if found:
                place = next(iter(found.values())).place
                listed = Sequence(place, [Scalar(node.place, said) for said, node in found.items()])
                made[native] = Entry(self._place(table, name) or place, listed)
        if made:
            place = next(iter(made.values())).place
            group.entries["fallbacks"] = Entry(place, Map(place, made))
        return sum(len(items_of(item.node)) for item in made.values())

    def _follow(
        self, table: dict[str, After], asked: str, name: str, depth: int, found: dict[str, Scalar]
    ) -> None:
        """Add the groups after *name*, each with what follows it, to *found*."""
        after = self._after(table, name)
        if after is None or depth >= self.settings.max_fallbacks:
            return
        for node in after.names:
            meant = self.groups.meaning(str(node.value))
            if meant is None or meant == asked or meant in found:
                continue
            if len(found) == MAX_FALLBACKS:
                note = f"the chain of `{shorten(asked)}` ends after {MAX_FALLBACKS} groups"
                self.groups.say("approximate", node.place, after.path[:2], note)
                return
            found[meant] = node
            self._follow(table, asked, meant, depth + 1, found)

    def _after(self, table: dict[str, After], name: str) -> After | None:
        """The list for *name*: under its name, an alias, its name without the provider, or ``*``."""
        for key in (name, *self.groups.aliases_of.get(name, ()), name.partition("/")[2], ANY):
            if key and key in table:
                return table[key]
        return None

    def _place(self, table: dict[str, After], name: str) -> Place | None:
        after = self._after(table, name)
        return after.place if after is not None else None


def _with_star(node: object, star: str) -> Map:
    """A copy of a wildcard's group for one name that it matches."""
    assert isinstance(node, Map)
    targets = []
    for target in items_of(node.get("targets")):
        assert isinstance(target, Map)
        model = target.entries["model"]
        concrete = Scalar(model.node.place, (text_of(model.node) or "").replace("*", star))
        targets.append(Map(target.place, {**target.entries, "model": Entry(model.place, concrete)}))
    listed = Sequence(node.entries["targets"].node.place, list(targets))
    kept = {key: item for key, item in node.entries.items() if key not in ("aliases", "fallbacks")}
    return Map(node.place, {**kept, "targets": Entry(node.entries["targets"].place, listed)})

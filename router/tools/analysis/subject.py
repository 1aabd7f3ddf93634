"""What the analyses look at: a config, its compiled plan, and where each value of the plan is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from router.config.diagnostics import Diagnostics, Place
from router.config.nodes import find
from router.layers import group_layers, policy_at
from router.plan import compile_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from router.config.code import Severity
    from router.config.diagnostics import Path
    from router.config.models import RouterConfig
    from router.config.nodes import Map
    from router.core.table import Group, Plan, Route


@dataclass(frozen=True)
class Subject:
    """A valid config, to be analysed.

    Attributes:
        config: as written.
        plan: as compiled; each ``source`` in it is a key of *paths*.
        paths: source → path from the root of the config.
        root: the tree that the places are found in.
        diagnostics: gets the findings.
    """

    config: RouterConfig
    plan: Plan
    paths: Mapping[str, Path]
    root: Map
    diagnostics: Diagnostics

    @cached_property
    def routes(self) -> Mapping[str, Route]:
        """The route of each group, wildcards included, by the group's own name."""
        wild = {item.route.asked.name: item.route for item in self.plan.wildcards}
        return {name: wild.get(name) or self.plan.routes[name] for name in self.plan.names}

    @cached_property
    def groups(self) -> Mapping[str, Group]:
        """Each group, wildcards included, by its own name."""
        return {name: route.asked for name, route in self.routes.items()}

    @cached_property
    def longest_s(self) -> Mapping[str, float]:
        """The longest `timeout` that a group is asked under: its own, or of a group that falls back to it."""
        found: dict[str, float] = {}
        for route in self.routes.values():
            for group in route.groups:
                found[group.name] = max(found.get(group.name, 0.0), route.asked.timeout_s)
        return found

    def written(self, group: Group, *keys: str) -> Path | None:
        """Where the policy *keys* of *group* is written; None: it is built in."""
        return policy_at(group_layers(self.config, group.name), *keys)

    def keyed(self, provider: str) -> bool:
        """Whether the config says with which key *provider* is asked; else it is the built-in one."""
        written = (self.config.providers or {}).get(provider)
        return written is not None and (written.api_key is not None or written.api_keys is not None)

    def report(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        hint: str | None = None,
        at: Literal["value", "key"] = "value",
        severity: Severity | None = None,
    ) -> None:
        """Add a finding about what is written at *path*, placed at its value or at its key.

        None as *hint* and *severity* takes the code's usual ones.
        """
        found = find(self.root, path)
        place = found.key if at == "key" else found.value
        self.diagnostics.add(code, place, message, path=found.path, hint=hint, severity=severity)


def subject_of(config: RouterConfig, root: Map, diagnostics: Diagnostics) -> Subject:
    """*config*, compiled once more so that each value of the plan tells its path, not its line.

    Args:
        config: it must compile.
        root: its tree.
        diagnostics: gets what the analyses find; what compiling finds is not added again.
    """
    paths: dict[str, Path] = {}

    def locate(path: Path) -> Place:
        source = str(len(paths))
        paths[source] = path
        return Place(source, 0, 0)

    plan = compile_plan(config, locate=locate, diagnostics=Diagnostics(), digested=False)
    return Subject(config, plan, paths, root, diagnostics)


@dataclass(slots=True)
class Verdicts:
    """What is to be said of each place of a config, by every group or target that it holds for.

    What a default comes to in one group may be right in another: only what all agree on is told.
    """

    _found: dict[Path, str | None] = field(default_factory=dict)

    def add(self, path: Path, message: str | None) -> None:
        """One more that what is written at *path* holds for; None: there it is fine."""
        fine = message is None or self._found.get(path, message) is None
        self._found[path] = None if fine else message

    def told(self) -> Iterator[tuple[Path, str]]:
        """The places of which everybody says something, with the last to say it."""
        for path, message in self._found.items():
            if message is not None:
                yield path, message

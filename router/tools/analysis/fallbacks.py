"""Fallbacks that help nobody: what they name was tried, cannot take the request, or fails together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.config.diagnostics import shorten
from router.core.failure import FallbackList
from router.core.traits import Capability
from router.preconditions import tagged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from router.config.diagnostics import Path
    from router.core.table import Group, Route, Target
    from router.tools.analysis.subject import Subject


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a group's `fallbacks`: where it stands, in which list, and the group it means."""

    path: Path
    which: FallbackList
    group: Group


def entries(subject: Subject, name: str) -> Iterator[Entry]:
    """The fallbacks of the group *name*, list by list, in order."""
    written = subject.config.models[name].fallbacks
    if written is None:
        return
    for which in FallbackList:
        for index, entry in enumerate(getattr(written, which.value)):
            here = (index,) if written.short else (which.value, index)
            route = subject.plan.find(entry)
            if route is not None:
                yield Entry(("models", name, "fallbacks", *here), which, route.asked)


def useless(subject: Subject) -> None:
    """Report each fallback all of whose targets come before it in its list."""
    for name, group in subject.groups.items():
        seen = {which: {_identity(target, which) for target in group.targets} for which in FallbackList}
        for entry in entries(subject, name):
            own = {_identity(target, entry.which) for target in entry.group.targets}
            if own <= seen[entry.which]:
                message = f"every target of `{shorten(entry.group.name)}` has been tried before it"
                subject.report("useless-fallback", entry.path, message)
            seen[entry.which] |= own


def _identity(target: Target, which: FallbackList) -> object:
    """What makes a target worth another try: after an overflow also other params, such as a shorter reply."""
    if which is not FallbackList.ON_CONTEXT_OVERFLOW:
        return target.id
    values = {**target.defaults, **target.policy.force}
    params = sorted((name, repr(setting.value)) for name, setting in values.items())
    limits = sorted((name, bound.min, bound.max) for name, bound in target.policy.bounds.items())
    return target.id, repr(params), repr(limits)


def lacking(subject: Subject) -> None:
    """Report each fallback to which requests that the group takes cannot go on."""
    for name, route in subject.routes.items():
        for entry in entries(subject, name):
            message = _tags(route.asked, entry.group) or _abilities(subject, route.asked, entry.group)
            smaller = _window(route.asked, entry.group) if entry.which is FallbackList.ON_ERROR else None
            if message is not None:
                subject.report("fallback-lacks", entry.path, message)
            elif smaller is not None:  # Often meant so: a smaller model is better than none.
                subject.report("fallback-lacks", entry.path, smaller, severity="note")
            elif entry.which is FallbackList.ON_CONTEXT_OVERFLOW and not _kept(route, entry):
                window = entry.group.window()
                message = (
                    f"the window of `{shorten(entry.group.name)}` is {window}, not larger than this group's"
                )
                subject.report("overflow-not-larger", entry.path, message)


def _tags(asked: Group, group: Group) -> str | None:
    if not tagged(asked, asked) or not tagged(group, group) or tagged(group, asked):
        return None
    tags = ", ".join(f"`{shorten(tag)}`" for tag in sorted(asked.require)[:10])
    return f"no target of `{shorten(group.name)}` has all of {tags}, which this group requires"


def _abilities(subject: Subject, asked: Group, group: Group) -> str | None:
    declared = [target.supports for target in subject.config.models[asked.name].targets]
    for need in Capability:
        promised = any(item is not None and getattr(item, need.value) is True for item in declared)
        if promised and all(need in target.lacks for target in group.targets):
            return f"no target of `{shorten(group.name)}` can do `{need}`, which this group declares"
    return None


def _window(asked: Group, group: Group) -> str | None:
    own, theirs = [target.context_window for target in asked.targets], group.window()
    known = [window for window in own if window is not None]
    if theirs is None or len(known) < len(own) or theirs >= min(known):
        return None
    return (
        f"the largest window of `{shorten(group.name)}` is {theirs}, the smallest of this group {min(known)}"
    )


def _kept(route: Route, entry: Entry) -> bool:
    """Whether the plan has *entry* in its list: what is known not to be larger it has not."""
    listed = [route.groups[index] for index in route.lists.get(entry.which, ())]
    targets = [target.id for target in entry.group.targets]
    return any([target.id for target in group.targets] == targets for group in listed)


def credentials(subject: Subject) -> None:
    """Report each chain whose every target is asked with the same key, if that key was chosen."""
    for name, route in subject.routes.items():
        chain = [route.groups[index] for index in (0, *route.lists.get(FallbackList.ON_ERROR, ()))]
        used = {target.provider for group in chain for target in group.targets}
        keys = [subject.plan.providers[provider].credentials for provider in used]
        labels = {label for key in keys for label in key}
        if len(chain) == 1 or not all(keys) or len(labels) != 1 or not any(map(subject.keyed, used)):
            continue
        message = f"every target of `{shorten(name)}` and of its fallbacks is asked with `{labels.pop()}`"
        subject.report("one-credential", ("models", name, "fallbacks"), message)

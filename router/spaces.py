"""Embedding spaces of a config: which targets would never be asked for embeddings, told at load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.config.diagnostics import shorten

if TYPE_CHECKING:
    from router.config.diagnostics import Diagnostics, Path
    from router.core.table import Group, Route
    from router.layers import Locate


def check_spaces(route: Route, locate: Locate, diagnostics: Diagnostics) -> None:
    """Warn of the targets of a chain that do not share the embedding space of its first one.

    Nothing says which groups serve embeddings, so only groups that declare a space are looked at.
    """
    asked = route.asked
    if any(target.embedding_space is not None for target in asked.targets):
        _check(asked, asked, ("models", asked.name, "targets"), locate, diagnostics)
        for group in route.groups[1:]:
            _check(asked, group, ("models", asked.name, "fallbacks"), locate, diagnostics)


def _check(asked: Group, group: Group, path: Path, locate: Locate, diagnostics: Diagnostics) -> None:
    first = asked.targets[0]
    for index, target in enumerate(group.targets):
        if first.shares_space(target):
            continue
        place = (*path, index) if group is asked else path
        message = f"`{shorten(target.id)}` does not share the embedding space of `{shorten(first.id)}`"
        diagnostics.add(
            "mixed-embedding-spaces",
            locate(place),
            f"{message}: it is never asked for embeddings here",
            path=place,
            hint="declare the same `embedding_space` for both if their vectors can be compared, or remove it",
        )
        return  # One finding for each group is enough.

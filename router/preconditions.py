"""What a policy needs of a group's targets, told when the config is compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from router.config.diagnostics import shorten
from router.core.streams import OnBreak, takes_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.config.diagnostics import Diagnostics, Path
    from router.core.table import Group
    from router.layers import Layer, Locate

_NEEDS = {
    OnBreak.CONTINUE: ("no-prefill", "supports: {prefill: true}"),
    OnBreak.SPLICE: ("no-deterministic", "deterministic: true"),
}


def check_on_break(group: Group, layers: Sequence[Layer], locate: Locate, diagnostics: Diagnostics) -> None:
    """Report a stream policy of *group* that none of its targets could carry out.

    Args:
        group: compiled.
        layers: the levels of its policies, lowest first.
        locate: where keys are written.
        diagnostics: gets the finding.
    """
    needs = _NEEDS.get(group.on_break)
    if needs is None or any(takes_up(group, target) for target in group.targets):
        return
    code, declared = needs
    path = _written_at(layers)
    diagnostics.add(
        code,
        locate(path),
        f"no target of `{shorten(group.name)}` declares `{declared}`",
        path=path,
        hint=f"declare it of a target that does so, or write `on_break: {OnBreak.FAIL}` for this group",
    )


def _written_at(layers: Sequence[Layer]) -> Path:
    """Where the ``on_break`` that holds is written."""
    for layer in reversed(layers):
        stream = getattr(layer.settings, "stream", None)
        if stream is not None and stream.on_break is not None:
            return (*layer.path, "stream", "on_break")
    raise AssertionError("a policy that is not built in is written somewhere")

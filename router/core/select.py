"""Which of several ready targets is asked next: smooth weighted round robin.

Source: the algorithm of nginx's upstream module (Igor Sysoev, 2012): in every aligned window of
Σw picks target i is picked exactly w_i times, spread out evenly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from router.core.table import Target

Turns = dict[int, float]
"""How far each target of a group is ahead of its share, by index; absent means 0."""


def pick(turns: Turns, targets: Sequence[Target], ready: Sequence[int]) -> int:
    """The index, out of *ready*, of the target whose turn it is; *turns* moves on.

    Only the lowest tier in *ready* counts. A target of weight 0 is picked only when the tier has
    no other, and then each such target in turn.

    Args:
        turns: this group's state; changed.
        targets: the group's targets.
        ready: indexes of those that may be asked; not empty.
    """
    tier = min(targets[index].tier for index in ready)
    members = [index for index in ready if targets[index].tier == tier]
    weights = {index: targets[index].weight for index in members if targets[index].weight > 0}
    if not weights:
        weights = dict.fromkeys(members, 1.0)
    if len(weights) == 1:
        return next(iter(weights))
    for index, weight in weights.items():
        turns[index] = turns.get(index, 0) + weight
    total = sum(weights.values())
    # Rounded, so that 0.1 + 0.2 ties with 0.3 as 1 + 2 does with 3: only the weights' ratio counts.
    chosen = max(weights, key=lambda index: (round(turns[index] / total, 9), -index))
    turns[chosen] -= total
    return chosen

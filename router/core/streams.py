"""What becomes of a stream that breaks, by its group's ``on_break``."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router.core.table import Group, Target


class OnBreak(StrEnum):
    """The values are the config's.

    FAIL: it ends with an error. BUFFER: nothing is given on before its end, so that a break stays
    unseen. CONTINUE: another attempt is given the text so far and goes on from there. SPLICE: another
    attempt repeats the text so far, which is swallowed, and goes on.
    """

    FAIL = "fail"
    BUFFER = "buffer"
    CONTINUE = "continue"
    SPLICE = "splice"


def takes_up(group: Group, target: Target) -> bool:
    """Whether *target* may go on with a stream of *group* that broke after content was delivered."""
    if group.on_break is OnBreak.CONTINUE:
        return target.prefill
    return group.on_break is OnBreak.SPLICE and target.deterministic

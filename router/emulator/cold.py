"""Cold starts: a model that nobody asked for a while answers only after it was started.

Bytez documents no "loading" answer: the call that starts a model just takes long, and calls that
come meanwhile wait for the same start. How long it stays up is the emulator's own setting.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_MODELS = 10_000  # models whose state is remembered; the one unused for longest is cold again


class ColdStarts:
    """Since when each model is up, and until when it stays so."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready_at: OrderedDict[str, float] = OrderedDict()
        self._used_at: dict[str, float] = {}

    def wait_s(self, model_id: str, start_s: float, warm_s: float) -> float:
        """Seconds this call must wait for its model, 0 when it is up. Counts as a use.

        Args:
            model_id: which.
            start_s: what a start takes, in seconds; 0: every model is always up.
            warm_s: seconds without a call after which a model is stopped.
        """
        if not start_s:
            return 0.0
        now = self._clock()
        ready = self._ready_at.get(model_id)
        if ready is None or now - max(self._used_at[model_id], ready) > warm_s:
            ready = now + start_s
        self._ready_at[model_id] = ready
        self._ready_at.move_to_end(model_id)
        self._used_at[model_id] = now
        if len(self._ready_at) > MAX_MODELS:
            oldest, _ = self._ready_at.popitem(last=False)
            del self._used_at[oldest]
        return max(ready - now, 0.0)

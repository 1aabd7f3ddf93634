"""Making models fail and heal while the emulator runs."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from router.emulator.exchange import Refused
from router.emulator.faults import (
    FAULTY,
    SERVER_ERROR,
    ColdStart,
    Delay,
    Effect,
    EveryOtherCall,
    FirstCalls,
    Played,
    find,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.emulator.scenario import Scenario

MAX_MODELS = 1_000  # models with a fault of their own at one time
MAX_COUNTED = 10_000  # models whose calls are counted; the one unasked for longest begins anew


class FaultSwitch:
    """Which models fail now, and how often each has been asked.

    What ``fail`` says goes before the scenario. Safe to use from several threads.

    Args:
        scenario: faults from a file; None: none.
        clock: seconds, from any beginning.
    """

    def __init__(self, scenario: Scenario | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._names: dict[str, str] = {}
        self._calls: OrderedDict[str, int] = OrderedDict()
        self._scenario = scenario
        self._clock = clock
        self._began = clock()
        self._lock = threading.Lock()

    def fail(self, model_id: str, name: str) -> None:
        """Make *model_id* fail from now on; its call count begins anew.

        Raises:
            Refused: 404 for an unknown fault, 409 when too many models have one.
        """
        find(name)
        with self._lock:
            if model_id not in self._names and len(self._names) >= MAX_MODELS:
                raise Refused(409, f"{MAX_MODELS} models have a fault already; heal one first")
            self._calls.pop(model_id, None)
            self._names[model_id] = name

    def heal(self, model_id: str) -> None:
        """Take back ``fail`` and forget the call count; a ``faulty/…`` id keeps its nature."""
        with self._lock:
            self._names.pop(model_id, None)
            self._calls.pop(model_id, None)

    def clear(self) -> None:
        """Heal every model and forget every count."""
        with self._lock:
            self._names.clear()
            self._calls.clear()

    def names(self) -> dict[str, str]:
        """Model id → fault, for the models that ``fail`` was called on."""
        with self._lock:
            return dict(self._names)

    def next(self, model_id: str) -> Played | None:
        """What this call of *model_id* shall show; None: the usual answer. Counts the call.

        Raises:
            Refused: 404 for a ``faulty/…`` id that is not in the table.
        """
        with self._lock:
            call = self._count(model_id)
            effect = self._effect(model_id, call)
        match effect:
            case FirstCalls():
                return SERVER_ERROR if call <= effect.count else None
            case EveryOtherCall():
                return SERVER_ERROR if call % 2 else None
            case ColdStart():
                return Delay(effect.seconds) if call == 1 else None
            case _:
                return effect

    def _effect(self, model_id: str, call: int) -> Effect | None:
        name = self._names.get(model_id)
        if name is None and self._scenario is not None:
            name = self._scenario.fault(model_id, call, self._clock() - self._began)
        if name is None and model_id.startswith(FAULTY):
            name = model_id.removeprefix(FAULTY)
        return None if name is None else find(name)

    def _count(self, model_id: str) -> int:
        calls = self._calls
        calls[model_id] = calls.get(model_id, 0) + 1
        calls.move_to_end(model_id)
        if len(calls) > MAX_COUNTED:
            calls.popitem(last=False)
        return calls[model_id]

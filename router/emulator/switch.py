"""Making models fail and heal while the emulator runs."""

from __future__ import annotations

from router.emulator.exchange import Refused
from router.emulator.faults import FAULTY, SERVER_ERROR, EveryOtherCall, FirstCalls, Played, find

MAX_MODELS = 1_000  # models with a fault of their own at one time


class FaultSwitch:
    """Which models fail now, and how often each counting fault has been asked.

    Every method is one step that other threads cannot see half done.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._calls: dict[str, int] = {}

    def fail(self, model_id: str, name: str) -> None:
        """Make *model_id* fail from now on; its call count begins anew.

        Raises:
            Refused: 404 for an unknown fault, 409 when too many models have one.
        """
        find(name)
        if model_id not in self._names and len(self._names) >= MAX_MODELS:
            raise Refused(409, f"{MAX_MODELS} models have a fault already; heal one first")
        self._calls.pop(model_id, None)
        self._names[model_id] = name

    def heal(self, model_id: str) -> None:
        """Take back ``fail`` and forget the call count; a ``faulty/…`` id keeps its nature."""
        self._names.pop(model_id, None)
        self._calls.pop(model_id, None)

    def clear(self) -> None:
        """Heal every model and forget every count."""
        self._names = {}
        self._calls = {}

    def names(self) -> dict[str, str]:
        """Model id → fault, for the models that ``fail`` was called on."""
        return dict(self._names)

    def next(self, model_id: str) -> Played | None:
        """What this call of *model_id* shall show; None: the usual answer. Counts the call.

        Raises:
            Refused: 404 for a ``faulty/…`` id that is not in the table.
        """
        name = self._names.get(model_id)
        if name is None and model_id.startswith(FAULTY):
            name = model_id.removeprefix(FAULTY)
        effect = None if name is None else find(name)
        if isinstance(effect, FirstCalls):
            return SERVER_ERROR if self._count(model_id) <= effect.count else None
        if isinstance(effect, EveryOtherCall):
            return SERVER_ERROR if self._count(model_id) % 2 else None
        return effect

    def _count(self, model_id: str) -> int:
        # Bounded: only ids of the table (at most some thousand) and of `_names` come here.
        self._calls[model_id] = self._calls.get(model_id, 0) + 1
        return self._calls[model_id]

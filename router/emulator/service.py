"""What every run passes, whatever the wire: tier, cold start, fault."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from router.emulator.canned import CannedSource
from router.emulator.cold import ColdStarts
from router.emulator.exchange import Refused
from router.emulator.gate import Gate
from router.emulator.media import MediaStore
from router.emulator.reply import Reply, Turn, run_headers
from router.emulator.settings import Settings
from router.emulator.traits import MISSING, Traits, traits_of
from router.emulator.upstream import UpstreamSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from router.emulator.catalogue import Model
    from router.emulator.exchange import Exchange
    from router.emulator.gate import Place
    from router.emulator.prompt import Source
    from router.emulator.switch import FaultSwitch


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls what.

    Attributes:
        model: what is called.
        key: in whose name; None: nobody asks, as in a container of one's own.
    """

    model: Model
    key: str | None = field(repr=False)


NO_SUCH_MODEL = "Model does not exist or has yet to be added to the Bytez catalog"


class Service:
    """The state that all runs share.

    Attributes:
        gate: what each key may do.
        media: what was generated.
        source: who answers.
        cold: which models are up.
    """

    def __init__(self, settings: Settings, faults: FaultSwitch) -> None:
        self.gate = Gate(settings)
        self.media = MediaStore()
        self.cold = ColdStarts()
        self.source: Source = (
            CannedSource() if settings.upstream is None else UpstreamSource(settings.upstream)
        )
        self._settings = settings
        self._faults = faults
        self._no_gate = Gate(Settings())

    def reset(self) -> None:
        """As new: no call counted, credits whole, models cold, nothing generated."""
        self.gate.clear()
        self.cold.clear()
        self.media.clear()

    @property
    def has_upstream(self) -> bool:
        """Whether a real model answers."""
        return self._settings.upstream is not None

    def traits(self, model_id: str) -> Traits:
        """How *model_id* behaves.

        Raises:
            Refused: 404, it names a shape that there is not.
        """
        return traits_of(model_id, self._settings)

    async def run(
        self, exchange: Exchange, call: Call, make: Callable[[Turn], Reply], *, auto_scale: bool
    ) -> None:
        """Answer one run by the reply that *make* gives; the client may leave at any time.

        Raises:
            Refused: before anything was sent; it carries the seven headers.
            ClientGone: the client left.
        """
        gate = self._no_gate if call.key is None else self.gate
        try:
            _check_exists(call.model)
            place = gate.enter(call.key or "", call.model, auto_scale=auto_scale)
            await exchange.unless_client_leaves(self._play(Turn(exchange, call.model, place), make, place))
        except Refused as refusal:
            limits = gate.headers(call.key or "", call.model)
            refusal.headers = {**run_headers(limits, call.model, 0), **refusal.headers}
            raise

    async def _play(self, turn: Turn, make: Callable[[Turn], Reply], place: Place) -> None:
        # The place is given back inside: before anyone who saw the end of the answer can ask again.
        with place:
            reply = make(turn)
            traits = self.traits(turn.model.id)
            played = self._faults.next(turn.model.id)
            wait_s = self.cold.wait_s(turn.model.id, traits.cold_start_s, traits.warm_s)
            # A closed model runs elsewhere and is always up.
            if wait_s and not turn.model.closed and await turn.exchange.client_leaves(wait_s):
                return
            await turn.play(reply, played)


def _check_exists(model: Model) -> None:
    if model.id.startswith(MISSING):
        raise Refused(404, NO_SUCH_MODEL)

"""What every run passes, whatever the wire: tier, cold start, fault."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from router.emulator.canned import CannedSource
from router.emulator.cold import ColdStarts
from router.emulator.exchange import Refused
from router.emulator.faults import Canned
from router.emulator.gate import Gate
from router.emulator.media import MediaStore
from router.emulator.reply import Reply, Turn, run_headers
from router.emulator.settings import Settings
from router.emulator.tiers import UNLIMITED
from router.emulator.traits import MISSING, Traits, traits_of
from router.emulator.upstream import UpstreamSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from router.emulator.catalogue import Model
    from router.emulator.exchange import Exchange
    from router.emulator.prompt import Source
    from router.emulator.switch import FaultSwitch


@dataclass(frozen=True, slots=True)
class Call:
    """Who calls what.

    Attributes:
        model: what is called.
        key: in whose name; None: nobody asks, as in a container of one's own.
        auto_scale: whether what is lacking may be bought.
    """

    model: Model
    key: str | None = field(repr=False)
    auto_scale: bool


_NEEDS_KEY = "cohere/"
_LOOKS = 10
_LOOK_S = 0.005
"""How often, and after how many seconds each, a full tier is looked at again before a call is refused."""

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
        self._no_gate = Gate(Settings(tier=UNLIMITED))

    def reset(self) -> None:
        """As new: no call counted, credits whole, models cold, nothing generated."""
        # New ones in place of clearing: another thread may be at work with the old ones.
        self.gate = Gate(self._settings)
        self.cold = ColdStarts()
        self.media = MediaStore()

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

    @contextmanager
    def headed(self, model: Model, key: str | None) -> Iterator[None]:
        """Give every refusal inside the seven headers of a run that took no time."""
        try:
            yield
        except Refused as refusal:
            limits = self._gate_of(key).headers(key or "", model)
            refusal.headers = {**run_headers(limits, model, 0), **refusal.headers}
            raise

    async def run(self, exchange: Exchange, call: Call, make: Callable[[Turn], Reply]) -> None:
        """Answer one run by the reply that *make* gives; the client may leave at any time.

        Raises:
            Refused: before anything was sent.
            ClientGone: the client left.
        """
        if call.model.id.startswith(MISSING):
            raise Refused(404, NO_SUCH_MODEL)
        if call.model.id.startswith(_NEEDS_KEY) and not exchange.headers.get("provider-key"):
            raise Refused(400, "cohere's models need the header provider-key: your own key at cohere")
        await exchange.unless_client_leaves(self._run(exchange, call, make))

    async def _run(self, exchange: Exchange, call: Call, make: Callable[[Turn], Reply]) -> None:
        # The place is given back in here: before anyone who saw the end of the answer can ask again.
        gate = self._gate_of(call.key)
        await _until_the_left_are_gone(gate, call)
        with gate.enter(call.key or "", call.model, auto_scale=call.auto_scale) as place:
            turn = Turn(exchange, call.model, place)
            reply = make(turn)
            traits = self.traits(call.model.id)
            played = self._faults.next(call.model.id)
            # A closed model runs elsewhere and is always up; an error answer needs no model.
            if not (call.model.closed or isinstance(played, Canned)):
                wait_s = self.cold.wait_s(call.model.id, traits.cold_start_s, traits.warm_s)
                if wait_s and await exchange.client_leaves(wait_s):
                    return
            await turn.play(reply, played)

    def _gate_of(self, key: str | None) -> Gate:
        return self._no_gate if key is None else self.gate


async def _until_the_left_are_gone(gate: Gate, call: Call) -> None:
    """Give a full tier 50 ms to become free before *call* is judged.

    A client may leave one call and ask the next at once. The loop learns of the first some turns later, or
    even after the second has arrived: the two come over different connections.
    """
    for _ in range(_LOOKS):
        if not gate.is_full(call.key or "", call.model):
            return
        await asyncio.sleep(_LOOK_S)

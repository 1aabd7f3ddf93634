"""What a key may do: how many calls at a time, how large a model, and for how much money.

Bytez rejects what is over the limit and queues nothing; with ``autoScale`` it buys credits instead,
up to a cap. What a purchase is has not been said: here it is the step to the next row of the table,
which raises the limit and the balance by what that row costs.
"""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from router.emulator.catalogue import meter_of
from router.emulator.exchange import Refused
from router.emulator.faults import NO_CREDIT
from router.emulator.tiers import ANY_SIZE, CLOSED_PER_SECOND, TIERS, UNLIMITED_SHOWN, row_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal
    from types import TracebackType

    from router.emulator.catalogue import Model
    from router.emulator.settings import Settings

MAX_KEYS = 10_000  # accounts that are remembered; the one unused for longest begins anew


@dataclass(slots=True)
class _Account:
    """What is known of one key.

    Attributes:
        row: its tier's row; None: unlimited.
        balance: US dollars; None: endless.
        spent: US dollars that autoScale has paid.
        in_flight: open calls by price band.
        closed_at: when the last calls of closed models began.
    """

    row: int | None
    balance: Decimal | None
    spent: int = 0
    in_flight: dict[str, int] = field(default_factory=dict)
    closed_at: deque[float] = field(default_factory=lambda: deque(maxlen=CLOSED_PER_SECOND))


class Place:
    """One call's place; a context manager that gives it back.

    Attributes:
        headers: the rate limit headers. ``ratelimit-limit`` and ``-remaining`` count calls in
            flight, or of closed models without credit bought those of a second; ``-reset`` is in
            seconds.
    """

    def __init__(self, account: _Account, model: Model, headers: dict[str, str]) -> None:
        self.headers = headers
        self._account = account
        self._meter = meter_of(model)
        self._band = _band(model)

    def bill(self, seconds: int) -> None:
        """Take the price of *seconds* from the balance; a call in flight is never stopped."""
        if self._account.balance is not None:
            self._account.balance -= self._meter.price * seconds

    def __enter__(self) -> Self:
        held = self._account.in_flight
        held[self._band] = held.get(self._band, 0) + 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held = self._account.in_flight
        held[self._band] -= 1
        if not held[self._band]:
            del held[self._band]


class Gate:
    """The accounts of all keys."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._row = row_of(settings.tier)
        self._any_size = settings.tier == ANY_SIZE
        self._credits = settings.credits
        self._cap = settings.auto_scale_cap
        self._clock = clock
        self._accounts: OrderedDict[str, _Account] = OrderedDict()

    def headers(self, key: str, model: Model) -> dict[str, str]:
        """The rate limit headers of *key* as it stands."""
        account = self._accounts.get(key) or self._new()
        return self._headers(account, model, _held(account, model))

    def is_full(self, key: str, model: Model) -> bool:
        """Whether *key* has as many calls of this size in flight as its tier allows."""
        account = self._accounts.get(key)
        return account is not None and _is_full(account, model)

    def enter(self, key: str, model: Model, *, auto_scale: bool) -> Place:
        """A place for one call, to be held by ``with``.

        Args:
            key: whose.
            model: what is called.
            auto_scale: buy what is lacking instead of being refused.

        Raises:
            Refused: 403 for a model too large for the tier, 402 without credit, 429 when the tier
                is full.
        """
        account = self._account(key)
        self._check_size(account, model)
        while account.balance is not None and account.balance <= 0:
            if not (auto_scale and self._buy(account)):
                raise Refused(402, "Insufficient credits to run this model", body=NO_CREDIT)
        if model.closed:
            self._check_rate(account)
        while _is_full(account, model):
            if not (auto_scale and self._buy(account)):
                raise Refused(429, _full(_limit(account)))
        return Place(account, model, self._headers(account, model, _held(account, model) + 1))

    def _account(self, key: str) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = self._new()
            if len(self._accounts) > MAX_KEYS:
                self._accounts.popitem(last=False)
        self._accounts.move_to_end(key)
        return account

    def _new(self) -> _Account:
        return _Account(self._row, self._credits)

    def _check_size(self, account: _Account, model: Model) -> None:
        """Refuse what is too large. With which status Bytez does is unknown: 403 is our choice."""
        if self._any_size or account.row is None or model.closed:
            return
        up_to = TIERS[account.row].up_to
        if model.params > up_to:  # Not by the meter: the last one has room for models of any size.
            raise Refused(403, f"this tier runs models of up to {up_to:g}B, and {model.id} is larger")

    def _check_rate(self, account: _Account) -> None:
        if account.row != 0:
            return
        if self._closed_lately(account) == CLOSED_PER_SECOND:
            raise Refused(429, f"Rate limit exceeded: closed models take {CLOSED_PER_SECOND} calls a second")
        account.closed_at.append(self._clock())

    def _closed_lately(self, account: _Account) -> int:
        """The calls of closed models that began within the last second."""
        now = self._clock()
        return sum(now - began < 1 for began in account.closed_at)

    def _headers(self, account: _Account, model: Model, held: int) -> dict[str, str]:
        """The rate limit headers when *held* calls of this size are in flight."""
        if not model.closed:
            limit, used = _limit(account), held
        elif account.row == 0:
            limit, used = CLOSED_PER_SECOND, self._closed_lately(account)
        else:
            limit, used = UNLIMITED_SHOWN, held
        return {
            "ratelimit-limit": str(limit),
            "ratelimit-remaining": str(max(limit - used, 0)),
            "ratelimit-reset": "1",
        }

    def _buy(self, account: _Account) -> bool:
        """Move to the next row; False when there is none, or the cap would be exceeded."""
        if account.row is None or account.row + 1 == len(TIERS):
            return False
        before, after = TIERS[account.row], TIERS[account.row + 1]
        cost = after.usd - before.usd
        if account.spent + cost > self._cap:
            return False
        account.row += 1
        account.spent += cost
        if account.balance is not None:
            account.balance += after.adds(before)
        return True


def _band(model: Model) -> str:
    return "closed" if model.closed else meter_of(model).name


def _held(account: _Account, model: Model) -> int:
    return account.in_flight.get(_band(model), 0)


def _limit(account: _Account) -> int:
    """The calls of one size at a time; without a tier, as many as a header shows."""
    return UNLIMITED_SHOWN if account.row is None else TIERS[account.row].concurrent


def _is_full(account: _Account, model: Model) -> bool:
    return not (model.closed or account.row is None) and _held(account, model) >= _limit(account)


def _full(limit: int) -> str:
    calls = "one call" if limit == 1 else f"{limit} calls"
    return f"Rate limit exceeded: this tier allows {calls} of this size at a time"

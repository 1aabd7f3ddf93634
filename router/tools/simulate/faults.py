"""How an upstream of a simulation fails: by HTTP status, by failure class, by silence, or in the middle."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from router.config.diagnostics import suggest
from router.config.units import finding
from router.core.classify import HINTED, ErrorInfo, classify
from router.core.failure import Failure, FailureClass

HANG: Final = "hang"
CUT: Final = "cut"

_STATUSES = range(400, 600)
_STATUS = re.compile("[45][0-9]{2}")
_CLASSES = tuple(str(kind) for kind in FailureClass if kind is not FailureClass.CANCELLED)


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail.

    Attributes:
        written: as in the scenario: a status, a failure class, ``hang`` or ``cut``.
    """

    written: int | str

    @property
    def hangs(self) -> bool:
        """Whether nothing ever comes."""
        return self.written == HANG

    @property
    def cuts(self) -> bool:
        """Whether the connection breaks where the answer should come, a stream in its middle."""
        return self.written == CUT

    def failure(self, retry_after_s: float | None = None) -> Failure:
        """What the router makes of it.

        Args:
            retry_after_s: what the upstream asks for in Retry-After, rounded up to whole seconds as the
                header is; None: it asks for nothing.
        """
        wait = None if retry_after_s is None else math.ceil(retry_after_s)
        if isinstance(self.written, int):
            headers = {} if wait is None else {"retry-after": str(wait)}
            return classify(self.written, ErrorInfo(), headers, 0.0)
        if self.hangs or self.cuts:
            return Failure(FailureClass.CONNECTION)
        kind = FailureClass(self.written)
        return Failure(kind, hint_s=None if wait is None or kind not in HINTED else float(wait))

    @property
    def may_hint(self) -> bool:
        """Whether Retry-After counts with it."""
        return self.failure(1.0).hint_s is not None


def _fault(value: object) -> Fault:
    if isinstance(value, int) and not isinstance(value, bool) and value in _STATUSES:
        return Fault(value)
    if isinstance(value, str) and _STATUS.fullmatch(value):
        return Fault(int(value))
    if isinstance(value, str) and value in (*_CLASSES, HANG, CUT):
        return Fault(value)
    near = suggest(value, (*_CLASSES, HANG, CUT)) if isinstance(value, str) else None
    names = ", ".join(f"`{name}`" for name in _CLASSES)
    raise finding(
        "bad-value",
        "must be an HTTP status from 400 to 599, a failure class, `hang` or `cut`",
        f"did you mean `{near}`?" if near else f"write `503`, or one of {names}",
    )


def _written(fault: Fault) -> int | str:
    return fault.written


FaultValue = Annotated[
    Fault,
    PlainValidator(_fault),
    PlainSerializer(_written),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": _STATUSES.start, "maximum": _STATUSES.stop - 1},
                {"enum": [*_CLASSES, HANG, CUT]},
                {"type": "string", "pattern": "^[45][0-9][0-9]$"},
            ]
        }
    ),
]

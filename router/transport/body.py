"""A reply's body while it is read: unpacked, and within its cap. What both transports do alike."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from router.transport.base import TransportFailure
from router.transport.unpacking import Unpacking
from router.types import FailureClass

_PIECE_BYTES = 1024 * 1024
"""A piece that was unpacked has at most this many, so that none is ever large."""


class Body(ABC):
    """The body of one response.

    Args:
        max_bytes: decoded bytes after which it is a failure, unless ``lift_cap`` was called.
    """

    def __init__(self, max_bytes: int) -> None:
        self._unpacking: Unpacking | None = None
        self._left: float = max_bytes

    def unpack(self, packing: str | None) -> None:
        """Undo this content-encoding while the body is read; before any of it was. None: it has none."""
        if packing is not None:
            self._unpacking = Unpacking(packing)

    async def read(self, until: float) -> bytes:
        """The whole decoded body; see UpstreamResponse."""
        pieces = []
        while (piece := await self.next(until)) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    async def next(self, until: float) -> bytes | None:
        """The next piece of the decoded body; see UpstreamResponse."""
        unpacking = self._unpacking
        piece = await (self._arrived(until) if unpacking is None else self._unpacked(unpacking, until))
        if piece is not None:
            self._left -= len(piece)
            if self._left < 0:
                raise TransportFailure(FailureClass.PROTOCOL, "the reply is larger than max_reply")
        return piece

    def lift_cap(self) -> None:
        """Let the rest be of any size; see UpstreamResponse."""
        self._left = math.inf

    @abstractmethod
    async def _arrived(self, until: float) -> bytes | None:
        """The next piece as it was sent; None at the end.

        Raises:
            TransportFailure: it did not come, or not by *until*.
        """

    async def _unpacked(self, unpacking: Unpacking, until: float) -> bytes | None:
        """The next piece, unpacked; None at the end."""
        try:
            while not (piece := unpacking.piece(int(min(_PIECE_BYTES, self._left + 1)))):
                packed = await self._arrived(until)
                if packed is None:
                    unpacking.end()
                    return None
                unpacking.feed(packed)
        except ValueError as exc:
            raise TransportFailure(FailureClass.PROTOCOL, f"the content-encoding: {exc}") from exc
        return piece

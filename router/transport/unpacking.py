"""Undoes a content-encoding, a bounded piece at a time, to its proper end and no further."""

from __future__ import annotations

import zlib

_MEMBERS = 1000
"""Of gzip, one after another (RFC 1952, section 2.2); each costs a copy of what is left to read."""

_GZIP = 16 + zlib.MAX_WBITS


class Unpacking:
    """What becomes of one body's bytes.

    Args:
        coding: ``gzip`` or ``deflate``; the latter is read as zlib's format or without its frame, as many
            servers send it (RFC 9110, section 8.4.1.2).
    """

    def __init__(self, coding: str) -> None:
        self._gzip = coding == "gzip"
        self._decompressor = zlib.decompressobj(_GZIP) if self._gzip else None
        self._members = 1
        self._packed = b""
        self._begun = False

    def feed(self, packed: bytes) -> None:
        """Take more; only when ``piece`` has nothing left."""
        self._packed += packed
        self._begun = True

    def piece(self, most: int) -> bytes:
        """The next unpacked bytes, at most *most* of them; empty when more must be fed, or at the end.

        Raises:
            ValueError: it is not what the content-encoding says, or goes on after its end.
        """
        while True:
            if self._decompressor is None:
                if len(self._packed) < 2:  # noqa: PLR2004 # A zlib header, which is told by its first two bytes.
                    return b""
                self._decompressor = zlib.decompressobj(_window(self._packed))
            try:
                piece = self._decompressor.decompress(self._packed, most)
            except zlib.error as exc:
                raise ValueError(str(exc)) from exc
            if not self._decompressor.eof:
                self._packed = self._decompressor.unconsumed_tail
                return piece
            self._packed = self._decompressor.unused_data
            if self._packed:
                self._next_member()
            if piece or not self._packed:
                return piece

    def end(self) -> None:
        """The body has ended.

        Raises:
            ValueError: before what it holds had. A body of no bytes holds nothing.
        """
        if self._begun and (self._decompressor is None or not self._decompressor.eof):
            raise ValueError("the body ends before what it holds")

    def _next_member(self) -> None:
        if not self._gzip or self._members == _MEMBERS:
            raise ValueError("the body goes on after the end of what it holds")
        self._members += 1
        self._decompressor = zlib.decompressobj(_GZIP)


def _window(packed: bytes) -> int:
    """How zlib calls the format of *packed*: by the check in zlib's header (RFC 1950, section 2.2)."""
    framed = packed[0] & 0x0F == zlib.DEFLATED and (packed[0] << 8 | packed[1]) % 31 == 0
    return zlib.MAX_WBITS if framed else -zlib.MAX_WBITS

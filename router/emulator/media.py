"""Small real media, made from a seed: PNG, WAV and AVI, without a codec; and a store that serves them."""

from __future__ import annotations

import hashlib
import io
import math
import struct
import wave
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple, assert_never

if TYPE_CHECKING:
    from router.emulator.tasks import Medium

MAX_ITEMS = 1_000
MAX_TOTAL_BYTES = 64 * 1024 * 1024

IMAGE_SIDE = 64
_RATE_HZ = 8_000
_SOUND_S = 0.25
_FRAMES, _FRAMES_PER_SECOND, _FRAME_SIDE = 8, 8, 16


class File(NamedTuple):
    """A generated medium.

    Attributes:
        kind: image, audio or video, as in its URL.
        content_type: its media type.
        data: its bytes.
    """

    kind: Medium
    content_type: str
    data: bytes


def make(kind: Medium, seed: bytes) -> File:
    """A medium of *kind*, the same for the same *seed* (at least 4 bytes)."""
    match kind:
        case "image":
            return File(kind, "image/png", png(seed, IMAGE_SIDE))
        case "audio":
            return File(kind, "audio/wav", wav(seed))
        case "video":
            return File(kind, "video/x-msvideo", avi(seed))
        case _:
            assert_never(kind)


def png(seed: bytes, side: int) -> bytes:
    """A square in one colour, *side* pixels wide."""
    row = b"\0" + seed[:3] * side
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(row * side)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_png_chunk(name, data) for name, data in parts)


def _png_chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def wav(seed: bytes) -> bytes:
    """A quarter of a second of one tone, 16 bits, mono."""
    pitch_hz = 220 + 2 * seed[0]
    count = int(_RATE_HZ * _SOUND_S)
    samples = [int(8_000 * math.sin(2 * math.pi * pitch_hz * at / _RATE_HZ)) for at in range(count)]
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE_HZ)
        file.writeframes(struct.pack(f"<{count}h", *samples))
    return held.getvalue()


def avi(seed: bytes) -> bytes:
    """A second of one colour growing brighter: uncompressed frames, which every player reads."""
    frames = [
        bytes((value * (number + 1)) // _FRAMES for value in seed[:3]) * _FRAME_SIDE**2
        for number in range(_FRAMES)
    ]
    size = len(frames[0])
    main = struct.pack(
        "<14I",
        1_000_000 // _FRAMES_PER_SECOND,
        0,
        0,
        0,
        _FRAMES,
        0,
        1,
        size,
        _FRAME_SIDE,
        _FRAME_SIDE,
        *(0,) * 4,
    )
    stream = struct.pack(
        "<4s4sIHHIIIIIIiI4H",
        *(b"vids", b"DIB ", 0, 0, 0, 0, 1, _FRAMES_PER_SECOND, 0, _FRAMES, size, -1, 0),
        *(0, 0, _FRAME_SIDE, _FRAME_SIDE),
    )
    image = struct.pack("<IiiHHIIiiII", 40, _FRAME_SIDE, _FRAME_SIDE, 1, 24, 0, size, 0, 0, 0, 0)
    headers = _riff_list(
        b"hdrl",
        _riff(b"avih", main) + _riff_list(b"strl", _riff(b"strh", stream) + _riff(b"strf", image)),
    )
    movie = _riff_list(b"movi", b"".join(_riff(b"00db", frame) for frame in frames))
    return _riff(b"RIFF", b"AVI " + headers + movie)


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _riff_list(kind: bytes, data: bytes) -> bytes:
    return _riff(b"LIST", kind + data)


class MediaStore:
    """The media that were generated, by the path of their URL; the oldest make room."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, File] = OrderedDict()
        self._total_bytes = 0

    def keep(self, medium: File) -> str:
        """Keep *medium*; gives its path, such as ``/image/3f…``."""
        path = f"/{medium.kind}/{hashlib.sha256(medium.data).hexdigest()[:32]}"
        if path not in self._items:
            self._items[path] = medium
            self._total_bytes += len(medium.data)
        self._items.move_to_end(path)
        while len(self._items) > MAX_ITEMS or self._total_bytes > MAX_TOTAL_BYTES:
            _, oldest = self._items.popitem(last=False)
            self._total_bytes -= len(oldest.data)
        return path

    def get(self, path: str) -> File | None:
        """What is kept under *path*; None when there is nothing any more."""
        return self._items.get(path)

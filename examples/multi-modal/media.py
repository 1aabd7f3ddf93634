"""Small media made from nothing: a PNG picture, a WAV sound and an MP4 film."""

from __future__ import annotations

import io
import math
import struct
import wave
import zlib

Colour = tuple[int, int, int]

SIDE = 32
ORANGE: Colour = (255, 128, 0)
BLUE: Colour = (0, 96, 255)


def png(side: int = SIDE, colour: Colour = ORANGE) -> bytes:
    """A square of one colour, *side* pixels wide."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB
    rows = (b"\0" + bytes(colour) * side) * side  # each row begins with its filter: none
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def wav(seconds: float = 0.25, pitch_hz: float = 440.0, rate_hz: int = 16_000) -> bytes:
    """A tone: 16 bits, one channel."""
    samples = (
        round(12_000 * math.sin(2 * math.pi * pitch_hz * index / rate_hz))
        for index in range(round(seconds * rate_hz))
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes(b"".join(struct.pack("<h", sample) for sample in samples))
    return file.getvalue()


def mp4(side: int = SIDE, frames_per_second: int = 4) -> bytes:
    """A film of one second that changes from orange to blue; its frames are PNG pictures."""
    half = frames_per_second // 2
    frames = [png(side, ORANGE)] * half + [png(side, BLUE)] * (frames_per_second - half)
    head = _box(b"ftyp", b"isom" + struct.pack(">I", 0x200) + b"isomiso2mp41")
    data = _box(b"mdat", *frames)
    movie = _movie(side, frames, first_frame_at=len(head) + 8)
    return head + data + movie


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def _full_box(kind: bytes, *parts: bytes, flags: int = 0) -> bytes:
    """A box that begins with its version, here 0, and flags."""
    return _box(kind, struct.pack(">I", flags), *parts)


# The unit of 3x3 that says "do not turn the picture".
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _movie(side: int, frames: list[bytes], *, first_frame_at: int) -> bytes:
    count = len(frames)  # also the duration: time is counted in frames, and they fill one second
    movie_header = _full_box(
        b"mvhd",
        struct.pack(">4I", 0, 0, count, count),  # made, changed, units a second, duration
        struct.pack(">IH10x", 0x10000, 0x100),  # speed 1, volume 1
        _MATRIX,
        struct.pack(">24xI", 2),  # the next track would be number 2
    )
    track_header = _full_box(
        b"tkhd",
        struct.pack(">5I", 0, 0, 1, 0, count),  # made, changed, number, reserved, duration
        struct.pack(">8x4H", 0, 0, 0, 0),  # layer, group, volume, reserved
        _MATRIX,
        struct.pack(">2I", side << 16, side << 16),
        flags=3,  # enabled, in the movie
    )
    media = _box(
        b"mdia",
        _full_box(b"mdhd", struct.pack(">4IHH", 0, 0, count, count, 0x55C4, 0)),  # language: undetermined
        _full_box(b"hdlr", struct.pack(">I4s12x", 0, b"vide"), b"video\0"),
        _box(
            b"minf",
            _full_box(b"vmhd", bytes(8), flags=1),
            _box(b"dinf", _full_box(b"dref", struct.pack(">I", 1), _full_box(b"url ", flags=1))),
            _sample_table(side, frames, first_frame_at),
        ),
    )
    return _box(b"moov", movie_header, _box(b"trak", track_header, media))


def _sample_table(side: int, frames: list[bytes], first_frame_at: int) -> bytes:
    sizes = struct.pack(f">{len(frames)}I", *map(len, frames))
    return _box(
        b"stbl",
        _full_box(b"stsd", struct.pack(">I", 1), _picture_format(side)),
        _full_box(b"stts", struct.pack(">3I", 1, len(frames), 1)),  # each lasts one unit
        _full_box(b"stsc", struct.pack(">4I", 1, 1, len(frames), 1)),  # all in one piece
        _full_box(b"stsz", struct.pack(">2I", 0, len(frames)), sizes),
        _full_box(b"stco", struct.pack(">2I", 1, first_frame_at)),
    )


def _picture_format(side: int) -> bytes:
    """MPEG-4 visual with object type 0x6D, which the MP4 registry gives to PNG."""
    decoder = _descriptor(4, struct.pack(">BB3sII", 0x6D, 0x11, bytes(3), 0, 0))
    stream = _descriptor(3, struct.pack(">HB", 1, 0) + decoder + _descriptor(6, b"\x02"))
    return _box(
        b"mp4v",
        struct.pack(">6xH16x2H", 1, side, side),
        struct.pack(">3IH32xHH", 0x480000, 0x480000, 0, 1, 24, 0xFFFF),  # 72 dots an inch, 24 bits
        _full_box(b"esds", stream),
    )


def _descriptor(tag: int, body: bytes) -> bytes:
    return bytes([tag, len(body)]) + body

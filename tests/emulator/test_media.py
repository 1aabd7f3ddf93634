"""Generated media are what they say, and the store is bounded."""

from __future__ import annotations

import io
import struct
import wave
import zlib
from typing import TYPE_CHECKING

from router.emulator import media
from router.emulator.media import File, MediaStore

if TYPE_CHECKING:
    import pytest

SEED = bytes(range(32))


def test_png_is_whole() -> None:
    """Its pixels are all there, in the seed's colour."""
    data = media.png(SEED, 4)
    start = data.index(b"IDAT") + 4
    length = struct.unpack(">I", data[start - 8 : start - 4])[0]
    rows = zlib.decompress(data[start : start + length])
    assert rows == (b"\0" + SEED[:3] * 4) * 4
    assert data.endswith(b"IEND" + struct.pack(">I", zlib.crc32(b"IEND")))


def test_wav_is_whole() -> None:
    """A quarter of a second that is not silent."""
    with wave.open(io.BytesIO(media.wav(SEED))) as file:
        assert file.getnframes() == file.getframerate() // 4
        assert any(file.readframes(100))


def test_avi_is_whole() -> None:
    """The sizes in its chunks lead exactly through the file, and eight frames are there."""
    data = media.avi(SEED)
    assert data[:4] + data[8:12] == b"RIFFAVI "
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    at, names = 12, []
    while at < len(data):
        size = struct.unpack("<I", data[at + 4 : at + 8])[0]
        names.append(data[at + 8 : at + 12])
        at += 8 + size
    assert at == len(data)
    assert names == [b"hdrl", b"movi"]
    assert data.count(b"00db") == 8


def test_store_keeps_one_of_each() -> None:
    """The same bytes have the same path and are kept once."""
    store = MediaStore()
    file = media.make("image", SEED)
    assert store.keep(file) == store.keep(file)
    assert store.get(store.keep(file)) == file
    assert store.get("/image/00") is None


def test_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number and in bytes; the oldest go, whatever was used stays longer."""
    store = MediaStore()
    monkeypatch.setattr(media, "MAX_ITEMS", 2)
    files = [File("image", "image/png", bytes([number]) * 10) for number in range(3)]
    first, second = store.keep(files[0]), store.keep(files[1])
    store.keep(files[0])
    store.keep(files[2])
    assert store.get(first) is not None
    assert store.get(second) is None
    monkeypatch.setattr(media, "MAX_TOTAL_BYTES", 25)
    last = store.keep(File("audio", "audio/wav", b"x" * 20))
    assert store.get(first) is None
    assert store.get(last) is not None

"""The examples' YAML files are right, for the router and for an editor; their media are real."""

from __future__ import annotations

import io
import runpy
import struct
import wave
import zlib
from typing import TYPE_CHECKING

import jsonschema
import orjson
import pytest
import yaml

from router.cli import main
from tests.examples.readme import EXAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The emulator's and the simulation's; their own tests read them.
SCENARIOS = [EXAMPLES / "faults" / "scenario.yaml", EXAMPLES / "simulate" / "outage.yaml"]
TESTS = [EXAMPLES / "policy-tests-in-config" / name for name in ("more.yaml", "wrong.yaml")]
FLAWED = list((EXAMPLES / "flawed").iterdir())  # Wrong on purpose: test_flawed.py.
FILES = sorted(file for file in EXAMPLES.glob("*/*.yaml") if file not in (*SCENARIOS, *TESTS, *FLAWED))
NATIVE = [file for file in FILES if not file.parent.name.startswith(("seed-", "from-"))]
SCHEMA = EXAMPLES.parent / "schemas" / "router.schema.json"


def _name(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"


@pytest.mark.parametrize("file", FILES, ids=_name)
def test_a_file_passes_check(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``router check`` finds nothing but references without a value, and what LiteLLM's keys come to."""
    code = main(["check", "--json", "--no-env", str(file)])
    report = orjson.loads(capsys.readouterr().out)
    found = {(item["code"], item["severity"]) for item in report["diagnostics"]}
    litellm = {("litellm-approximate", "note"), ("one-credential", "note")}  # Each has its key
    assert found <= {("missing-reference", "note")} | (set() if file in NATIVE else litellm)
    assert (code, report["ok"]) == (0, True)


@pytest.mark.parametrize("file", NATIVE, ids=_name)
def test_a_native_file_satisfies_the_schema(file: Path) -> None:
    """Its first line leads an editor to the schema, and the schema accepts it."""
    modeline = file.read_text().splitlines()[0]
    assert modeline == "# yaml-language-server: $schema=../../schemas/router.schema.json"
    assert (file.parent / "../../schemas/router.schema.json").resolve() == SCHEMA.resolve()
    validator = jsonschema.Draft202012Validator(orjson.loads(SCHEMA.read_bytes()))
    errors = [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text()))]
    assert errors == []


@pytest.mark.parametrize("file", TESTS, ids=_name)
def test_a_file_of_tests_satisfies_its_schema(file: Path) -> None:
    """Its first line leads an editor to the schema, and the schema accepts it."""
    schema = SCHEMA.with_name("tests.schema.json")
    modeline = file.read_text().splitlines()[0]
    assert modeline == "# yaml-language-server: $schema=../../schemas/tests.schema.json"
    validator = jsonschema.Draft202012Validator(orjson.loads(schema.read_bytes()))
    assert list(validator.iter_errors(yaml.safe_load(file.read_text()))) == []


def test_there_are_native_files() -> None:
    """The two tests above test something."""
    assert len(NATIVE) >= 7
    assert len(FILES) - len(NATIVE) == 4


@pytest.fixture
def media() -> dict[str, bytes]:
    """What multi-modal/media.py makes."""
    made = runpy.run_path(str(EXAMPLES / "multi-modal" / "media.py"))
    return {name: made[name]() for name in ("png", "wav", "mp4")}


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        assert struct.unpack_from(">I", data, position + 8 + length) == (zlib.crc32(kind + body),)
        yield kind, body
        position += length + 12


def test_the_picture_is_a_png(media: dict[str, bytes]) -> None:
    """Signature, checksums, order of chunks, and as many bytes of pixels as its header says."""
    assert media["png"][:8] == b"\x89PNG\r\n\x1a\n"
    chunks = list(_png_chunks(media["png"]))
    assert [kind for kind, _ in chunks] == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack_from(">II", chunks[0][1])
    assert len(zlib.decompress(chunks[1][1])) == height * (1 + 3 * width)


def test_the_sound_is_a_wav(media: dict[str, bytes]) -> None:
    """A quarter of a second of sound that is not silence."""
    with wave.open(io.BytesIO(media["wav"])) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (1, 2, 16_000)
        assert sound.getnframes() == 4_000
        assert len(set(sound.readframes(4_000))) > 100


def _boxes(data: bytes) -> dict[bytes, bytes]:
    boxes: dict[bytes, bytes] = {}
    position = 0
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        assert size >= 8
        boxes[kind] = data[position + 8 : position + size]
        position += size
    assert position == len(data)
    return boxes


def test_the_film_is_an_mp4(media: dict[str, bytes]) -> None:
    """Its sample table leads to every frame, and every frame is a picture; the colour changes once."""
    film = media["mp4"]
    top = _boxes(film)
    assert list(top) == [b"ftyp", b"mdat", b"moov"]
    inner = _boxes(_boxes(_boxes(top[b"moov"])[b"trak"])[b"mdia"])
    table = _boxes(_boxes(inner[b"minf"])[b"stbl"])
    _, count, *sizes = struct.unpack(f">{len(table[b'stsz']) // 4 - 1}I", table[b"stsz"][4:])
    assert count == len(sizes) == 4
    (start,) = struct.unpack_from(">I", table[b"stco"], 8)
    frames = []
    for size in sizes:
        frames.append(film[start : start + size])
        start += size
    assert [len(list(_png_chunks(frame))) for frame in frames] == [3] * 4
    assert frames[0] == frames[1] == media["png"] != frames[2] == frames[3]

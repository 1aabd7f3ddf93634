"""Hostile files end in a finding, quickly and in bounded memory; odd but good ones are read."""

from __future__ import annotations

import os
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from router.config import Loaded, load_file, load_text, source
from router.config.diagnostics import Diagnostics
from router.config.nodes import plain
from router.config.reader import NORMAL, decode
from router.config.source import parse

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1024 * 1024
HEAD = "version: 1\nmodels:\n  chat: bytez/a/b\n"


def codes(loaded: Loaded) -> set[str]:
    return {item.code for item in loaded.diagnostics}


def read(text: str) -> Any:
    diagnostics = Diagnostics()
    root = parse(text, "f", NORMAL, diagnostics)
    assert root is not None
    assert not list(diagnostics)
    return plain(root)


def billion_laughs() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        lines.append(f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]")
    return "\n".join(lines)


HOSTILE = {
    "billion laughs": (billion_laughs(), "too-large"),
    "brackets": ("[" * MIB, "too-large"),
    "braces": ("{a: " * (MIB // 4), "too-large"),
    "dashes": ("- " * (MIB // 2), "too-large"),
    "question marks": ("? " * (MIB // 2), "yaml-key"),
    "itself": ("a: &a [*a]", "yaml-alias"),
    "itself in a merge": ("a: &a {<<: *a}", "yaml-alias"),
    "deep through aliases": (
        "a: &a " + "[" * 40 + "]" * 40 + "\nb: &b " + "[" * 30 + "*a" + "]" * 30,
        "too-large",
    ),
    "tag": ("a: !!python/object/apply:os.system ['true']", "yaml-tag"),
    "tag directives": ("".join(f"%TAG !a{i}! x{i}\n" for i in range(50_000)) + "--- a", "too-large"),
    "nul": ("\0" * 1000, "file-encoding"),
    "duplicates": ("a: 1\n" * 200_000, "duplicate-key"),
    "merges": ("a: &a {x: 1}\nb:\n" + "  <<: *a\n" * 50_000, "duplicate-key"),
    "a long key": ("k" * (MIB - 10) + ": 1", "yaml-syntax"),
    "a long number": ("a: " + "9" * (MIB - 10), "yaml-number"),
    "a huge exponent": ("a: 1e999999999", "yaml-number"),
    "an open quote": ("a: '" + "x" * (MIB - 10), "yaml-syntax"),
    "a lone surrogate": ('a: "\\ud800"', "yaml-syntax"),
    "control characters": ("a: \x1b[31m", "file-encoding"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_ends_in_a_finding_within_a_second(name: str) -> None:
    """No text costs more than a second of work, and each says what is wrong."""
    text, code = HOSTILE[name]
    started = time.process_time()
    loaded = load_text(text)
    assert time.process_time() - started < 1
    refused(loaded, code)


def refused(loaded: Loaded, code: str) -> None:
    assert code in codes(loaded)
    assert loaded.config is None
    assert all(len(str(item)) < 600 for item in loaded.diagnostics)


def test_a_100_mb_file_is_refused_without_being_read(tmp_path: Path) -> None:
    """Size is checked before content: memory stays far below the file's size."""
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(100 * MIB)
    tracemalloc.start()
    try:
        loaded = load_file(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert codes(loaded) == {"too-large"}
    assert peak < 8 * MIB


def test_large_lifts_the_bounds(tmp_path: Path) -> None:
    """large=True reads what is beyond 1 MiB, up to 32 MiB."""
    path = tmp_path / "large.yaml"
    path.write_text(HEAD + "# " + "x" * MIB + "\n", encoding="utf-8")
    assert codes(load_file(path)) == {"too-large"}
    assert load_file(path, large=True).config is not None
    assert codes(load_text("x" * (2 * MIB))) == {"too-large"}


@pytest.mark.parametrize("kind", ["directory", "fifo", "missing", "link to nowhere", "nul in name"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    """A directory, a pipe without a writer or a missing file is a finding, and nothing blocks."""
    path = tmp_path / "config.yaml"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "link to nowhere":
        path.symlink_to(tmp_path / "nowhere")
    elif kind == "nul in name":
        path = tmp_path / "a\0b"
    loaded = load_file(path)
    assert codes(loaded) == {"file-unreadable"}
    assert loaded.locate(("models",)).line == 1


def test_a_device_is_not_read() -> None:
    """/dev/zero never ends."""
    assert codes(load_file("/dev/zero")) == {"file-unreadable"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    """UTF-8 with or without BOM and UTF-16 with one are read, with CRLF too."""
    path = tmp_path / "config.yaml"
    path.write_bytes((HEAD + "  'café': bytez/c/d\n").replace("\n", "\r\n").encode(encoding))
    loaded = load_file(path)
    assert sorted(loaded.require().models) == ["café", "chat"]
    assert loaded.locate(("models", "café"))[1:] == (4, 11)


def test_broken_utf16_is_a_finding() -> None:
    """Half a character at the end is named as such."""
    diagnostics = Diagnostics()
    assert decode(b"\xff\xfea\0b", "f", NORMAL, diagnostics) is None
    assert [item.code for item in diagnostics] == ["file-encoding"]


def test_64_anchored_blocks_merge() -> None:
    """Many small anchors are a normal way to write a config."""
    anchors = "".join(f"    p{i}: &p{i} {{temperature: 0.{i}}}\n" for i in range(64))
    groups = "".join(
        f"  g{i}:\n    <<: &b{i} {{targets: [bytez/a/b], timeout: 1m}}\n    params: {{x: *p{i}}}\n"
        for i in range(64)
    )
    text = f"version: 1\nmodels:\n  chat:\n   targets: [bytez/a/b]\n   params:\n{anchors}{groups}"
    config = load_text(text).require()
    assert len(config.models) == 65
    assert config.models["g7"].timeout == 60
    assert config.models["g63"].params == {"x": {"temperature": 0.63}}


def test_scalars_follow_json() -> None:
    """Only JSON's own words and numbers are anything but text."""
    text = """
    a: [true, false, null, , ~, True, no, on, yes, off]
    b: [1, -1, 0, -0, 1.5, 1e3, 1.5E-2, 18446744073709551615]
    c: [1:30, 0755, 0x1f, 1_000, .5, 5., +1, .inf, .nan, NaN, Infinity, 2020-01-01, "1", 'true']
    d: |
      1
    e:
    """
    assert read(text.replace(", ,", ",")) == {
        "a": [True, False, None, "~", "True", "no", "on", "yes", "off"],
        "b": [1, -1, 0, 0, 1.5, 1000.0, 0.015, 2**64 - 1],
        "c": [
            "1:30",
            "0755",
            "0x1f",
            "1_000",
            ".5",
            "5.",
            "+1",
            ".inf",
            ".nan",
            "NaN",
            "Infinity",
            "2020-01-01",
            "1",
            "true",
        ],
        "d": "1\n",
        "e": None,
    }


def test_keys_are_text_as_written() -> None:
    """A key that looks like a boolean or a number is its own text."""
    assert read("on: 1\nno: 2\n1: 3\nnull: 4\n1.50: 5") == {"on": 1, "no": 2, "1": 3, "null": 4, "1.50": 5}


def test_merges() -> None:
    """The map's own key wins, then the earlier merged map; a quoted << is a plain key."""
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc: {x: 0, <<: [*a, *b]}\nd: {'<<': 1, <<: *a}"
    data = read(text)
    assert data["c"] == {"x": 0, "y": 1, "z": 2}
    assert data["d"] == {"<<": 1, "x": 1, "y": 1}


def test_anchors_on_keys_and_redefined() -> None:
    """An anchor on a key can be used; a later anchor of the same name replaces the earlier."""
    assert read("&k a: 1\nb: *k\nc: &v 1\nd: &v 2\ne: *v")["b"] == "a"
    assert read("c: &v 1\nd: &v 2\ne: *v")["e"] == 2


def test_structural_mistakes_have_places_and_plain_words() -> None:
    """Syntax errors name line and column and say what was expected."""
    expected = {
        "a: b: c": (1, 5, "a `:` stands where no key can be"),
        "a:\n  - b\n c: 1": (3, 2, "a key was expected"),
        "a: [1, 2": (1, 4, "this `[` is not closed"),
        "a: 'x": (1, 4, "this quote is not closed"),
        "a:\n\t- b": (2, 1, "cannot begin a value (a tab cannot indent)"),
        "*a : b": (1, 1, "a key must be text, not an alias"),
        "? \n: b": (1, 2, "a key is missing before the `:`"),
        "a: *b": (1, 4, "no `&b` is defined"),
        "%FOO\n---\na: 1": (1, 5, "this is not YAML"),
        "- a": (1, 1, "must be a map of keys"),
    }
    for text, (line, column, words) in expected.items():
        (item,) = load_text(text).diagnostics
        assert words in item.message, (text, item)
        assert item.line == line, (text, item)
        assert item.column == column, (text, item)


def test_what_the_parser_itself_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A character that only the YAML reader objects to is a finding too."""
    monkeypatch.setattr(source, "acceptable", lambda *_: True)
    assert codes(load_text("a: \0")) == {"yaml-syntax"}

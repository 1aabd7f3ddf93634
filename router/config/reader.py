"""Bytes to text: only regular files, only so many bytes, only characters that YAML allows."""

from __future__ import annotations

import codecs
import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from router.config.diagnostics import Diagnostics, Place

if TYPE_CHECKING:
    from pathlib import Path as FilePath

MIB = 1024 * 1024
MAX_DIRECTIVES = 64
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DIRECTIVE = re.compile("^%", re.MULTILINE)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost.

    Attributes:
        size: bytes.
        depth: maps and lists inside each other.
        nodes: values in a file without aliases; keys are not counted.
        expanded_nodes: values in a file with aliases, each alias counting as what it repeats.
        hint: what to do about a file with too many bytes or values.
    """

    size: int = MIB
    depth: int = 64
    nodes: int = 200_000
    expanded_nodes: int = 10_000
    hint: str = "shorten it, split it with `include`, or use `--large` for a file that you trust"


NORMAL = Limits()
LARGE = Limits(size=32 * MIB, nodes=2_000_000)


def limits(*, large: bool) -> Limits:
    """The bounds for a file; *large* is for files that are trusted to be big."""
    return LARGE if large else NORMAL


def read_file(
    path: FilePath, limit: Limits, diagnostics: Diagnostics, *, at: Place | None = None
) -> str | None:
    """The text of a regular file, or None with a finding.

    Args:
        path: the file.
        limit: bounds; no more than ``limit.size`` bytes and one are ever read.
        diagnostics: takes the findings.
        at: where an ``include`` names the file; None for a root file.
    """
    place = at or Place(str(path), 1, 1)
    try:
        data = _read_bytes(path, limit.size + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "not a usable path"
        diagnostics.add("file-unreadable", place, f"cannot read `{path}`: {reason}")
        return None
    if data is None:
        message = f"`{path}` is not a regular file"
        diagnostics.add("file-unreadable", place, message, hint="give the path of a YAML file")
        return None
    return decode(data, str(path), limit, diagnostics)


def _read_bytes(path: FilePath, count: int) -> bytes | None:
    # O_NONBLOCK: opening a pipe without a writer would wait for ever.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        parts: list[bytes] = []
        while count > 0 and (part := os.read(descriptor, min(count, MIB))):
            parts.append(part)
            count -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def decode(data: bytes, file: str, limit: Limits, diagnostics: Diagnostics) -> str | None:
    """Text from bytes, or None with a finding."""
    if len(data) > limit.size:
        diagnostics.add(
            "too-large",
            Place(file, 1, 1),
            f"the file is larger than {limit.size // MIB} MiB",
            hint=limit.hint,
        )
        return None
    encoding = "utf-8"
    for mark, name in _BOMS:
        if data.startswith(mark):
            data, encoding = data[len(mark) :], name
            break
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, "replace")
        message = "a byte here is not UTF-8 text" if encoding == "utf-8" else "this is not UTF-16 text"
        diagnostics.add(
            "file-encoding", place_of(before, len(before), file), message, hint="save the file as UTF-8"
        )
        return None


def acceptable(text: str, file: str, limit: Limits, diagnostics: Diagnostics) -> bool:
    """Whether *text* may be given to the YAML parser; a finding says why not."""
    if len(text) > limit.size:
        message = f"the text is larger than {limit.size // MIB} MiB"
        diagnostics.add("too-large", Place(file, 1, 1), message, hint="shorten it, or pass `large=True`")
        return False
    if match := _FORBIDDEN.search(text):
        what = "NUL: this looks like a binary file" if match[0] == "\0" else f"U+{ord(match[0]):04X}"
        message = f"a character that YAML does not allow: {what}"
        diagnostics.add("file-encoding", place_of(text, match.start(), file), message, hint="remove it")
        return False
    # libyaml compares every %TAG with every other: without a bound their cost is quadratic.
    directives = list(_DIRECTIVE.finditer(text, 0)) if text.count("%") > MAX_DIRECTIVES else []
    if len(directives) > MAX_DIRECTIVES:
        place = place_of(text, directives[MAX_DIRECTIVES].start(), file)
        diagnostics.add("too-large", place, f"more than {MAX_DIRECTIVES} lines begin with `%`")
        return False
    return True


def place_of(text: str, offset: int, file: str) -> Place:
    """The place of the character at *offset*."""
    start = max(text.rfind("\n", 0, offset), text.rfind("\r", 0, offset)) + 1
    line = 1 + len(re.findall(r"\r\n|\r|\n", text[:offset]))
    return Place(file, line, offset - start + 1)

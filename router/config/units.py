"""Durations and sizes: a number with its unit, never without."""

from __future__ import annotations

import re
from typing import Final, LiteralString

from pydantic_core import PydanticCustomError

MAX_DURATION_S: Final = 24 * 3600.0
MIN_DURATION_S: Final = 0.001
DURATION_PATTERN: Final = r"[0-9]+(\.[0-9]+)?(ms|s|m|h)"
SIZE_PATTERN: Final = r"[0-9]+(KiB|MiB|GiB)"

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_BYTES = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_SIZE = re.compile(r"([0-9]{1,9})(KiB|MiB|GiB)")
_MAX_SIZE = _BYTES["GiB"]
_LONGEST_TEXT = 32


def finding(code: LiteralString, message: str, hint: str | None = None) -> PydanticCustomError:
    """An error that a validator raises and ``load`` turns into a diagnostic with this code."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def duration(value: object) -> float:
    """Seconds from ``500ms``, ``30s``, ``10m`` or ``1h``: 1 ms to 24 h."""
    seconds = pause(value)
    if seconds < MIN_DURATION_S:
        raise finding("bad-value", "a duration must be at least 1ms")
    return seconds


def pause(value: object) -> float:
    """Seconds as in ``duration``, where ``0s`` means not at all."""
    if _number(value):
        shown = f"{value:g}" if abs(float(str(value))) < MAX_DURATION_S else "30"
        raise finding(
            "missing-unit", "a duration needs its unit", f"write `{shown}s` for seconds, or `ms`, `m`, `h`"
        )
    match = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= _LONGEST_TEXT else None
    if not match:
        raise finding("bad-value", "must be a duration", "write `500ms`, `30s`, `10m` or `1h`")
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > MAX_DURATION_S:
        raise finding("bad-value", "a duration must be at most 24h")
    return seconds


def size(value: object) -> int:
    """Bytes from ``64KiB``, ``16MiB`` or ``1GiB``: 1 KiB to 1 GiB."""
    if _number(value):
        raise finding("missing-unit", "a size needs its unit", "write `64KiB`, `16MiB` or `1GiB`")
    match = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise finding("bad-value", "must be a size", "write `64KiB`, `16MiB` or `1GiB`")
    count = int(match[1]) * _BYTES[match[2]]
    if not _BYTES["KiB"] <= count <= _MAX_SIZE:
        raise finding("bad-value", "a size must be from 1KiB to 1GiB")
    return count


def duration_text(seconds: float) -> str:
    """The shortest exact spelling of *seconds*."""
    for unit in ("h", "m", "s", "ms"):
        count = round(seconds / _SECONDS[unit])
        if count * _SECONDS[unit] == seconds and (count or unit == "s"):
            return f"{count}{unit}"
    return f"{seconds!r}s"


def size_text(count: int) -> str:
    """The shortest exact spelling of *count* bytes, a whole number of KiB."""
    unit = next(name for name in ("GiB", "MiB", "KiB") if count % _BYTES[name] == 0)
    return f"{count // _BYTES[unit]}{unit}"

"""When an upstream says how long to wait: response headers to seconds.

Pure: the wall time is an argument, and serves to read dates and epochs only.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_HINT_S = 86_400.0
"""No hint counts for more than a day; the chain caps it further."""

_LONGEST_VALUE = 64
_RELATIVE_BELOW_S = 30 * 86_400
_EPOCH_MS_FROM = 1e11
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{0,18})?", re.ASCII)
_DURATION = re.compile(
    r"(?:(?P<h>\d{1,9}(?:\.\d{1,9})?)h)?(?:(?P<m>\d{1,9}(?:\.\d{1,9})?)m(?!s))?"
    r"(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)s)?(?:(?P<ms>\d{1,9}(?:\.\d{1,9})?)ms)?",
    re.ASCII,
)
_UNIT_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def retry_hint(headers: Mapping[str, str], now_wall: float, *, resets: bool = False) -> float | None:
    """Seconds the upstream asks us to wait, in [0, MAX_HINT_S]; None when it says nothing readable.

    The first that can be read counts: ``retry-after-ms``, ``retry-after`` (seconds or an
    HTTP-date; a past date is 0), then, with *resets*, the longest of ``ratelimit-reset`` and
    ``x-ratelimit-reset*`` whose matching ``remaining`` is 0 or absent.

    Args:
        headers: response headers, names lower-cased.
        now_wall: seconds since 1970.
        resets: whether the reset headers count. They come with good replies too, so they mean
            "wait" only beside a 429.

    Source: RFC 9110 10.2.3 (Retry-After); Azure and the openai SDK (retry-after-ms); OpenAI's
    ``x-ratelimit-reset-requests: 6m0s``; draft-ietf-httpapi-ratelimit-headers.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return _bounded(milliseconds / 1000)
    after = _retry_after(headers.get("retry-after", ""), now_wall)
    if after is not None:
        return after
    return _longest_reset(headers, now_wall) if resets else None


def _retry_after(value: str, now_wall: float) -> float | None:
    seconds = _number(value)
    if seconds is not None:
        return _bounded(seconds)
    if len(value) > _LONGEST_VALUE:
        return None
    try:
        date = parsedate_to_datetime(value)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)  # "-0000": UTC, says RFC 5322; never this machine's zone.
        return _bounded(date.timestamp() - now_wall)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None  # What email.utils and datetime raise for something that is not a date.


def _longest_reset(headers: Mapping[str, str], now_wall: float) -> float | None:
    longest: float | None = None
    for name, value in headers.items():
        if name != "ratelimit-reset" and not name.startswith("x-ratelimit-reset"):
            continue
        remaining = _number(headers.get(name.replace("reset", "remaining", 1), ""))
        if remaining:
            continue  # This limit is not the one we ran into.
        reset = _reset(value, now_wall)
        if reset is not None and (longest is None or reset > longest):
            longest = reset
    return longest


def _reset(value: str, now_wall: float) -> float | None:
    """A duration such as ``6m0s``, or a number: seconds left, epoch seconds or epoch milliseconds.

    Bytez does not document the unit; below 30 days a number must be seconds left, as no epoch of
    our time is so small.
    """
    number = _number(value)
    if number is None:
        return _duration(value)
    if number < _RELATIVE_BELOW_S:
        return _bounded(number)
    epoch = number / 1000 if number >= _EPOCH_MS_FROM else number
    return _bounded(epoch - now_wall)


def _number(value: str) -> float | None:
    match = _NUMBER.fullmatch(value.strip()) if len(value) <= _LONGEST_VALUE else None
    return float(match[0]) if match else None


def _duration(value: str) -> float | None:
    """Seconds of a duration as Go prints it (``1h2m3.5s``, ``250ms``)."""
    match = _DURATION.fullmatch(value.strip()) if len(value) <= _LONGEST_VALUE else None
    if match is None or match.lastgroup is None:
        return None
    parts = (float(amount) * _UNIT_S[unit] for unit, amount in match.groupdict().items() if amount)
    return _bounded(sum(parts))


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), MAX_HINT_S)

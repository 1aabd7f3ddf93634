"""Retry hints: every documented spelling. What holds for any bytes is in tests/property."""

import time

import pytest

from router.core.hints import MAX_HINT_S, retry_hint

NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT, RFC 9110's own example.


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1000000000"}, MAX_HINT_S),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after": "9" * 100}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sunday, 06-Nov-94 08:49:47 GMT"}, 10.0),
        ({"retry-after": "Sun Nov  6 08:49:47 1994"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 -0000"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 17:49:47 +0900"}, 10.0),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT" + " " * 35}, 10.0),  # 64 characters,
        ({"retry-after": "Sun, 06 Nov 1994 08:49:47 GMT" + " " * 36}, None),  # and one too many.
        ({"retry-after": " " * 63 + "7"}, 7.0),
        ({"retry-after": " " * 64 + "7"}, None),
        ({"retry-after": "Sun, 06 Nov 1994 08:49:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 06 Nov 2999 08:49:00 GMT"}, MAX_HINT_S),
        ({"retry-after": "Sun, 99 Nov 1994 08:49:00 GMT"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9.0),
        ({"ratelimit-reset": "3"}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    """Retry-After is read in each legal form, milliseconds win, anything else is no hint."""
    assert retry_hint(headers, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"ratelimit-reset": "3"}, 3.0),
        ({"ratelimit-reset": str(30 * 86400 - 1)}, MAX_HINT_S),
        ({"ratelimit-reset": str(30 * 86400)}, 0.0),  # From here on an epoch, and long past.
        ({"ratelimit-reset": str(int(NOW) + 5)}, 5.0),
        ({"ratelimit-reset": str((int(NOW) + 5) * 1000)}, 5.0),
        ({"ratelimit-reset": str(int(NOW) - 5)}, 0.0),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-reset-requests": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-reset-requests": "250ms"}, 0.25),
        ({"x-ratelimit-reset-requests": "1m250ms"}, 60.25),
        ({"x-ratelimit-reset-requests": "in a while"}, None),
        ({"x-ratelimit-reset-requests": ""}, None),
        ({"x-ratelimit-reset-requests": "1s" * 99}, None),
        ({"x-ratelimit-reset-requests": "999999999.999999999h999999999.999999999m1s" + " " * 22}, MAX_HINT_S),
        ({"x-ratelimit-reset-requests": "999999999.999999999h999999999.999999999m1s" + " " * 23}, None),
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "9s"}, 9.0),
        ({"x-ratelimit-reset-requests": "9s", "x-ratelimit-reset-tokens": "1s"}, 9.0),
        (
            {
                "x-ratelimit-reset-requests": "9s",
                "x-ratelimit-remaining-requests": "12",
                "x-ratelimit-reset-tokens": "1s",
                "x-ratelimit-remaining-tokens": "0",
            },
            1.0,
        ),
        ({"ratelimit-reset": "3", "ratelimit-remaining": "4"}, None),
        ({"ratelimit-reset": "3", "retry-after": "1"}, 1.0),
    ],
)
def test_resets(headers: dict[str, str], expected: float | None) -> None:
    """Reset headers count after Retry-After: the longest whose limit is used up."""
    assert retry_hint(headers, NOW, resets=True) == expected


def test_milliseconds_from_a_hundred_thousand_million_on() -> None:
    """10^11 is read as milliseconds, of the year 1973; as seconds it were the year 5138."""
    assert retry_hint({"ratelimit-reset": "100000000000"}, 1e8 - 5, resets=True) == 5.0
    assert retry_hint({"ratelimit-reset": "99999999999"}, 99_999_999_999 - 5.0, resets=True) == 5.0


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system cannot change a process's zone")
def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """``-0000`` says nothing of a zone; the zone of this machine is the last to be meant."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        hint = retry_hint({"retry-after": "Sun, 06 Nov 1994 08:49:47 -0000"}, NOW)
    time.tzset()
    assert hint == 10.0

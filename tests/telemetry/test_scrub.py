from __future__ import annotations

import base64
import time
from urllib.parse import quote

import pytest

from router.telemetry.records import token_count
from router.telemetry.scrub import MAX_CHARS, WINDOW, Scrubber
from router.types import Secret

KEY = "sk-0aZ/+9?xY=canary~end"
SCRUBBER = Scrubber([Secret(KEY), Secret("short")])


@pytest.mark.parametrize("form", [KEY, quote(KEY, safe=""), base64.b64encode(KEY.encode()).decode(), "short"])
def test_every_form_is_masked(form: str) -> None:
    """A secret is masked as it is, percent-encoded and in base64."""
    assert SCRUBBER.clean(f"a {form} b") == "a *** b"


@pytest.mark.parametrize("start", range(len(KEY) - WINDOW + 1))
def test_every_part_is_masked(start: int) -> None:
    """Any 8 characters of a secret are masked, wherever they stand."""
    part = KEY[start : start + WINDOW]
    assert SCRUBBER.clean(f"<{part}>") == "<***>"
    assert SCRUBBER.clean(part) == "***"


def test_the_rest_stays() -> None:
    """Text without a secret is unchanged; two secrets are two masks."""
    assert SCRUBBER.clean("nothing to hide: sk-0aZ") == "nothing to hide: sk-0aZ"
    assert SCRUBBER.clean(f"{KEY} and {KEY}") == "*** and ***"
    assert Scrubber([]).clean("x") == "x"


def test_length() -> None:
    """At most 1 KiB in bytes stays, cut between characters, and a secret at the cut does not slip through."""
    assert len(SCRUBBER.clean("é" * 5000).encode()) <= MAX_CHARS
    assert SCRUBBER.clean("x" * (MAX_CHARS - 10) + KEY).endswith("x***")


def test_long_secrets_are_quick() -> None:
    """A secret of 64 KiB costs no noticeable time."""
    scrubber = Scrubber([Secret("ab1" * 21_845)])
    began = time.monotonic()
    scrubber.clean("x" * 5000)
    assert time.monotonic() - began < 1


def test_token_count() -> None:
    """Only a whole number counts as a token count."""
    usage: dict[str, object] = {"a": 3, "b": True, "c": "4", "d": 1.5}
    assert [token_count(usage, name) for name in "abcde"] == [3, None, None, None, None]

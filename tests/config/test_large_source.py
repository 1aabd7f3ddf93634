"""Near a mebibyte of well-formed YAML, all of which has to be understood: seconds of work, and no more."""

from __future__ import annotations

import time

import pytest

from router.config import load_text
from tests.config.test_source import MIB, codes, refused

BIG = {
    "values": ("a: [" + "1," * 500_000 + "]", "too-large"),
    "unknown keys": ("".join(f"key{i}: 1\n" for i in range(70_000)), "unknown-key"),
    "unknown providers": (
        "version: 1\nmodels:\n" + "".join(f"  g{i}: x{i}/y\n" for i in range(50_000)),
        "unknown-provider",
    ),
    "wildcards": (
        "version: 1\nmodels:\n" + "".join(f"  '*{i}': bytez/a/b\n" for i in range(40_000)),
        "too-large",
    ),
    "unknown fallbacks": (
        "version: 1\nmodels:\n"
        + "".join(f"  'f{i}*x': bytez/a/b\n" for i in range(999))
        + "  z: {targets: [bytez/a/b], fallbacks: ["
        + ",".join(f"f{i}" for i in range(90_000))
        + "]}\n",
        "unknown-group",
    ),
}


@pytest.mark.parametrize("name", BIG)
def test_big_hostile_text_ends_in_a_finding_within_three_seconds(name: str) -> None:
    """It says what is wrong as any other does."""
    text, code = BIG[name]
    started = time.process_time()
    loaded = load_text(text)
    assert time.process_time() - started < 3
    refused(loaded, code)


def test_a_mebibyte_of_groups_is_read_quickly() -> None:
    """A big good file costs less than three seconds."""
    text = "version: 1\nmodels:\n" + "".join(
        f"  group-{i}: bytez/google/gemma-3-4b-it\n" for i in range(24_000)
    )
    assert 0.9 * MIB < len(text) < MIB
    started = time.process_time()
    assert len(load_text(text).require().models) == 24_000
    assert time.process_time() - started < 3


def test_aliases_bound_the_expanded_size() -> None:
    """10,000 values with aliases expanded pass, more do not; without aliases 200,000 do."""
    block = "a: &a [" + "1," * 997 + "1]\n"
    assert load_text(block + "b: [" + "*a," * 8 + "]\n").root is not None
    assert codes(load_text(block + "b: [" + "*a," * 10 + "]\n")) == {"too-large"}
    assert "too-large" not in codes(load_text("a: [" + "1," * 199_000 + "]"))

"""Gives routers something to call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.library.upstream import KEY, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def two() -> Iterator[Upstream]:
    """A second upstream."""
    with Upstream() as server:
        yield server


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CANARY", KEY)
    return KEY

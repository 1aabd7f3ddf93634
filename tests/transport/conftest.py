"""Gives transports something to call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.library.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def up() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server

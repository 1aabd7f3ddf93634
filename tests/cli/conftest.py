"""What the tests of the command line share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """A command that serves configures logging for its process, which here is the tests'."""
    root = logging.getLogger()
    handlers = root.handlers
    yield
    root.handlers = handlers
    structlog.reset_defaults()
